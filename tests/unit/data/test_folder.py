"""Folders of images, as people have them."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inceptionkit.data import Sample, Unusable, decode_sample, decode_samples, open_dataset
from inceptionkit.data.sources import folder
from inceptionkit.errors import DataError
from inceptionkit.preprocess import Preprocessing, UnusableImage


def put(root: Path, *names: str) -> Path:
    """Write a small image at each name below `root`."""
    for number, name in enumerate(names):
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 4), (number, 0, 0)).save(place)
    return root


def refusal(address: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        open_dataset(address)
    return str(caught.value)


def test_class_folders_become_classes_in_order(tmp_path: Path) -> None:
    put(tmp_path, "tulip/b.png", "rose/2.jpg", "rose/10.JPG", "tulip/deep/down/a.webp")
    dataset = open_dataset(tmp_path)

    assert dataset.classes == ("rose", "tulip")
    assert list(dataset.samples) == [
        Sample("rose/10.JPG", 0, None),
        Sample("rose/2.jpg", 0, None),
        Sample("tulip/b.png", 1, None),
        Sample("tulip/deep/down/a.webp", 1, None),
    ]
    assert decode_sample(dataset, 2).tolist() == [[[0, 0, 0]] * 5] * 4
    assert dataset.allows_flip


def test_set_folders_divide_and_classes_go_by_name(tmp_path: Path) -> None:
    put(tmp_path, "train/b/1.png", "train/a/1.png", "Validation/a/2.png", "Validation/b/2.png")
    put(tmp_path, "test/b/3.png", "test/a/3.png")
    dataset = open_dataset(tmp_path)

    assert [(s.name, s.label, s.set) for s in dataset.samples] == [
        ("train/a/1.png", 0, "train"),
        ("train/b/1.png", 1, "train"),
        ("Validation/a/2.png", 0, "val"),
        ("Validation/b/2.png", 1, "val"),
        ("test/a/3.png", 0, "test"),
        ("test/b/3.png", 1, "test"),
    ]


def test_classes_may_be_called_train_and_test(tmp_path: Path) -> None:
    dataset = open_dataset(put(tmp_path, "bus/1.png", "train/1.png", "test/1.png"))

    assert dataset.classes == ("bus", "test", "train")


def test_hidden_files_and_what_is_no_image_by_name_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "b/1.png", ".git/x/1.png", "__MACOSX/a/1.png", "a/.hidden.png")
    for name in ("a/.DS_Store", "a/Thumbs.db", "b/notes.txt", "labels.csv", "a/._1.png"):
        (tmp_path / name).write_text("x")
    dataset = open_dataset(tmp_path)

    assert [sample.name for sample in dataset.samples] == ["a/1.png", "b/1.png"]
    assert dataset.skipped == ()


def test_images_outside_of_class_folders_are_listed_as_unusable(tmp_path: Path) -> None:
    dataset = open_dataset(put(tmp_path, "a/1.png", "b/1.png", "stray.png"))

    assert dataset.skipped == (Unusable("stray.png", "lies outside of the class folders"),)
    assert len(dataset.samples) == 2


def test_a_link_is_followed_once_and_loops_end(tmp_path: Path) -> None:
    elsewhere = put(tmp_path / "elsewhere", "1.png")
    root = put(tmp_path / "root", "a/1.png", "b/1.png")
    (root / "b" / "linked").symlink_to(elsewhere)
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "self").symlink_to(root / "a")
    (root / "a" / "everything").symlink_to("/")
    (root / "back").symlink_to(root)
    (root / "a" / "me.png").symlink_to("me.png")
    (root / "a" / "gone.png").symlink_to("nowhere.png")
    dataset = open_dataset(root)
    loaded = decode_samples(dataset, range(len(dataset.samples)), Preprocessing(size=4).fit)

    assert [sample.name for sample in dataset.samples] == [
        "a/1.png",
        "a/gone.png",
        "a/me.png",
        "b/1.png",
        "b/linked/1.png",
    ]
    back = "links to a folder that is listed already"
    assert sorted(one.name for one in dataset.skipped if one.reason == back) == [
        "a/everything",
        "a/self",
        "a/up",
        "back",
    ]
    assert loaded.unusable == (
        Unusable("a/gone.png", "cannot be read: no such file or directory"),
        Unusable("a/me.png", "cannot be read: too many levels of symbolic links"),
    )


def test_names_that_are_not_utf8_are_read_and_printable(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "b/1.png")
    odd = tmp_path / "a" / os.fsdecode(b"caf\xe9.png")
    (tmp_path / "a" / "1.png").rename(odd)
    dataset = open_dataset(tmp_path)

    assert dataset.samples[0].name == "a/caf\\xe9.png"
    assert decode_sample(dataset, 0).shape == (4, 5, 3)
    assert len(dataset.fingerprint()) == 64


def test_a_folder_without_permission_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a/1.png", "b/1.png", "b/locked/2.png")
    scan = os.scandir

    def refusing(place: Path) -> object:
        if place.name == "locked":
            raise PermissionError(13, "Permission denied")
        return scan(place)

    monkeypatch.setattr(folder.os, "scandir", refusing)
    dataset = open_dataset(tmp_path)

    assert dataset.skipped == (Unusable("b/locked", "cannot be read: permission denied"),)


def test_the_fingerprint_tells_names_sets_and_sizes_but_not_places(tmp_path: Path) -> None:
    one = open_dataset(put(tmp_path / "one", "b/1.png", "a/1.png")).fingerprint()
    same = open_dataset(put(tmp_path / "two", "b/1.png", "a/1.png")).fingerprint()
    renamed = open_dataset(put(tmp_path / "three", "b/2.png", "a/1.png")).fingerprint()
    (tmp_path / "two" / "a" / "1.png").write_bytes(b"longer" * 100)
    resized = open_dataset(tmp_path / "two").fingerprint()

    assert one == same
    assert len({one, renamed, resized}) == 3


def test_what_cannot_be_a_source_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    layout = "put the images of each class into a folder named after it"
    Path("flowers").mkdir()
    put(Path("photos"), "1.jpg", "2.jpg")
    put(Path("holes"), "a/1.png", "b/1.png")
    Path("holes/c").mkdir()
    put(Path("kaggle"), "train/1.png", "test/2.png")
    put(Path("half"), "train/a/1.png", "val/b/1.png", "val/a/1.png")
    put(Path("twice"), "train/a/1.png", "val/a/1.png", "valid/a/1.png")
    put(Path("beside"), "train/a/1.png", "val/a/1.png", "c/1.png")
    put(Path("bare"), "train/a/1.png", "train/b/1.png")
    Path("bare/val").mkdir()
    Path("texts/a").mkdir(parents=True)
    Path("texts/a/x.txt").touch()

    assert refusal("flowrs") == "flowrs: no such file or directory; did you mean 'flowers'?"
    assert refusal("digit") == "digit: no such file or directory; did you mean 'digits'?"
    assert refusal("./digits") == (
        "./digits: no such file or directory; "
        "name a folder of class folders, a .csv, .tsv or .jsonl manifest, a .parquet, .tar or .zip "
        "file, or the built-in digits"
    )
    assert refusal("flowers") == f"flowers: the folder is empty; {layout}"
    assert refusal("texts") == f"texts: it contains no images; {layout}"
    assert refusal("photos") == (
        f"photos: its images lie outside of class folders, the first is '1.jpg'; {layout}"
    )
    assert refusal("photos/1.jpg") == (
        "photos/1.jpg: it is neither a folder nor a supported dataset file; "
        "name a folder of class folders, a .csv, .tsv or .jsonl manifest, a .parquet, .tar or .zip "
        "file, or the built-in digits"
    )
    assert refusal("holes") == "holes: no image in folder 'c'; add images, or remove the folder"
    assert refusal("bare") == "bare: no image in folder 'val'; add images, or remove the folder"
    assert refusal("kaggle") == (
        "kaggle: test/ holds images directly; put one folder per class into it"
    )
    assert refusal("half") == (
        "half: train lacks 'b'; add images of every class to train, or spell the names alike"
    )
    assert refusal("twice") == "twice: val/ and valid/ both hold val; merge them"
    assert refusal("beside") == (
        "beside: c/ holds images and lies beside train/; move it into a set, or away"
    )


def test_nothing_of_the_users_is_written_to(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "a" / "bad.jpg").write_text("no")

    def state() -> list[tuple[str, bytes, int]]:
        files = sorted(p for p in tmp_path.rglob("*") if p.is_file())
        return [(str(p), p.read_bytes(), p.stat().st_mtime_ns) for p in files]

    before = state()
    dataset = open_dataset(tmp_path)
    dataset.fingerprint()
    decode_samples(dataset, range(3), Preprocessing(size=4).fit)

    assert state() == before


def test_a_slice_of_samples_is_samples(tmp_path: Path) -> None:
    dataset = open_dataset(put(tmp_path, "a/1.png", "b/1.png", "b/2.png"))

    assert [sample.name for sample in dataset.samples[1:]] == ["b/1.png", "b/2.png"]
    assert dataset.samples[-1].label == 1
    with pytest.raises(IndexError):
        dataset.samples[3]


def test_reading_a_file_that_vanished_says_so(tmp_path: Path) -> None:
    dataset = open_dataset(put(tmp_path, "a/1.png", "b/1.png"))
    (tmp_path / "a" / "1.png").unlink()
    with pytest.raises(UnusableImage) as caught:
        decode_sample(dataset, 0)

    assert caught.value.reason == "cannot be read: no such file or directory"
    assert np.array_equal(decode_sample(dataset, 1)[0, 0], [1, 0, 0])
