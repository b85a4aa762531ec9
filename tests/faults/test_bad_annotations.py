"""Annotations that nobody should have written."""

import json
from pathlib import Path

import annotated
import pytest

from inceptionkit.detection.sources import open_detection
from inceptionkit.errors import DataError

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE annotation [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;">]><annotation><filename>&c;</filename></annotation>'
)
EXTERNAL = (
    '<?xml version="1.0"?><!DOCTYPE annotation [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    "<annotation><object><name>&x;</name></object></annotation>"
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LAUGHS, "document type"),
        (EXTERNAL, "document type"),
        ("<annotation><object></annotation>", "not well-formed"),
        ("", "not well-formed"),
        ("<annotation>" + "<a>" * 100, "deep"),
        ("\0\1\2", "not well-formed"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "not well-formed"),
    ],
)
def test_xml_that_is_hostile_or_broken_is_unusable(text: str, says: str, tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    (root / "Annotations" / "000.xml").write_text(text)

    opened = open_detection(root)

    assert [one.name for one in opened.skipped] == ["Annotations/000.xml"]
    assert says in opened.skipped[0].reason
    assert len(opened) == 5


def test_a_coordinate_that_is_no_number_is_a_finding(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    place = root / "Annotations" / "000.xml"
    place.write_text(place.read_text().replace("<xmin>", "<xmin>oops", 1))

    opened = open_detection(root)

    assert [one.kind for one in opened.findings] == ["not_finite"]


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda text: text.replace('"bbox": [', '"bbox": [NaN, ', 1), "it contains NaN"),
        (lambda text: text.replace('"height": 48', '"height": Infinity', 1), "contains Infinity"),
        (lambda text: text[:-5], "it is no JSON"),
        (lambda _: '{"images": [], "annotations": {}}', "it lacks the lists"),
        (lambda text: text.replace('"name": "disc"', '"title": "disc"'), "has no id and name"),
        (lambda text: text.replace('"id": 11', '"id": 10'), "two categories have the id 10"),
        (lambda _: '{"images":' * 100_000, "it is no JSON"),
    ],
)
def test_json_that_is_broken_says_how(break_it: object, says: str, tmp_path: Path) -> None:
    root = annotated.write_coco(tmp_path / "data")
    path = root / "annotations" / "instances_train2017.json"
    path.write_text(break_it(path.read_text()))  # type: ignore[operator]

    with pytest.raises(DataError, match=says):
        open_detection(root)


def test_annotations_of_nothing_and_of_nonsense_are_findings(tmp_path: Path) -> None:
    root = annotated.write_coco(tmp_path / "data")
    path = root / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    content["annotations"] += [
        {"image_id": 999, "category_id": 10, "bbox": [0, 0, 5, 5]},
        {"image_id": 0, "category_id": 10, "bbox": None},
        {"image_id": 0, "category_id": 77, "bbox": [1, 1, 5, 5]},
        {"image_id": 0, "category_id": 10, "bbox": ["a", 1, 5, 1e999]},
        "no object",
    ]
    content["images"].append({"id": 5})
    path.write_text(json.dumps(content).replace("Infinity", "1e999"))

    opened = open_detection(root)

    kinds = sorted(one.kind for one in opened.findings)
    assert kinds == [
        "malformed",
        "malformed",
        "malformed",
        "no_image",
        "not_finite",
        "unknown_class",
    ]


@pytest.mark.parametrize("count", [20_001, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_an_image_with_a_million_boxes_is_unusable(count: int, tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    (root / "labels" / "train" / "000.txt").write_text("0 0.5 0.5 0.1 0.1\n" * count)

    opened = open_detection(root)

    reasons = [one.reason for one in opened.skipped]
    assert reasons == [f"it has {count:,} objects, the limit is 20,000"]


def test_no_object_at_all_is_an_error(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    for place in (root / "Annotations").iterdir():
        place.write_text(annotated.voc_xml("x.png", []))

    with pytest.raises(DataError, match="no usable object; annotate objects"):
        open_detection(root)


def test_no_image_at_all_is_an_error(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    for place in (root / "JPEGImages").iterdir():
        place.write_bytes(b"no image")

    with pytest.raises(DataError, match="no usable image"):
        open_detection(root)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("names: [a, b]\nnc: 3\ntrain: images", "nc is 3, and there are 2 names"),
        ("names: 7\ntrain: images", "its names are no list"),
        ("names: {1: a}\ntrain: images", "its names have no number 0"),
        ("names: [a, b]\ntrain: nowhere", "train: 'nowhere' holds no image"),
        ("names: &a [b]\nmore: *a\n", "it has aliases"),
        ("names: !!python/object/apply:os.system [echo]", "it is no YAML"),
        ("names: [", "it is no YAML"),
    ],
)
def test_a_yaml_that_is_wrong_says_how(text: str, says: str, tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    (root / "data.yaml").write_text(text)

    with pytest.raises(DataError, match=says):
        open_detection(root)


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "it is empty"), ("a,b\n1,2\n", "no columns of boxes"), ("\0,\0", "no columns|no table")],
)
def test_a_table_that_is_wrong_says_how(text: str, says: str, tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    (root / "boxes.csv").write_text(text)

    with pytest.raises(DataError, match=says):
        open_detection(root / "boxes.csv")
