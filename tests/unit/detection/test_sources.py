"""Readers of annotations: every layout says the same, and what is wrong is listed."""

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import annotated
import numpy as np
import pytest
from PIL import Image

from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.types import DetectionSet
from inceptionkit.errors import DataError

BCCD = Path(__file__).parents[4] / "shared" / "data" / "bccd"


def kinds(opened: DetectionSet) -> Counter[str]:
    return Counter(one.kind for one in opened.findings)


@pytest.mark.parametrize("layout", annotated.WRITERS)
def test_every_layout_says_the_same(layout: str, tmp_path: Path) -> None:
    opened = open_detection(annotated.WRITERS[layout](tmp_path / "data", count=7))

    assert opened.layout == layout
    assert opened.classes == annotated.CLASSES
    assert opened.findings == opened.skipped == ()
    by_stem = {image.path.stem: image for image in opened}
    for name, given, _, objects in annotated.images(7):
        image = by_stem[name]
        assert (image.set, image.size) == (given, annotated.SIZE)
        assert [opened.classes[label] for label in image.labels] == [kind for kind, _ in objects]
        want = np.array([box for _, box in objects], np.float32).reshape(-1, 4)
        np.testing.assert_allclose(image.boxes, want, atol=1e-4)


@pytest.mark.parametrize("layout", annotated.WRITERS)
def test_the_order_of_the_file_system_has_no_effect(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = annotated.WRITERS[layout](tmp_path / "data")
    before = open_detection(root)
    scan = os.scandir

    class Backwards:
        def __init__(self, place: object) -> None:
            with scan(place) as entries:
                self.entries = list(entries)[::-1]

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Backwards)

    assert open_detection(root).fingerprint() == before.fingerprint()


def test_voc_without_image_sets_takes_the_sets_from_folders(tmp_path: Path) -> None:
    for name, given, image, objects in annotated.images():
        (tmp_path / given).mkdir(exist_ok=True)
        image.save(tmp_path / given / f"{name}.png")
        (tmp_path / given / f"{name}.xml").write_text(annotated.voc_xml("x.png", objects))

    opened = open_detection(tmp_path)

    assert Counter(image.set for image in opened) == {"train": 2, "val": 2, "test": 2}


