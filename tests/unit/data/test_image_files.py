"""`predict`, `explain` and `--images` find files as training does."""

import os
from pathlib import Path

import pytest
from PIL import Image

from inceptionkit.data import open_dataset
from inceptionkit.data.sources.folder import image_files
from inceptionkit.preprocess import UnusableImage


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for name in (
        "a/1.png", "b/2.JPG", "b/deep/3.png", "a/c.jpg/4.png", ".hidden/5.png", "a/.6.png",
        "@eaDir/7.png", "a/@eaDir/8.png", ".Trash/9.png", "__MACOSX/a/10.png", "b/#recycle/11.png",
        "$RECYCLE.BIN/12.png", "a/._1.png",
    ):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 4)).save(root / name)
    (root / "a" / "1.png").rename(root / "a" / "0a1b")  # without an ending
    (root / "b" / "notes.txt").write_text("words")
    (root / "b" / "Thumbs.db").write_text("words")
    (root / "b" / "README").write_text("words")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Image.new("RGB", (5, 4)).save(elsewhere / "13.png")
    (root / "b" / "linked").symlink_to(elsewhere)
    (root / "b" / "up").symlink_to(root)
    (root / "b" / "gone.png").symlink_to("nowhere")
    return root


def test_a_folder_holds_the_images_that_training_finds(photos: Path) -> None:
    found = [str(file.relative_to(photos)) for file in image_files(photos)]

    assert found == [
        "a/0a1b",
        "a/c.jpg/4.png",
        "b/2.JPG",
        "b/deep/3.png",
        "b/gone.png",
        "b/linked/13.png",
    ]
    assert found == sorted(sample.name for sample in open_dataset(photos).samples)


def test_what_is_named_is_taken_whatever_its_name(photos: Path) -> None:
    for name in ("a/.6.png", "b/notes.txt", "b/gone.png"):
        assert image_files(photos / name) == [photos / name]
    assert image_files(photos / "a" / "c.jpg") == [photos / "a" / "c.jpg" / "4.png"]
    assert image_files(photos / ".hidden") == [photos / ".hidden" / "5.png"]


def test_a_folder_without_images_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnusableImage, match="there is no image in it; give a folder of images"):
        image_files(tmp_path / "empty")
    with pytest.raises(UnusableImage, match="no such file or folder; check the spelling"):
        image_files(tmp_path / "none")


def test_a_pipe_is_no_image(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / "1.png")
    os.mkfifo(tmp_path / "pipe")

    assert image_files(tmp_path) == [tmp_path / "1.png"]
