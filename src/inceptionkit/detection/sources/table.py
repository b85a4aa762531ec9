"""Tables of boxes, a row per object, as the tools of TensorFlow, RetinaNet, Open Images write."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from functools import lru_cache
from statistics import median
from typing import NamedTuple

from inceptionkit.data import checks
from inceptionkit.data.set_names import set_named
from inceptionkit.data.types import SetName
from inceptionkit.detection.sources.files import (
    Files,
    folder_of,
    read_head,
    read_text,
    set_of,
    shown,
    stem,
)
from inceptionkit.detection.sources.raw import LARGEST_SIDE, RawImage, RawSet

BYTES = 2**30
"""Most bytes of a table: 1 GiB, about 15 million rows."""

_HEAD = 4096
_WORDS = {
    "image": "filename file image imagepath imageid imagename path filepath imgname img",
    "label": "class label classname labelname category name type",
    "x1": "xmin x1 left",
    "y1": "ymin y1 top",
    "x2": "xmax x2 right",
    "y2": "ymax y2 bottom",
    "w": "w bw boxwidth",
    "h": "h bh boxheight",
    "x": "x bx",
    "y": "y by",
    "width": "width imagewidth imgwidth",
    "height": "height imageheight imgheight",
    "set": "set split subset",
    "difficult": "difficult iscrowd isgroupof",
}
_MEANINGS = {word: meaning for meaning, words in _WORDS.items() for word in words.split()}
_NUMBERS = frozenset(("x1", "y1", "x2", "y2", "w", "h", "x", "y", "width", "height"))
_ADVICE = "name the columns filename, xmin, ymin, xmax, ymax, class"
_NO_CLASS = f"call the column of classes one of {', '.join(_WORDS['label'].split())}"
ONLY_CLASS = "object"
"""Class of every object of a table that names none."""


class _Object(NamedTuple):
    box: tuple[float, float, float, float]
    label: str
    difficult: bool


class _Columns(NamedTuple):
    at: dict[str, int]
    header: bool


def is_box_table(files: Files, name: str) -> bool:
    """Whether a table has columns of boxes, and one of classes: others may be of something else."""
    head = read_head(files.root / name, _HEAD).decode("utf-8-sig", errors="replace")
    first = io.StringIO(head, newline="").readline()
    columns = _columns(next(csv.reader([first], delimiter=_delimiter(name, head)), []))
    return columns is not None and "label" in columns.at


def read_table(files: Files, names: list[str]) -> RawSet:
    """Read the tables below a folder, of one set each or with a column that names it.

    Raises:
        DataError: a table has no columns of boxes, or is no text.
    """
    raw = RawSet("csv", files)
    for name in names:
        places: dict[str, str | None] = {}  # as the table calls an image -> its path
        objects: list[tuple[RawImage, _Object]] = []
        for number, cells in _rows(files, name):
            called = cells.get("image", "")
            if called not in places:
                places[called] = files.find_image(called, folder_of(name))
            if (path := places[called]) is None:
                raw.missing(called or "a row without name", name)
                continue
            image = _image(raw, path, name, cells)
            if found := _object(raw, f"{shown(name)}, row {number}", cells):
                objects.append((image, found))
        _add(raw, name, objects)
    return raw


def _add(raw: RawSet, name: str, objects: list[tuple[RawImage, _Object]]) -> None:
    """Add the objects of one table, whose numbers are all fractions or all pixels.

    They are fractions where most boxes end within 1: the few that do not reach beyond their image.
    """
    ends = [max(map(abs, found.box)) for _, found in objects if all(map(math.isfinite, found.box))]
    fractions = 0 < median(ends or [0]) <= 1
    for image, found in objects:
        if not image.boxes:
            image.fractions = fractions
        if image.fractions == fractions:
            image.add(found.box, found.label, difficult=found.difficult)
        else:
            says = f"{shown(image.name)} has fractions in one table and pixels in another"
            raw.find("malformed", shown(name), says)


def _rows(files: Files, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and cells of each row that is not empty.

    Raises:
        DataError: the table has no columns of boxes, or is no text.
    """
    where, text = str(files.root / name), read_text(files.root / name, BYTES)
    delimiter = _delimiter(name, text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns = None
    try:
        for number, row in enumerate(rows, 1):
            if not row:
                continue
            if columns is None:
                columns = _columns(row)
                if columns is None:
                    raise checks.data_error(where, "it has no columns of boxes", _ADVICE)
                _require_class(where, row, columns)
                if columns.header:
                    continue
            yield number, _cells(row, columns, decimal="," if delimiter == ";" else ".")
    except csv.Error as error:
        raise checks.data_error(where, f"it is no table ({error})", _ADVICE) from error
    if columns is None:
        raise checks.data_error(where, "it is empty", _ADVICE)


def _require_class(where: str, row: list[str], columns: _Columns) -> None:
    """A table names classes; without a column for them all others are known, so that none is lost.

    Raises:
        DataError: a column that is not known may be the one of classes.
    """
    unknown = [cell for cell in row if cell.strip() and _meaning(cell) is None]
    if "label" not in columns.at and unknown:
        wrong = f"it has no column of classes beside {checks.quoted(unknown)}"
        raise checks.data_error(where, wrong, f"{_NO_CLASS}, or remove the others")


def _cells(row: list[str], columns: _Columns, *, decimal: str) -> dict[str, str]:
    """The cells of a row by their meaning; numbers with a decimal point."""
    found: dict[str, str] = {} if "label" in columns.at else {"label": ONLY_CLASS}
    for key, at in columns.at.items():
        if at < len(row):
            cell = row[at].strip()
            found[key] = cell.replace(decimal, ".") if key in _NUMBERS else cell
    return found


def _image(raw: RawSet, path: str, name: str, cells: dict[str, str]) -> RawImage:
    given = _set_of_row(cells.get("set", ""), stem(name)) or set_of(path)
    image = raw.image(path, name, given)
    if image.stated is None:
        height, width = _whole(cells.get("height")), _whole(cells.get("width"))
        image.stated = (height, width) if height and width else None
    return image


def _object(raw: RawSet, where: str, cells: dict[str, str]) -> _Object | None:
    """The object of a row; None of an image without objects, and of an object without a class."""
    corners = ("x1", "y1", "x2", "y2") if "x1" in cells else ("x", "y", "w", "h")
    texts = [cells.get(key, "") for key in corners]
    if not any(texts):
        return None
    a, b, c, d = (_float(text) for text in texts)
    label = cells.get("label", "")
    if not label:
        raw.find("malformed", where, "it names no class")
        return None
    box = (a, b, c, d) if "x1" in cells else (a, b, a + c, b + d)
    return _Object(box, label, cells.get("difficult", "") in {"1", "true", "True"})


def _columns(row: list[str]) -> _Columns | None:
    """What the columns mean, by their names; of six without names, RetinaNet's order."""
    at: dict[str, int] = {}
    for index, cell in enumerate(row):
        if (meaning := _meaning(cell)) is not None:
            at.setdefault(meaning, index)
    corners = {"x1", "y1", "x2", "y2"} <= at.keys()
    if not corners and {"x", "y", "width", "height"} <= at.keys() and "w" not in at:
        at["w"], at["h"] = at.pop("width"), at.pop("height")
    if "image" in at and (corners or {"x", "y", "w", "h"} <= at.keys()):
        return _Columns(at, header=True)
    numbers = [math.isfinite(_float(cell)) or not cell.strip() for cell in row[1:5]]
    if len(row) == 6 and all(numbers) and not math.isfinite(_float(row[5])):
        at = {"image": 0, "x1": 1, "y1": 2, "x2": 3, "y2": 4, "label": 5}
        return _Columns(at, header=False)
    return None


def _meaning(cell: str) -> str | None:
    """What a column is, by its name."""
    return _MEANINGS.get(re.sub(r"[^a-z0-9]", "", cell.lower().removeprefix("bbox")))


@lru_cache(maxsize=64)
def _set_of_row(cell: str, table: str) -> SetName | None:
    if cell:
        return set_named(cell)
    words = [part for part in re.split(r"[_\-. ]", table) if part not in {"labels", "boxes"}]
    return set_named("_".join(words))


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _whole(text: str | None) -> int:
    number = _float(text or "")
    return int(number) if 0 < number < LARGEST_SIDE else 0


def _delimiter(name: str, text: str) -> str:
    """What stands between cells: a tab in .tsv, a comma, or a semicolon as spreadsheets write it.

    Where numbers have a decimal comma, a spreadsheet writes semicolons.
    """
    if name.lower().endswith(".tsv"):
        return "\t"
    first = text[:_HEAD].lstrip().partition("\n")[0]
    return ";" if first.count(";") > first.count(",") else ","
