"""Runs on data of which a set lacks a class, or that show few pictures many times."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hearing import Collects
from PIL import Image

import inceptionkit
from inceptionkit.data import open_dataset, split_dataset
from inceptionkit.errors import DataError
from inceptionkit.spec import Net

pytestmark = [pytest.mark.run, pytest.mark.usefixtures("pinned")]


@pytest.fixture
def heard(tiny: Net, tmp_path: Path) -> Callable[[Path], tuple[str, ...]]:
    """Trains for an epoch, and gives what was said."""

    def train(data: Path) -> tuple[str, ...]:
        listener, net = Collects(), replace(tiny, image=(3, 16, 16))
        inceptionkit.train(
            data, architecture=net, epochs=1, out=tmp_path / "run", listener=listener
        )
        return tuple(listener.said)

    return train


def filmed(at: Path, *, clips: int, frames: int) -> Path:
    """Two classes of a few clips, of which every frame shows the same."""
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (at / name).mkdir(parents=True)
        for clip in range(clips):
            picture = np.kron(random.integers(0, 256, (6, 6, 3)), np.ones((4, 4, 1)))
            for frame in range(frames):
                pixels = (picture + random.normal(0, 2, picture.shape)).clip(0, 255)
                file = at / name / f"{clip}-{frame:02d}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(file)
    return at


@pytest.mark.parametrize(("clips", "frames"), [(2, 12), (1, 20)])
def test_few_clips_train_and_what_they_cost_is_said(
    heard: Callable, tmp_path: Path, clips: int, frames: int
) -> None:
    said = heard(filmed(tmp_path / "films", clips=clips, frames=frames))
    data = json.loads((tmp_path / "run" / "run.json").read_text())["data"]

    assert min(data["sets"].values()) >= 2
    assert "except the largest of 'cat', 'dog', parts of which had to go" in data["rule"]
    assert any(
        "but 2, since each set needs every class (expect scores too high)" in s for s in said
    )


def test_a_class_that_val_and_test_lack_is_named_and_the_run_ends(
    heard: Callable, photos: Callable, tmp_path: Path
) -> None:
    photos(("a", "b", "c"), at="data/train", each=9)
    photos(("a", "b"), at="data/val", each=3)
    data = photos(("a", "c"), at="data/test", each=3).parent
    for file in (data / "test").rglob("*.png"):  # other pictures than those of val
        Image.open(file).rotate(180).save(file)
    said = heard(data)

    assert "val has no usable image of 'c': its scores say nothing of them" in said
    assert "test has no usable image of 'b': its scores say nothing of them" in said
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize("part", ["val", "test"])
def test_a_small_class_whose_only_image_of_a_set_is_unreadable_is_left_out_of_it(
    heard: Callable, photos: Callable, tmp_path: Path, part: str
) -> None:
    data = photos(("a", "b", "c"), each=14)
    dataset = open_dataset(data)
    drawn = getattr(split_dataset(dataset, 0), part)
    name = next(n for n in map(dataset.samples.names.__getitem__, drawn) if n.startswith("b"))
    (data / name).write_bytes(b"damaged")
    said = heard(data)
    with (tmp_path / "run" / "unusable.csv").open() as file:
        listed = [row["path"] for row in csv.DictReader(file)]

    assert listed == [name]
    assert f"{part} has no usable image of 'b': its scores say nothing of them" in said


def test_a_set_of_which_nothing_can_be_read_is_refused(heard: Callable, photos: Callable) -> None:
    photos(("a", "b"), at="data/train", each=9)
    data = photos(("a", "b"), at="data/val", each=2).parent
    for file in (data / "val").rglob("*.png"):
        file.write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"no usable image of 'a', 'b' \(val/a/0\.png: "):
        heard(data)


@pytest.mark.parametrize(
    ("turned", "said"),
    [
        (True, "flip=none: mirrored images of one class look like those of another"),
        (False, "flip=alternating: mirrored images look like those of their own class"),
    ],
)
def test_what_mirrored_images_look_like_decides_about_flips(
    heard: Callable, photos: Callable, tmp_path: Path, said: str, *, turned: bool
) -> None:
    data = photos(("one", "two"), each=20)
    for file in (data / "one").glob("*.png"):
        pixels = np.asarray(Image.open(file)).copy()
        if turned:
            pixels[:, :12] //= 3  # dark on the left here, on the right there
            Image.fromarray(pixels[:, ::-1]).save(data / "two" / file.name)
        Image.fromarray(pixels).save(file)
    spoken = heard(data)
    record = json.loads((tmp_path / "run" / "run.json").read_text())

    assert said in spoken
    assert said in record["reasons"]
    assert f"flip={record['recipe']['augmentation']['flip']}:" == said.split(" ", maxsplit=1)[0]
