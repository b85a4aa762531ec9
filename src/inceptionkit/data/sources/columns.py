"""Which columns of a table hold the path, the label and the set of an image, and what they say."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from inceptionkit.data import checks
from inceptionkit.data.set_names import set_named
from inceptionkit.data.types import ColumnNames
from inceptionkit.text import printable

Records = Iterable[tuple[int, Mapping[str, Any]]]

# without spaces, signs and the plural; the first that is there counts, but for names of labels
_PATH_WORDS = (
    "path file filename filepath imagepath imgpath imagefile imagefilename imagename image img "
    "imagebyte imgbyte jpg jpeg png webp picture photo fname"
)
_LABEL_WORDS = (
    "label class classe category categorie target classname labelname categoryname finelabel choice"
)
PATHS = tuple(_PATH_WORDS.split())
LABELS = tuple(_LABEL_WORDS.split())
_NUMBERS = ("labelid", "classid", "categoryid", "classidx", "labelidx", "classindex", "labelindex")
_SPLITS = frozenset({"split", "set", "subset", "phase", "partition", "datasplit", "fold", "kfold"})
_FLAGS = {  # columns of true and false -> the sets that they mean
    "isvalid": ("val", "train"),
    "isval": ("val", "train"),
    "isvalidation": ("val", "train"),
    "istest": ("test", "train"),
    "istrain": ("train", "test"),
    "istraining": ("train", "test"),
    "istrainingimage": ("train", "test"),
}
_TRUE = frozenset({"1", "1.0", "true", "t", "yes", "y"})
_FALSE = frozenset({"0", "0.0", "false", "f", "no", "n"})
_ONE_LABEL = "give each image one label: images of several classes cannot be learned"


class LabelError(ValueError):
    """A label that is no class.

    Attributes:
        wrong: as in "line 3 `wrong`".
        advice: what to do.
    """

    def __init__(self, label: object, advice: str = "") -> None:
        shown = printable(str(label)[:80])
        self.wrong = f"has the label {shown}" if advice else f"has several labels, {shown}"
        self.advice = advice or _ONE_LABEL
        super().__init__(self.wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names of columns, as the table spells them.

    Attributes:
        path: of the images.
        label: of the classes; empty where `one_hot` says them.
        split: of the sets; empty where there is none.
        one_hot: columns that are 1 for images of the class that they are called after.
        notes: columns that were considered and are not used.
    """

    path: str
    label: str
    split: str
    one_hot: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_columns(
    address: str, names: Sequence[str], records: Callable[[], Records], named: ColumnNames
) -> Columns:
    """The columns of a table.

    Args:
        address: for messages.
        names: of all columns.
        records: gives the rows, from the start each time.
        named: columns that the user names.

    Raises:
        DataError: a column is missing, misspelt, or one of several; or folds are numbered.
    """
    if not names:
        raise checks.data_error(address, "it is empty", "name images in it, by path and label")
    split, notes = split_column(address, names, lambda name: (r.get(name) for _, r in records()))
    path = named.image or first_of(PATHS, names)
    label = named.label or label_column(address, names)
    one_hot: tuple[str, ...] = ()
    if path in names and not label:
        one_hot = _one_hot(records(), [name for name in names if name not in (path, split)])
    for kind, found in (("path", path), ("label", label or one_hot)):
        if not found:
            _refuse_missing(address, kind, names)
    for option, column in (("image", named.image), ("label", named.label)):
        require_column(address, option, column, names)
    if not split:
        _refuse_near(address, "split", names, {path, label, *one_hot})
    return Columns(path=path, label=label, split=split, one_hot=one_hot, notes=notes)


def key(name: str) -> str:
    """A column's name without case, spaces and signs.

    >>> key("File Name"), key("is_valid")
    ('filename', 'isvalid')
    """
    return re.sub(r"[\W_]+", "", name.casefold())


def first_of(wanted: Sequence[str], names: Iterable[str]) -> str:
    """The first of the `wanted` among `names`, in the singular or the plural; else nothing."""
    keys = {key(name): name for name in reversed(list(names))}
    keys = {word.removesuffix("s"): name for word, name in keys.items()} | keys
    return next((keys[word] for word in wanted if word in keys), "")


def label_column(address: str, names: Sequence[str], noted: Sequence[str] = ()) -> str:
    """The column of the labels, or nothing.

    Args:
        address: for messages.
        names: of all columns that could be it.
        noted: those that are known to hold classes.

    Raises:
        DataError: there are several that could be it.
    """
    if plain := next((name for name in names if key(name) == "label"), ""):
        return plain
    several = [n for n in names if key(n) in LABELS or key(n).removesuffix("s") in LABELS]
    if fine := first_of(["finelabel"], names):
        several = [fine]
    several = several or list(noted)
    if len(several) > 1:
        wrong = f"{checks.quoted(map(printable, several))} may hold the labels"
        raise checks.data_error(address, wrong, "choose one with --label-column")
    return several[0] if several else first_of(_NUMBERS, names)


