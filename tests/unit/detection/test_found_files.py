"""What was found, in files for other programs."""

import csv
import json
from pathlib import Path

import annotated
import numpy as np
import pytest

from inceptionkit.detection.find import FoundObjects
from inceptionkit.detection.found_files import require_new, write_coco_results, write_table
from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.types import Detections, no_boxes
from inceptionkit.errors import DataError

NOTHING = Detections(no_boxes(), np.zeros(0, np.int64), np.zeros(0, np.float32), ())
FOUND = Detections(
    np.array([[1, 2.5, 11, 22], [0, 0, 64, 48]], np.float32),
    np.array([1, 0]),
    np.array([0.75, 0.5], np.float32),
    ("main", "exit1"),
)


def answers(folder: str) -> list[FoundObjects]:
    return [
        FoundObjects(f"{folder}/000.png", FOUND, None, 1.0, annotated.CLASSES),
        FoundObjects(f"{folder}/x.png", NOTHING, None, 1.0, annotated.CLASSES),
        FoundObjects(f"{folder}/y.png", None, "no image", 0.0, annotated.CLASSES),
    ]


def test_a_table_has_a_row_for_each_object_and_says_what_has_none(tmp_path: Path) -> None:
    write_table(tmp_path / "found.csv", answers("new"))

    with (tmp_path / "found.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [list(row.values()) for row in rows] == [
        ["new/000.png", "square", "0.75", "1.0", "2.5", "11.0", "22.0", "main", ""],
        ["new/000.png", "disc", "0.5", "0.0", "0.0", "64.0", "48.0", "exit1", ""],
        ["new/x.png", *[""] * 8],
        ["new/y.png", *[""] * 7, "no image"],
    ]


def test_such_a_table_is_a_table_of_boxes(tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    write_table(root / "boxes.csv", answers("photos")[:1])

    (image,) = open_detection(root).images

    np.testing.assert_allclose(image.boxes, FOUND.boxes)


def test_coco_results_have_numbers_where_names_are_such(tmp_path: Path) -> None:
    write_coco_results(tmp_path / "found.json", answers("new"))

    found = json.loads((tmp_path / "found.json").read_text())
    assert found[0] == {
        "image_id": 0, "file_name": "new/000.png", "category_id": 2, "category": "square",
        "bbox": [1.0, 2.5, 10.0, 19.5], "score": 0.75,
    }  # fmt: skip
    assert len(found) == 2


def test_a_file_that_is_there_or_has_no_folder_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("kept")

    with pytest.raises(DataError, match="is there already; delete it, or choose another name"):
        require_new(tmp_path / "there.csv")
    with pytest.raises(DataError, match="there is no folder"):
        require_new(tmp_path / "nowhere" / "found.csv")
    assert require_new(tmp_path / "new.csv") == tmp_path / "new.csv"
