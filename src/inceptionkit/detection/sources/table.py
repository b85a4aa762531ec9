"""Tables of boxes, a row per object, as the tools of TensorFlow, RetinaNet, Open Images write."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from inceptionkit.data import checks
from inceptionkit.data.set_names import set_named
from inceptionkit.data.types import SetName
from inceptionkit.detection.sources.files import Files, folder_of, read_text, set_of, shown, stem
from inceptionkit.detection.sources.raw import LARGEST_SIDE, RawImage, RawSet

BYTES = 2**30
"""Most bytes of a table: 1 GiB, about 15 million rows."""

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
_ADVICE = "name the columns filename, xmin, ymin, xmax, ymax, class"


class _Columns(NamedTuple):
    at: dict[str, int]
    header: bool


def is_box_table(files: Files, name: str) -> bool:
    """Whether a table has columns of boxes."""
    try:
        with (files.root / name).open(encoding="utf-8-sig", errors="replace", newline="") as file:
            first = file.readline(4096)
    except OSError:
        return False
    return _columns(next(csv.reader([first], delimiter=_delimiter(name)), [])) is not None


def read_table(files: Files, names: list[str]) -> RawSet:
    """Read the tables below a folder, of one set each or with a column that names it.

    Raises:
        DataError: a table has no columns of boxes, or is no text.
    """
    raw = RawSet("csv")
    images: dict[str, RawImage] = {}
    missing: dict[str, str] = {}
    for name in names:
        places: dict[str, str | None] = {}  # as the table calls an image -> its path
        for number, cells in _rows(files, name):
            called = cells.get("image", "")
            if called not in places:
                places[called] = files.find_image(called, folder_of(name))
            if (path := places[called]) is None:
                missing.setdefault(called, name)
                continue
            if path not in images:
                images[path] = _image(files, path, name, cells)
            _add(raw, f"{shown(name)}, row {number}", images[path], cells)
    for name, source in missing.items():
        called = name or "a row without name"
        raw.skip(shown(called), f"{shown(source)} lists it, and it is missing")
        raw.find("no_image", shown(called), f"listed in {shown(source)}")
    raw.images = list(images.values())
    for image in raw.images:
        sizes = (abs(v) for box in image.boxes for v in box if math.isfinite(v))
        image.fractions = 0 < max(sizes, default=0) <= 1
    return raw


def _rows(files: Files, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and cells of each row that is not empty.

    Raises:
        DataError: the table has no columns of boxes, or is no text.
    """
    where, text = str(files.root / name), read_text(files.root / name, BYTES)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(name))
    columns = None
    try:
        for number, row in enumerate(rows, 1):
            if not row:
                continue
            if columns is None:
                columns = _columns(row)
                if columns is None:
                    raise checks.data_error(where, "it has no columns of boxes", _ADVICE)
                if columns.header:
                    continue
            yield number, {k: row[at].strip() for k, at in columns.at.items() if at < len(row)}
    except csv.Error as error:
        raise checks.data_error(where, f"it is no table ({error})", _ADVICE) from error
    if columns is None:
        raise checks.data_error(where, "it is empty", _ADVICE)


def _image(files: Files, path: str, name: str, cells: dict[str, str]) -> RawImage:
    given = _set_of_row(cells, name) or set_of(path)
    height, width = _whole(cells.get("height")), _whole(cells.get("width"))
    stated = (height, width) if height and width else None
    return RawImage(name=path, path=files.root / path, set=given, source=name, stated=stated)


def _add(raw: RawSet, where: str, image: RawImage, cells: dict[str, str]) -> None:
    corners = ("x1", "y1", "x2", "y2") if "x1" in cells else ("x", "y", "w", "h")
    texts = [cells.get(key, "") for key in corners]
    if not any(texts):
        return  # an image without objects
    a, b, c, d = (_float(text) for text in texts)
    label = cells.get("label", "")
    if not label:
        raw.find("malformed", where, "it names no class")
        return
    box = (a, b, c, d) if "x1" in cells else (a, b, a + c, b + d)
    image.add(box, label, difficult=cells.get("difficult", "") in {"1", "true", "True"})


def _columns(row: list[str]) -> _Columns | None:
    """What the columns mean, by their names; of six without names, RetinaNet's order."""
    at: dict[str, int] = {}
    for index, cell in enumerate(row):
        meaning = _MEANINGS.get(re.sub(r"[^a-z0-9]", "", cell.lower().removeprefix("bbox")))
        if meaning is not None:
            at.setdefault(meaning, index)
    corners = {"x1", "y1", "x2", "y2"} <= at.keys()
    if not corners and {"x", "y", "width", "height"} <= at.keys() and "w" not in at:
        at["w"], at["h"] = at.pop("width"), at.pop("height")
    if {"image", "label"} <= at.keys() and (corners or {"x", "y", "w", "h"} <= at.keys()):
        return _Columns(at, header=True)
    numbers = [math.isfinite(_float(cell)) or not cell.strip() for cell in row[1:5]]
    if len(row) == 6 and all(numbers) and not math.isfinite(_float(row[5])):
        at = {"image": 0, "x1": 1, "y1": 2, "x2": 3, "y2": 4, "label": 5}
        return _Columns(at, header=False)
    return None


def _set_of_row(cells: dict[str, str], name: str) -> SetName | None:
    if cells.get("set"):
        return set_named(cells["set"])
    words = [part for part in re.split(r"[_\-. ]", stem(name)) if part not in {"labels", "boxes"}]
    return set_named("_".join(words))


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _whole(text: str | None) -> int:
    number = _float(text or "")
    return int(number) if 0 < number < LARGEST_SIDE else 0


def _delimiter(name: str) -> str:
    return "\t" if name.lower().endswith(".tsv") else ","
