"""Tar shards in the WebDataset layout: `000017.jpg` beside `000017.cls`, `.txt` or `.json`.

Sources:
    Aizman, Maltby, Breuel 2019, arXiv:2001.01858, and the documentation of the package webdataset:
    files of one sample share the path up to the first dot of the last part.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from inceptionkit.data import checks
from inceptionkit.data.sources.layout import Listing, Row, is_image, make_listing, unique_names
from inceptionkit.data.storage import File, Member
from inceptionkit.data.types import Unusable
from inceptionkit.text import printable

LAYOUT = (
    "it must hold class folders, or images with a .cls, .txt or .json of the same name beside each"
)
_LABELS = (".cls", ".json", ".txt")  # the first that is there counts
_KEYS = ("cls", "label", "class", "category", "target", "class_name")  # of a .json
_MOST = 2**20  # bytes of a label's file


def is_label(path: str, size: int) -> bool:
    """Whether a member says what an image shows."""
    return size <= _MOST and path.lower().endswith(_LABELS)


def is_webdataset(members: Sequence[Member]) -> bool:
    """Whether some image has a label of the same name beside it."""
    labels = {_key(path)[0] for path, _, content in members if content is not None}
    return any(_is_input(path) and _key(path)[0] in labels for path, _, _ in members)


def arrange(members: Sequence[Member]) -> Listing:
    """Join images and labels of one tar. What lacks the other is listed as unusable."""
    labels: dict[str, dict[str, bytes]] = {}
    for path, _, content in members:
        if content is not None:
            key, ending = _key(path)
            labels.setdefault(key, {})[ending] = content
    rows: list[Row] = []
    skipped, used = list[Unusable](), set()
    for path, place, _ in members:
        key, _ = _key(path)
        if not _is_input(path) or key in used:
            continue
        used.add(key)
        try:
            rows.append(Row(printable(path), _label(labels.get(key, {})), -1, place))
        except ValueError as error:
            skipped.append(Unusable(printable(path), str(error)))
    alone = [key for key in labels if key not in used]
    skipped += [Unusable(printable(key), "there is no image beside its label") for key in alone]
    return make_listing(rows, skipped)


def _key(path: str) -> tuple[str, str]:
    """What the files of one sample share, and how this one ends.

    >>> _key("train.v2/0017.seg.png")
    ('train.v2/0017', '.seg.png')
    """
    folder, slash, name = path.rpartition("/")
    stem, dot, ending = name.partition(".")
    return f"{folder}{slash}{stem}", f"{dot}{ending}".lower()


def _is_input(path: str) -> bool:
    """Whether a member is the image of its sample, and not a mask such as `0017.seg.png`."""
    return _key(path)[1].count(".") == 1 and is_image(path)


def _label(given: dict[str, bytes]) -> str:
    """The class that a sample's label names, as a word."""
    ending = next((kind for kind in _LABELS if kind in given), None)
    if ending is None:
        msg = "there is no .cls, .txt or .json beside it"
        raise ValueError(msg)
    text = given[ending].decode("utf-8-sig", "replace").strip()
    word = _from_json(text) if ending == ".json" else text
    if not word or "\n" in word:
        msg = f"its {ending} names no class"
        raise ValueError(msg)
    return printable(word)


def _from_json(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        msg = "its .json is damaged"
        raise ValueError(msg) from None
    if isinstance(value, dict):
        value = next((value[key] for key in _KEYS if key in value), None)
    is_label = isinstance(value, int | str) and not isinstance(value, bool)
    return str(value).strip() if is_label else ""


def class_names(shard: File) -> tuple[str, ...] | None:
    """Names of the classes from `classes.txt` or `classes.json` beside a shard, if there is one.

    A text file has one name per line. JSON is a list of names, or an object that gives each name
    its number, or each number its name.

    Raises:
        DataError: it cannot be understood.
    """
    for name in ("classes.txt", "classes.json"):
        beside = shard.beside(name)
        with suppress(OSError):
            text = beside.read(0, _MOST).decode("utf-8-sig", "replace")
            names = text.split("\n") if name.endswith(".txt") else _listed(beside.where, text)
            stripped = [printable(name.strip()) for name in names if name.strip()]
            if len(set(stripped)) < len({name.rstrip("\r") for name in names if name.strip()}):
                wrong = "two of its names differ in spaces alone"
                raise checks.data_error(beside.where, wrong, "give each class its own name")
            return unique_names(stripped)
    return None


def _listed(where: str, text: str) -> list[str]:
    """The names in a JSON text, by their numbers."""
    try:
        names: Any = json.loads(text)
        if isinstance(names, dict):
            by_name = all(isinstance(number, int) for number in names.values())
            numbered = names.items() if by_name else [(name, int(n)) for n, name in names.items()]
            names = [name for name, _ in sorted(numbered, key=lambda pair: pair[1])]
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names
    except (ValueError, TypeError, RecursionError):
        pass
    wrong = "it is neither a list of names nor an object of names and numbers"
    raise checks.data_error(where, wrong, "write one, or remove the file")