def split_column(
    address: str, names: Sequence[str], values: Callable[[str], Iterable[object]]
) -> tuple[str, tuple[str, ...]]:
    """The column of the sets, or nothing; and notes of those that say something else.

    Raises:
        DataError: folds are numbered, or two columns say it.
    """
    notes: list[str] = []
    found: list[str] = []
    for name in names:
        if key(name) in _FLAGS or key(name) == "split":
            found.append(name)
        elif key(name).removesuffix("s") in _SPLITS:
            words = {str(value).strip() for value in values(name) if value not in (None, "")}
            if any(map(set_named, words)):
                found.append(name)
            elif key(name) in {"fold", "kfold"} and words:
                wrong = f"column {name!r} numbers folds, which does not say what to train on"
                advice = "write train, val and test into a column 'split', or remove it"
                raise checks.data_error(address, wrong, advice)
            elif words:
                notes.append(f"column {printable(name)!r} names no sets: it is not used")
    if len(found) > 1:
        wrong = f"columns {checks.quoted(map(printable, found))} say the sets"
        raise checks.data_error(address, wrong, "keep one of them")
    return (found[0] if found else ""), tuple(notes)


def _one_hot(records: Records, names: Sequence[str]) -> tuple[str, ...]:
    """The columns that hold nothing but 0 and 1, where there are several."""
    left, rows = dict.fromkeys(names), 0
    for number, record in records:
        for name in list(left) if number else ():
            if str(record.get(name)).strip().lower() not in _TRUE | _FALSE:
                del left[name]
        rows += number > 0
    return tuple(left) if rows and len(left) > 1 else ()


def require_column(address: str, option: str, column: str | None, names: Sequence[str]) -> None:
    """A column that the user names is there.

    Raises:
        DataError: it is not.
    """
    if column is None or column in names:
        return
    near = get_close_matches(column, names, n=1)
    hint = f"did you mean {printable(near[0])!r}?" if near else "give the name of one of them"
    wrong = f"--{option}-column: no column {printable(column)!r} among {_all(names)}"
    raise checks.data_error(address, wrong, hint)


def _refuse_missing(address: str, kind: str, names: Sequence[str]) -> None:
    _refuse_near(address, kind, names, set())
    option = "image" if kind == "path" else kind
    advice = f"add it, or choose another with --{option}-column"
    raise checks.data_error(address, f"no column {kind!r} among {_all(names)}", advice)


def _refuse_near(address: str, kind: str, names: Sequence[str], used: set[str]) -> None:
    """Refuse a table of which a column is misspelt."""
    others = [name for name in names if name not in used and key(name) not in ("path", "label")]
    if near := get_close_matches(kind, others, n=1):
        hint = f"did you mean {_short(near[0])!r}? Call it {kind!r}"
        raise checks.data_error(address, f"no column {kind!r} among {_all(names)}", hint)


def _all(names: Iterable[str]) -> str:
    return ", ".join(map(_short, names))


def _short(word: str) -> str:
    return printable(word[:40])


def set_word(column: str, value: object) -> str:
    """What a column of sets says, as a word; empty for nothing."""
    text = "" if value is None else str(value).strip()
    if column and (sets := _FLAGS.get(key(column))):
        flag = text.lower()
        return sets[0] if flag in _TRUE else sets[1] if flag in _FALSE else text
    return text


def label_word(value: object) -> str:
    """A label as the name of a class; empty for none.

    >>> label_word(0.0), label_word(False), label_word(["a"]), label_word(None)
    ('0', 'False', 'a', '')

    Raises:
        LabelError: several labels, or no whole number.
    """
    match value:
        case None:
            return ""
        case bool() | int():
            return str(value)
        case float():
            return _number_word(value)
        case list() | tuple() if len(value) > 1:
            raise LabelError(value)
        case list() | tuple():
            return label_word(value[0]) if value else ""
        case {"choices": choices}:  # as Label Studio writes
            return label_word(choices)
        case str():
            return _from_text(value.strip())
        case _:
            raise LabelError(value, "give each image the name of a class")


def _from_text(text: str) -> str:
    """A label that may be a list in JSON, or as Python prints one."""
    if text[:1] in {"[", "{"} and text[-1:] in {"]", "}"}:
        for written in (text, text.replace("'", '"')):
            try:
                return label_word(json.loads(written))
            except (json.JSONDecodeError, RecursionError):
                continue
    return text


def _number_word(value: float) -> str:
    if math.isnan(value):
        return ""
    if not value.is_integer():
        advice = "give each image the name of a class, or a whole number"
        raise LabelError(value, advice)
    return str(int(value))


def class_words(words: Sequence[str]) -> list[str]:
    """Labels of a whole table as names of classes: numbers are written without a fraction.

    >>> class_words(["1.0", "0.0"]), class_words(["1.0", "a"])
    (['1', '0'], ['1.0', 'a'])

    Raises:
        LabelError: an image has several labels, or all labels are numbers between classes.
    """
    known = set(words)
    for word in known:
        parts = [part.strip() for part in re.split(r"[|;,]", word)]
        if len(parts) > 1 and known.issuperset(parts):
            raise LabelError(repr(word))
    if any("." in word for word in known) and all(
        re.fullmatch(r"-?\d+(\.\d*)?", word) for word in known
    ):
        plain = {word: _number_word(float(word)) for word in known}
        return [plain[word] for word in words]
    return list(words)


def one_hot_label(record: Mapping[str, Any], columns: Sequence[str]) -> str:
    """The column that is 1; empty where none is.

    Raises:
        LabelError: several are.
    """
    ones = [name for name in columns if str(record.get(name)).strip().lower() in _TRUE]
    if len(ones) > 1:
        raise LabelError(checks.quoted(map(printable, ones)))
    return ones[0] if ones else ""