def test_boxes_of_another_size_are_scaled_and_reported(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    place = root / "Annotations" / "000.xml"
    objects: annotated.Objects = [("disc", (20, 10, 60, 50))]
    place.write_text(annotated.voc_xml("000.png", objects, size=(96, 128)))

    opened = open_detection(root)

    np.testing.assert_allclose(opened.images[0].boxes, [[10, 5, 30, 25]])
    assert kinds(opened) == {"size": 1}


def test_boxes_of_an_image_of_another_shape_are_not_guessed(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    place = root / "Annotations" / "000.xml"
    place.write_text(annotated.voc_xml("000.png", [("disc", (2, 1, 9, 9))], size=(64, 64)))

    opened = open_detection(root)

    assert [one.name for one in opened.skipped] == ["JPEGImages/000.png"]
    assert "another shape" in opened.skipped[0].reason


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_of_an_image_on_its_side_turn_with_it(orientation: int, tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[8:24, 30:50] = 255  # a white object where the annotation is
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(root / "JPEGImages" / "000.png", exif=exif)
    (root / "Annotations" / "000.xml").write_text(
        annotated.voc_xml("000.png", [("disc", (30, 8, 50, 24))])
    )

    opened = open_detection(root)

    image = next(one for one in opened if one.path.stem == "000")
    x1, y1, x2, y2 = image.boxes[0].astype(int)
    white = image.pixels()[..., 0] > 128
    assert image.size == (64, 48)
    assert white[y1:y2, x1:x2].all()
    assert white.sum() == (y2 - y1) * (x2 - x1)
    assert kinds(opened) == {"rotated": 1}


WRONG = {
    "outside": (70, 5, 90, 20),
    "no_area": (10, 5, 10, 20),
    "not_finite": (float("nan"), 5, 20, 20),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_box_that_cannot_be_is_left_out_and_reported(kind: str, tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    with (root / "boxes.csv").open("a") as file:
        file.write(f"photos/000.png,64,48,disc,{','.join(map(str, WRONG[kind]))},train\n")

    opened = open_detection(root)

    assert kinds(opened) == {kind: 1}
    assert len(opened.images[0]) == 2


def test_reversed_and_repeated_boxes_and_edges_are_repaired_and_reported(tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    with (root / "boxes.csv").open("a") as file:
        file.write("photos/000.png,64,48,disc,30,40,20,30,train\n")
        file.write("photos/000.png,64,48,disc,20,30,30,40,train\n")
        file.write("photos/000.png,64,48,disc,-9,30,8,48.5,train\n")  # half a pixel is rounding

    opened = open_detection(root)

    assert kinds(opened) == {"reversed": 1, "duplicate": 1, "outside": 1}
    assert opened.images[0].boxes[-2:].tolist() == [[20, 30, 30, 40], [0, 30, 8, 48]]


def test_boxes_that_are_nearly_the_same_are_reported_and_kept(tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    with (root / "boxes.csv").open("a") as file:
        file.write("photos/001.png,64,48,disc,0,0,40,40,val\n")
        file.write("photos/001.png,64,48,disc,1,0,41,40,val\n")

    opened = open_detection(root)

    assert kinds(opened) == {"near_duplicate": 1}
    assert len(opened.images[1]) == 4


def test_files_without_an_image_and_images_without_a_file_are_listed(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    (root / "JPEGImages" / "000.png").unlink()
    (root / "Annotations" / "001.xml").unlink()

    opened = open_detection(root)

    assert kinds(opened) == {"no_image": 1, "no_annotation": 1}
    assert [one.name for one in opened.skipped] == ["Annotations/000.xml", "JPEGImages/001.png"]


def test_yolo_reports_labels_without_an_image_and_keeps_images_without_labels(
    tmp_path: Path,
) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    (root / "images" / "train" / "000.png").unlink()
    (root / "labels" / "val" / "001.txt").unlink()

    opened = open_detection(root)

    assert kinds(opened) == {"no_image": 1}
    assert {image.path.stem: len(image) for image in opened}["001"] == 0
    assert opened.notes == ("1 images have no labels: they count as without objects",)


def test_yolo_classes_that_the_configuration_does_not_have_are_reported(tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: {0: disc, 1: x}")
    with (root / "labels" / "train" / "000.txt").open("a") as file:
        file.write("7 0.5 0.5 0.1 0.1\nno numbers\n1e9 0 0 0 0\n")

    opened = open_detection(root)

    assert kinds(opened)["unknown_class"] == 1
    assert kinds(opened)["malformed"] == 2


def test_darknet_reads_its_data_file_and_lists(tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    (root / "data.yaml").unlink()
    (root / "obj.names").write_text("disc\nsquare\n")
    for given in ("train", "val"):
        names = sorted((root / "images" / given).iterdir())
        (root / f"{given}.txt").write_text(
            "".join(f"data/images/{given}/{n.name}\n" for n in names)
        )
    (root / "obj.data").write_text(
        "classes = 2\ntrain = data/train.txt\nvalid = data/val.txt\nnames = data/obj.names\n"
    )

    opened = open_detection(root)

    assert opened.classes == ("disc", "square")
    assert Counter(image.set for image in opened) == {"train": 2, "val": 2}
    assert sum(map(len, opened)) == 8


def test_images_that_a_list_names_and_are_missing_are_reported(tmp_path: Path) -> None:
    root = annotated.WRITERS["yolo"](tmp_path / "data")
    there = sorted(path.relative_to(root).as_posix() for path in root.rglob("images/train/*"))
    (root / "train.txt").write_text("\n".join([*there, "images/train/gone.png", ""]))
    config = root / "data.yaml"
    lines = config.read_text().splitlines()
    config.write_text("\n".join("train: train.txt" if "train:" in line else line for line in lines))

    opened = open_detection(config)

    assert [image.name for image in opened.of("train")] == there
    assert [one.name for one in opened.skipped] == ["images/train/gone.png"]
    assert kinds(opened)["no_image"] == 1


def test_labels_beside_images_with_a_class_file_are_yolo(tmp_path: Path) -> None:
    for name, _, image, objects in annotated.images(3):
        image.save(tmp_path / f"{name}.png")
        lines = [f"{annotated.CLASSES.index(kind)} 0.5 0.5 0.2 0.3" for kind, _ in objects]
        (tmp_path / f"{name}.txt").write_text("\n".join(lines[:1]))
    (tmp_path / "classes.txt").write_text("disc\nsquare\n")

    opened = open_detection(tmp_path)

    assert (opened.layout, len(opened), opened.findings) == ("yolo", 3, ())
    np.testing.assert_allclose(opened.images[0].boxes, [[25.6, 16.8, 38.4, 31.2]], atol=1e-4)


def test_a_coco_file_by_itself_finds_images_beside_its_folder(tmp_path: Path) -> None:
    root = annotated.write_coco(tmp_path / "data")

    opened = open_detection(root / "annotations" / "instances_val2017.json")

    assert Counter(image.set for image in opened) == {"val": 2}


def test_a_crowd_of_coco_is_difficult(tmp_path: Path) -> None:
    root = annotated.write_coco(tmp_path / "data")
    path = root / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["iscrowd"] = 1
    path.write_text(json.dumps(content))

    assert sum(int(image.difficult.sum()) for image in open_detection(root)) == 1


def test_areas_of_coco_are_those_of_masks_in_pixels_of_the_image(tmp_path: Path) -> None:
    root = annotated.write_coco(tmp_path / "data")
    path = root / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    first, second = content["annotations"][:2]
    first["area"], second["area"] = 40.0, None
    content["images"][0] |= {"height": 96, "width": 128}  # boxes are scaled by a half
    path.write_text(json.dumps(content))

    images = open_detection(root).of("train").images

    assert images[0].areas is not None
    assert images[0].areas.tolist() == [
        10.0,
        np.prod(images[0].boxes[1, 2:] - images[0].boxes[1, :2]),
    ]
    assert images[1].areas is None


def huge_box(content: dict[str, Any]) -> None:
    content["annotations"][0]["bbox"][0] = 10**400


def huge_image(content: dict[str, Any]) -> None:
    content["images"][0]["height"] = 10**400


def half_of_a_pair(content: dict[str, Any]) -> None:
    content["categories"][0]["name"] = "a\ud800\t"


@pytest.mark.parametrize(
    ("spoil", "found"),
    [(huge_box, {"not_finite": 1}), (huge_image, {}), (half_of_a_pair, {})],
)
def test_what_no_float_and_no_text_holds_stops_no_reading(
    spoil: Callable[[dict[str, Any]], None], found: dict[str, int], tmp_path: Path
) -> None:
    root = annotated.write_coco(tmp_path / "data")
    path = root / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    spoil(content)
    path.write_text(json.dumps(content))

    opened = open_detection(root)

    assert kinds(opened) == found
    assert len(opened.fingerprint()) == 64


def test_a_yolo_path_that_no_system_takes_is_ignored(tmp_path: Path) -> None:
    root = annotated.write_yolo(tmp_path / "data")
    config = root / "data.yaml"
    config.write_text(f"path: {'x' * 5000}\ntrain: images/train\nval: images/val\nnames: [disc, x]")

    assert len(open_detection(root)) == 4


def test_a_number_that_is_none_leaves_fractions_fractions(tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    (root / "boxes.csv").write_text(
        "filename,xmin,ymin,xmax,ymax,class\n"
        "photos/000.png,nan,0.1,0.4,0.5,disc\nphotos/000.png,0.25,0.25,0.5,0.75,disc\n"
    )

    assert open_detection(root).images[0].boxes.tolist() == [[16, 12, 32, 36]]


def test_a_table_without_a_header_is_retinanets(tmp_path: Path) -> None:
    root = annotated.write_table(tmp_path / "data")
    (root / "boxes.csv").write_text("photos/000.png,2,3,20,30,disc\nphotos/001.png,,,,,\n")

    opened = open_detection(root)

    assert [image.boxes.tolist() for image in opened] == [[[2, 3, 20, 30]], []]


def test_two_layouts_in_one_folder_are_not_chosen_from(tmp_path: Path) -> None:
    root = annotated.write_voc(tmp_path / "data")
    annotated.write_table(root / "more")

    with pytest.raises(DataError, match="several kinds: Pascal VOC, a table; give the"):
        open_detection(root)


def test_of_one_set_only_its_images_are_left(tmp_path: Path) -> None:
    opened = open_detection(annotated.write_voc(tmp_path / "data"))

    assert {image.set for image in opened.of("val")} == {"val"}
    assert len(opened[1:3]) == 2


@pytest.mark.skipif(not BCCD.is_dir(), reason="the blood cells are not here")
def test_the_blood_cells_have_nine_boxes_that_somebody_should_see() -> None:
    opened = open_detection(BCCD)

    assert (len(opened), opened.classes) == (364, ("Platelets", "RBC", "WBC"))
    assert Counter(image.set for image in opened) == {"train": 205, "val": 87, "test": 72}
    assert kinds(opened) == {"no_area": 2, "near_duplicate": 7}
