"""Annotations that nobody should have written."""

import json
import os
from collections import Counter
from pathlib import Path

import annotated
import numpy as np
import pytest

from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.sources.raw import MOST_FINDINGS
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


def test_a_box_that_is_nearly_the_same_as_many_is_one_finding(tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    with (root / "boxes.csv").open("a") as file:
        file.writelines(f"photos/001.png,64,48,disc,{at / 1e3},0,40,40,val\n" for at in range(300))

    opened = open_detection(root)

    assert Counter(one.kind for one in opened.findings) == {"near_duplicate": 299}


def test_of_many_findings_the_first_of_each_kind_are_kept_and_all_are_counted(
    tmp_path: Path,
) -> None:
    root = annotated.write_table(tmp_path / "data")
    with (root / "boxes.csv").open("a") as file:
        file.write("photos/001.png,64,48,disc,1,1,30,30,val\n" * (MOST_FINDINGS + 6))
        file.write("photos/001.png,64,48,disc,70,1,90,30,val\n")

    opened = open_detection(root)

    kept = {"duplicate": MOST_FINDINGS, "outside": 1}
    assert Counter(one.kind for one in opened.findings) == kept
    assert opened.notes == ("the first 2,000 of 2,005 findings of the kind duplicate are kept",)


@pytest.mark.parametrize("name", ["x.json", "x.csv", "x.yaml", "Annotations/x.xml"])
def test_a_pipe_among_annotations_is_not_opened(name: str, tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    os.mkfifo(root / name)

    assert len(open_detection(root)) == 6


def test_a_pipe_instead_of_labels_is_unusable(tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    (root / "labels" / "train" / "000.txt").unlink()
    os.mkfifo(root / "labels" / "train" / "000.txt")

    opened = open_detection(root)

    assert [one.reason for one in opened.skipped] == ["not a plain file"]


def test_labels_that_are_no_text_leave_out_their_image_only(tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    (root / "labels" / "train" / "000.txt").write_bytes(b"\xff\xfe0 0.5")

    opened = open_detection(root)

    assert [(one.name, one.reason) for one in opened.skipped] == [
        ("labels/train/000.txt", "it is not UTF-8")
    ]
    assert len(opened) == 5
    assert opened.findings == opened.notes == ()


def test_a_folder_that_a_configuration_names_and_is_not_there_is_a_finding(tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    config = root / "data.yaml"
    config.write_text(config.read_text().replace("test: images/test", "test: ../test/images"))

    opened = open_detection(config)

    assert [(one.kind, one.name, one.detail) for one in opened.findings] == [
        ("no_image", "data.yaml", "test: '../test/images' holds no image")
    ]
    assert len(opened) == 4


def test_key_points_after_a_box_do_not_change_it(tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    with (root / "data.yaml").open("a") as file:
        file.write("kpt_shape: [5, 2]\n")
    points = "0.9 0.9 " * 4
    (root / "labels" / "train" / "000.txt").write_text(
        f"0 0.5 0.5 0.25 0.5 {points} nan 0.1\n1 0.5 0.5 0.1 0.1 {points}\n"
    )

    opened = open_detection(root)

    assert opened.of("train").images[0].boxes.tolist() == [[24, 12, 40, 36]]
    assert Counter(one.kind for one in opened.findings) == {"malformed": 1}


def test_outlines_with_a_number_too_many_or_that_is_none_are_findings(tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    with (root / "labels" / "train" / "000.txt").open("a") as file:
        file.write("0 0.1 0.1 nan 0.1 0.2 0.2 0.1 nan\n0 0.1 0.1 0.2 0.1 0.2 0.2 0.1\n")

    opened = open_detection(root)

    assert Counter(one.kind for one in opened.findings) == {"not_finite": 1, "malformed": 1}
    assert len(opened.of("train").images[0]) == 2


@pytest.mark.parametrize(
    ("beside", "content"),
    [
        ("captions_train2017.json", {"images": [], "annotations": [{"caption": "a disc"}]}),
        ("image_info_test2017.json", {"images": [], "categories": []}),
        ("sentences.json", {"images": [], "annotations": [{"caption": "a disc"}]}),
        ("person_keypoints_train2017.json", None),
    ],
)
def test_files_of_coco_that_are_not_of_instances_are_left_out_with_a_note(
    beside: str, content: dict[str, object] | None, tmp_path: Path
) -> None:
    root = annotated.write_coco(tmp_path / "data")
    train = root / "annotations" / "instances_train2017.json"
    text = train.read_text() if content is None else json.dumps(content)
    before = open_detection(root).fingerprint()
    (root / "annotations" / beside).write_text(text)

    opened = open_detection(root)

    assert opened.fingerprint() == before
    assert opened.notes == (f"left out, as no files of instances: 'annotations/{beside}'",)


def test_a_folder_of_captions_alone_says_what_it_lacks(tmp_path: Path) -> None:
    root = annotated.write_coco(tmp_path / "data")
    for path in (root / "annotations").iterdir():
        path.write_text('{"images": [], "annotations": []}')

    with pytest.raises(DataError, match="it lacks the lists images, annotations, categories"):
        open_detection(root)


def test_an_edge_beyond_the_image_leaves_fractions_fractions(tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    (root / "boxes.csv").write_text(
        "filename,xmin,ymin,xmax,ymax,class\n"
        "photos/000.png,0.5,0.5,1.001,0.75,disc\nphotos/001.png,0.25,0.25,0.5,0.75,disc\n"
        "photos/002.png,0.25,0.25,0.5,0.75,disc\n"
    )

    found = [image.boxes.tolist() for image in open_detection(root)]

    assert found == [[[32, 24, 64, 36]], [[16, 12, 32, 36]], [[16, 12, 32, 36]]]


def test_a_pixel_is_not_the_whole_image(tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    (root / "boxes.csv").write_text(
        "filename,xmin,ymin,xmax,ymax,class\nphotos/000.png,0,0,1,1,disc\n"
        "photos/001.png,2,3,20,30,disc\nphotos/002.png,2,3,20,30,disc\n"
    )

    assert open_detection(root).images[0].boxes.tolist() == [[0, 0, 1, 1]]


def test_an_image_in_fractions_and_in_pixels_keeps_the_first(tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    head = "filename,xmin,ymin,xmax,ymax,class\n"
    (root / "boxes.csv").write_text(f"{head}photos/000.png,2,3,20,30,disc\n")
    (root / "more.csv").write_text(f"{head}photos/000.png,0.5,0.5,1,1,disc\n")

    opened = open_detection(root)

    assert opened.images[0].boxes.tolist() == [[2, 3, 20, 30]]
    assert opened.findings[0].kind == "malformed"


@pytest.mark.parametrize("side", [1e-30, 0.001, 0.5])
def test_a_box_smaller_than_a_pixel_is_left_out_and_reported(side: float, tmp_path: Path) -> None:
    root = annotated.write_coco(tmp_path / "data")
    path = root / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    boxes = content["annotations"]
    boxes[0]["bbox"], boxes[1]["bbox"] = [0, 0, side, 5], [4, 4, 1, 1]
    path.write_text(json.dumps(content))

    opened = open_detection(root)

    assert [one.kind for one in opened.findings] == ["tiny"]
    np.testing.assert_array_equal(opened.of("train").images[0].boxes, [[4, 4, 5, 5]])


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
