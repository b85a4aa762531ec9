"""Which images choose and which are scored: never the same, and never those trained on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inceptionkit.data import open_dataset, split_dataset
from inceptionkit.errors import DataError
from inceptionkit.evaluation import held_out
from inceptionkit.model import Card
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net

Folder = Callable[..., Path]


@pytest.fixture
def card(tiny: Net) -> Callable[..., Card]:
    def make(fingerprint: str = "", seed: int = 3) -> Card:
        return Card(
            architecture=tiny,
            classes=tuple("abcdefghij"),
            preprocessing=Preprocessing(size=16),
            origin={"fingerprint": fingerprint, "seed": seed},
        )

    return make


def divided(folder: Path, *sets: str) -> Path:
    """The same images in every one of these sets."""
    for name in sets:
        shutil.copytree(folder, folder.parent / "divided" / name)
    return folder.parent / "divided"


def test_of_the_images_trained_on_val_chooses_and_test_is_scored(
    card: Callable[..., Card], photos: Folder
) -> None:
    dataset = open_dataset(photos(each=20))
    sets = split_dataset(dataset, 3)
    choosing, scoring = held_out.tuning_and_test_samples(card(dataset.fingerprint()), dataset)

    assert choosing.indices.tolist() == sets.val.tolist()
    assert scoring.indices.tolist() == sets.test.tolist()
    assert choosing.why == "val, not trained on"


def test_of_images_given_in_sets_val_chooses(card: Callable[..., Card], photos: Folder) -> None:
    dataset = open_dataset(divided(photos(), "train", "val", "test"))
    choosing, scoring = held_out.tuning_and_test_samples(card(), dataset)

    assert set(dataset.samples.sets[choosing.indices].tolist()) == {1}
    assert set(dataset.samples.sets[scoring.indices].tolist()) == {2}


@pytest.mark.parametrize("trained", [False, True])
def test_one_set_alone_is_divided_in_two(
    card: Callable[..., Card], photos: Folder, *, trained: bool
) -> None:
    dataset = open_dataset(divided(photos(each=30), "train", "val"))
    known = card(dataset.fingerprint() if trained else "")
    choosing, scoring = held_out.tuning_and_test_samples(known, dataset)
    whole = held_out.test_samples(known, dataset)
    both = np.concatenate([choosing.indices, scoring.indices])

    assert sorted(both.tolist()) == sorted(whole.indices.tolist())
    assert set(dataset.samples.sets[both].tolist()) == {1}
    assert 10 < len(choosing.indices) < 50
    assert choosing.why.startswith("half of val, ")
    assert scoring.why.startswith("the other half of val, ")


def test_an_image_falls_alike_whatever_stands_beside_it(
    card: Callable[..., Card], photos: Folder
) -> None:
    few, many = (open_dataset(photos(each=n, at=f"p{n}")) for n in (8, 16))
    first, second = (
        held_out.tuning_and_test_samples(card(), dataset)[0] for dataset in (few, many)
    )
    chosen = {few.samples.names[i] for i in first.indices.tolist()}

    assert chosen <= {many.samples.names[i] for i in second.indices.tolist()}


def test_too_few_images_to_divide(card: Callable[..., Card], photos: Folder) -> None:
    folder = photos(each=2)
    names = [file.relative_to(folder) for file in folder.rglob("*.png")]
    dataset = open_dataset(folder)
    halves = held_out.tuning_and_test_samples(card(), dataset)
    first = {dataset.samples.names[i] for i in halves[0].indices.tolist()}
    for name in names:
        if str(name) in first:
            (folder / name).unlink()
    with pytest.raises(DataError, match=r"some images must choose and others score, got "):
        held_out.tuning_and_test_samples(card(), open_dataset(folder))
