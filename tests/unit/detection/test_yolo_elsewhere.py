"""A data.yaml whose images lie outside of its folder, as Ultralytics' format allows."""

from collections import Counter
from pathlib import Path

import annotated
import pytest

from inceptionkit.detection.sources import open_detection
from inceptionkit.errors import DataError

PLACES = "train: images/train\nval: images/val\nnames: [disc, square]\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Images and labels, without a configuration."""
    root = annotated.write_yolo(tmp_path / "datasets" / "shapes")
    (root / "data.yaml").unlink()
    return root


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Where the configuration lies."""
    (tmp_path / "project").mkdir()
    return tmp_path / "project" / "shapes.yaml"


def check(config: Path, data: Path) -> None:
    before = sorted(config.parent.parent.rglob("*"))
    opened = open_detection(config)

    assert Counter(image.set for image in opened) == {"train": 2, "val": 2}
    assert [len(image) for image in opened] == [2] * 4
    assert {image.path.resolve().parents[2] for image in opened} == {data.resolve()}
    assert opened.findings == opened.skipped == ()
    assert sorted(config.parent.parent.rglob("*")) == before


@pytest.mark.parametrize("path", ["../datasets/shapes", "../datasets/../datasets/shapes/", "whole"])
def test_the_path_of_a_dataset_may_lead_elsewhere(path: str, config: Path, data: Path) -> None:
    config.write_text(f"path: {data if path == 'whole' else path}\n{PLACES}")

    check(config, data)


@pytest.mark.parametrize("way", ["../datasets/shapes", "whole"])
def test_train_and_val_may_lie_elsewhere_by_themselves(way: str, config: Path, data: Path) -> None:
    root = data if way == "whole" else way
    config.write_text(
        f"train: {root}/images/train\nval: ['{root}/images/val']\nnames: [disc, square]\n"
    )

    check(config, data)


def test_lists_may_lie_elsewhere_and_name_images_anywhere(config: Path, data: Path) -> None:
    for name in ("train", "val"):
        images = sorted((data / "images" / name).iterdir())
        lines = [f"./images/{name}/{images[0].name}", str(images[1])]
        (data / f"{name}.txt").write_text("\n".join(lines))
    config.write_text(
        "path: ../datasets/shapes\ntrain: train.txt\nval: val.txt\nnames: [disc, square]\n"
    )
    # an image of the same name beside the configuration is another one
    (config.parent / images[0].name).write_bytes(images[1].read_bytes())

    opened = open_detection(config)

    assert Counter(image.set for image in opened) == {"train": 2, "val": 2}
    assert {image.path.resolve().parents[2] for image in opened} == {data.resolve()}
    assert sum(map(len, opened)) == 8


def test_a_whole_path_to_its_own_folder_leads_nowhere_else(data: Path) -> None:
    own = data / "data.yaml"
    own.write_text(PLACES)
    before = open_detection(own)
    own.write_text(f"path: {data}\n{PLACES}")

    again = open_detection(own)

    assert again.fingerprint() == before.fingerprint()
    assert again.notes == before.notes


def test_what_lies_beside_it_counts_before_what_lies_above(data: Path) -> None:
    """Roboflow writes "../train/images" and means the folder beside its data.yaml."""
    own, above = data / "data.yaml", data.parent / "images" / "train"
    above.mkdir(parents=True)
    (above / "x.png").write_bytes(next((data / "images/train").iterdir()).read_bytes())
    own.write_text(PLACES.replace("images/", "../images/"))

    opened = open_detection(own)

    assert Counter(image.set for image in opened) == {"train": 2, "val": 2}
    assert {image.name.split("/")[0] for image in opened} == {"images"}


def test_where_nothing_is_the_error_says_where_it_was_looked_for(config: Path, data: Path) -> None:
    config.write_text(f"path: ../datasets/shape\n{PLACES}")

    with pytest.raises(DataError, match="train: 'images/train' holds no image; put images into"):
        open_detection(config)

    config.write_text(f"train: {data}/nowhere\nnames: [disc, square]\n")

    with pytest.raises(DataError, match=f"put images into {data}/nowhere, correct the path, or"):
        open_detection(config)


def test_a_folder_leads_nowhere_else_unless_its_file_is_named(config: Path, data: Path) -> None:
    config.write_text(f"path: {data}\n{PLACES}")

    with pytest.raises(DataError, match=r"it lies outside of the folder: give .*shapes\.yaml by"):
        open_detection(config.parent)
