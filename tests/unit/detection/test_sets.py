"""Which set an image is used in, and images that no file of annotations names."""

import json
from collections import Counter
from pathlib import Path

import annotated
import pytest

from inceptionkit.detection.division import divide
from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.types import DetectionSet


def kinds(opened: DetectionSet) -> Counter[str]:
    return Counter(one.kind for one in opened.findings)


def sets(opened: DetectionSet) -> dict[str, str | None]:
    return {image.path.stem: image.set for image in opened}


def lists(root: Path, **names: str) -> None:
    """Write the lists of ImageSets/Main, and no others."""
    for place in (root / "ImageSets" / "Main").iterdir():
        place.unlink()
    for name, content in names.items():
        (root / "ImageSets" / "Main" / f"{name}.txt").write_text("\n".join(content.split()))


def test_images_of_no_set_are_not_trained_on(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    lists(root, train="000 001 002", val="003")

    opened = open_detection(root)
    divided = divide(opened, 0)

    assert opened.notes == ("2 images are in no set: training leaves them out",)
    assert [image.path.stem for image in divided.train] == ["000", "001", "002"]
    assert [image.path.stem for image in divided.val] == ["003"]
    assert divided.rule == "the dataset's own sets"


def test_images_of_no_set_are_trained_on_where_no_set_is_called_train(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    lists(root, test="000 001")

    opened = open_detection(root)

    assert Counter(image.set for image in opened) == {"test": 2, "train": 4}
    assert "there is no training set" in opened.notes[0]
    assert len(divide(opened, 0).train) + len(divide(opened, 0).val) == 4


def test_the_rule_says_which_images_were_drawn(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    lists(root)
    drawn = "1 of the training images, drawn with seed 3, are val"

    assert divide(open_detection(root), 3).rule == drawn

    lists(root, train="000 001 002 003", test="004 005")

    assert divide(open_detection(root), 3).rule == f"the dataset's own sets; {drawn}"


def test_an_image_on_two_lists_of_voc_is_used_in_train_only(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    lists(root, train="000 001", val="001 002 003", test="000 004", trainval="000 002 005")

    opened = open_detection(root)

    found = {"000": "train", "001": "train", "002": "val", "003": "val", "004": "test"}
    assert sets(opened) == found | {"005": "train"}
    assert [(one.kind, one.name, one.detail) for one in opened.findings] == [
        ("two_sets", "JPEGImages/000.png", "it is in test and train: only train uses it"),
        ("two_sets", "JPEGImages/001.png", "it is in train and val: only train uses it"),
    ]


def test_an_image_in_two_files_of_coco_is_one_image(tmp_path: Path) -> None:
    root = annotated.write_coco(tmp_path / "data")
    train = root / "annotations" / "instances_train2017.json"
    (root / "annotations" / "instances_val2017.json").write_bytes(train.read_bytes())

    opened = open_detection(root)

    assert sets(opened) == {"000": "train", "002": "test", "003": "train", "005": "test"}
    assert kinds(opened) == {"two_sets": 2, "duplicate": 4}
    assert [len(image) for image in opened] == [2, 2, 2, 2]


def test_an_image_in_two_sets_of_a_table_is_used_in_train_only(tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    with (root / "boxes.csv").open("a") as file:
        file.write("photos/002.png,64,48,disc,3,4,30,40,train\n")

    opened = open_detection(root)

    assert sets(opened)["002"] == "train"
    assert kinds(opened) == {"two_sets": 1}


def test_a_yolo_folder_that_is_train_and_val_is_train(tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    (root / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [disc, square]")

    opened = open_detection(root)

    assert sets(opened) == {"000": "train", "003": "train"}
    assert kinds(opened) == {"two_sets": 2}


def test_names_on_voc_lists_that_match_no_image_are_reported_once(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    lists(root, train="000 001 002 gone", trainval="000 gone", val="003 004 005")
    (root / "JPEGImages" / "000.png").unlink()

    opened = open_detection(root)

    assert [one.name for one in opened.skipped] == ["Annotations/000.xml", "gone"]
    assert opened.skipped[1].reason == "ImageSets/Main/train.txt lists it, and it is missing"
    assert kinds(opened) == {"no_image": 2}


def test_lists_of_segmentations_do_not_count_beside_main(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    before = sets(open_detection(root))
    for task in ("Segmentation", "Layout"):
        (root / "ImageSets" / task).mkdir()
        (root / "ImageSets" / task / "val.txt").write_text("000\n002\n")

    opened = open_detection(root)

    assert sets(opened) == before
    assert opened.findings == ()


@pytest.mark.parametrize("layout", ["coco", "csv"])
def test_images_that_no_annotation_names_are_unusable(layout: str, tmp_path: Path) -> None:
    root = annotated.WRITERS[layout](tmp_path / "data")
    beside = min(root.rglob("000.png"))
    beside.with_name("more.png").write_bytes(beside.read_bytes())
    (root / "masks").mkdir()
    (root / "masks" / "000_mask.png").write_bytes(beside.read_bytes())

    opened = open_detection(root)

    name = beside.with_name("more.png").relative_to(root).as_posix()
    assert [one.name for one in opened.skipped] == [name]
    assert "it has no annotation" in opened.skipped[0].reason
    assert kinds(opened) == {"no_annotation": 1}


def test_images_that_a_configuration_or_a_single_file_does_not_name_are_counted(
    tmp_path: Path,
) -> None:
    yolo = annotated.write_yolo(tmp_path / "yolo")
    (yolo / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [disc, square]")
    coco = annotated.write_coco(tmp_path / "coco")

    for address in (yolo, coco / "annotations" / "instances_val2017.json"):
        opened = open_detection(address)

        count = 6 - len(opened)
        assert opened.notes == (f"{count} other images are not listed, and are left out",)
        assert opened.findings == opened.skipped == ()


def test_labels_of_an_image_that_is_on_no_list_do_not_lack_their_image(tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    (root / "train.txt").write_text("images/train/000.png\n")
    (root / "data.yaml").write_text("train: train.txt\nval: images/val\nnames: [disc, square]")

    assert open_detection(root).findings == ()


def coco_category(path: Path, **more: str) -> None:
    content = json.loads(path.read_text())
    content["categories"] = [{"id": 1, "name": "cells", "supercategory": "none"}] + [
        one | more for one in content["categories"]
    ]
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("more", "classes", "found"),
    [
        ({"supercategory": "cells"}, annotated.CLASSES, {}),
        ({"supercategory": "things"}, ("cells", *annotated.CLASSES), {"unused_class": 1}),
        ({}, ("cells", *annotated.CLASSES), {"unused_class": 1}),
    ],
)
def test_only_a_category_above_others_is_no_class(
    more: dict[str, str], classes: tuple[str, ...], found: dict[str, int], tmp_path: Path
) -> None:
    root = annotated.write_coco(tmp_path / "data")
    for path in (root / "annotations").iterdir():
        coco_category(path, **more)

    opened = open_detection(root)

    assert opened.classes == classes
    assert kinds(opened) == found
    assert len(opened.notes) == (not found)
