"""What was found in images, as a table and as COCO's results, for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from inceptionkit.errors import DataError
from inceptionkit.files import write_whole

if TYPE_CHECKING:
    from inceptionkit.detection.find import FoundObjects

COLUMNS = ("image", "label", "score", "x1", "y1", "x2", "y2", "exit", "error")


def require_new(path: str | Path) -> Path:
    """A file that can be written when the work is done.

    Raises:
        DataError: it is there already, or its folder is not.
    """
    place = Path(path).expanduser()
    if place.exists():
        msg = f"{path}: is there already; delete it, or choose another name"
        raise DataError(msg)
    if not place.absolute().parent.is_dir():
        msg = f"{path}: there is no folder {place.parent}; make it, or choose another name"
        raise DataError(msg)
    return place


def write_table(path: Path, answers: Sequence[FoundObjects]) -> None:
    """Write a row for each object; one with empty cells for an image without any.

    `open_detection` reads such a table, as it reads every table of boxes.

    Raises:
        WriteError: it cannot be written.
    """
    content = io.StringIO(newline="")
    rows = csv.writer(content, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in answers:
        objects = one.to_json().get("objects", ())
        for found in objects:
            score = f"{found['score']:.6g}"
            rows.writerow((one.path, found["label"], score, *found["box"], found["exit"], ""))
        if not objects:
            rows.writerow((one.path, *[""] * (len(COLUMNS) - 2), one.error or ""))
    write_whole(path, content.getvalue())


def write_coco_results(path: Path, answers: Sequence[FoundObjects]) -> None:
    """Write the list of results that COCO's programs read.

    An image is known by its name, as a number where it is one, as in COCO's own images; categories
    are numbered from 1, in the order of the detector's classes.

    Sources:
        https://cocodataset.org/#format-results

    Raises:
        WriteError: it cannot be written.
    """
    results = list[dict[str, Any]]()
    for one in answers:
        name = PurePath(one.path).stem
        for box, label, score, _ in () if one.objects is None else one.objects.rows():
            x1, y1, x2, y2 = (round(edge, 2) for edge in box)
            results.append({
                "image_id": int(name) if name.isdecimal() and name.isascii() else name,
                "file_name": one.path,
                "category_id": label + 1,
                "category": one.classes[label],
                "bbox": [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)],
                "score": round(score, 6),
            })  # fmt: skip
    write_whole(path, json.dumps(results, indent=1) + "\n")
