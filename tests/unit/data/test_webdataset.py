"""Tar shards in the WebDataset layout."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from inceptionkit.data import Unusable, decode_sample, open_dataset
from inceptionkit.errors import DataError


@pytest.mark.parametrize(
    ("ending", "write"),
    [
        ("cls", str),
        ("txt", str),
        ("json", lambda word: json.dumps({"id": 7, "label": word})),
        ("json", json.dumps),
    ],
)
def test_labels_stand_in_files_beside_the_images(
    tmp_path: Path, image: Callable, tar: Callable, ending: str, write: Callable
) -> None:
    files = {}
    for number, word in enumerate(["rose", "daisy", "rose"]):
        files[f"{number:06}.{ending}"] = write(word).encode() + b"\n"
        files[f"{number:06}.jpg"] = image(number)
        files[f"{number:06}.seg.png"] = b"a mask, not an input"
    dataset = open_dataset(tar(tmp_path / "000.tar", files))

    assert dataset.classes == ("daisy", "rose")
    assert [(s.name, s.label) for s in dataset.samples] == [
        ("000000.jpg", 1),
        ("000001.jpg", 0),
        ("000002.jpg", 1),
    ]
    assert [int(decode_sample(dataset, n)[0, 0, 0]) for n in range(3)] == [0, 1, 2]
    assert dataset.skipped == ()


def shards(folder: Path, image: Callable, tar: Callable, labels: list[str]) -> None:
    for number, label in enumerate(labels):
        files = {"a/0001.jpg": image(number), "a/0001.cls": label.encode()}
        tar(folder / f"{number:03}.tar", files)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("classes.txt", "tench\r\ngoldfish\r\nshark\r\n"),
        ("classes.json", '["tench", "goldfish", "shark"]'),
        ("classes.json", '{"2": "shark", "0": "tench", "1": "goldfish"}'),
        ("classes.json", '{"shark": 2, "tench": 0, "goldfish": 1}'),
    ],
)
def test_numbers_are_named_by_a_list_beside_the_shards(
    tmp_path: Path, image: Callable, tar: Callable, name: str, content: str
) -> None:
    shards(tmp_path, image, tar, ["2", "0", "goldfish"])
    (tmp_path / name).write_bytes(content.encode())
    dataset = open_dataset(f"{tmp_path}/{{000..002}}.tar")

    assert dataset.classes == ("tench", "goldfish", "shark")
    assert dataset.samples.labels.tolist() == [2, 0, 1]
    assert dataset.samples.names[2] == "002.tar/a/0001.jpg"


def test_bare_numbers_are_classes_in_their_order(
    tmp_path: Path, image: Callable, tar: Callable
) -> None:
    shards(tmp_path, image, tar, ["10", "9"])
    dataset = open_dataset(tmp_path)

    assert dataset.classes == ("9", "10")
    assert dataset.allows_flip, "bare numbers say nothing about what the classes are"


def test_what_lacks_its_other_half_is_listed(
    tmp_path: Path, image: Callable, tar: Callable
) -> None:
    files = {"0.jpg": image(0), "0.cls": b"a", "1.jpg": image(1), "1.cls": b"b"}
    files |= {"2.jpg": image(2), "3.cls": b"a", "4.jpg": image(4), "4.json": b"{", "5.jpg": b""}
    files |= {"5.txt": b"\n", "6.jpg": image(6), "6.json": b'{"id": 3}'}
    dataset = open_dataset(tar(tmp_path / "x.tar", files))

    assert [s.name for s in dataset.samples] == ["0.jpg", "1.jpg"]
    assert dataset.skipped == (
        Unusable("2.jpg", "there is no .cls, .txt or .json beside it"),
        Unusable("4.jpg", "its .json is damaged"),
        Unusable("5.jpg", "its .txt names no class"),
        Unusable("6.jpg", "its .json names no class"),
        Unusable("3", "there is no image beside its label"),
    )


@pytest.mark.parametrize("kept", [1, 2, 3, 5])
def test_a_shard_that_breaks_off_anywhere_is_named_and_the_others_are_used(
    tmp_path: Path, image: Callable, tar: Callable, kept: int
) -> None:
    """Also where what is left of it has no image, or no label beside it."""
    files = {f"{n}.{e}": c for n in range(3) for e, c in (("cls", b"a"), ("png", image(n)))}
    whole = tar(tmp_path / "0.tar", files | {"3.cls": b"b", "3.png": image(3)})
    with tarfile.open(whole) as opened:
        cut = opened.getmembers()[kept].offset + 100  # in the header of the next
    (tmp_path / "1.tar").write_bytes(whole.read_bytes()[:cut])
    dataset = open_dataset(f"{tmp_path}/{{0..2}}.tar")
    names = {one.name: one.reason for one in dataset.skipped}
    alone = {f"1.tar/{kept // 2}": "there is no image beside its label"}

    assert [s.name for s in dataset.samples if s.name[0] == "0"] == [
        f"0.tar/{n}.png" for n in range(4)
    ]
    assert [s.name for s in dataset.samples if s.name[0] == "1"] == [
        f"1.tar/{n}.png" for n in range(kept // 2)
    ]
    assert names.pop("2.tar") == "the shard is missing"
    assert names.pop("1.tar").startswith("the shard is damaged after ")
    assert names == (alone if kept in {3, 5} else {})


def test_folders_may_be_named_after_sets(tmp_path: Path, image: Callable, tar: Callable) -> None:
    for given in ("train", "val"):
        shards(tmp_path / given, image, tar, ["a", "b"])
    dataset = open_dataset(tmp_path)

    assert [(s.name, s.set) for s in dataset.samples][::2] == [
        ("train/000.tar/a/0001.jpg", "train"),
        ("val/000.tar/a/0001.jpg", "val"),
    ]


def test_a_list_of_classes_that_does_not_fit_is_refused(
    tmp_path: Path, image: Callable, tar: Callable
) -> None:
    shards(tmp_path, image, tar, ["0", "5"])
    place = tmp_path / "classes.json"

    for content, said in (
        ('["a", "b"]', "label '5' is none of the 2 classes in the list beside it; complete the"),
        (
            "{",
            "classes.json: it is neither a list of names nor an object of names and numbers; write",
        ),
        ('{"a": "b"}', "classes.json: it is neither a list of names nor an object of names and"),
    ):
        place.write_text(content)
        with pytest.raises(DataError) as caught:
            open_dataset(tmp_path)
        assert said in str(caught.value)
