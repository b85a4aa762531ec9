"""Which images choose and which are scored: never the same, and never those trained on."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.data import Dataset, Sets, decode_samples, open_dataset, split_dataset
from inceptionkit.errors import DataError
from inceptionkit.evaluation import held_out
from inceptionkit.evaluation.held_out import Selection
from inceptionkit.model import Card, Seen
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Silence
from inceptionkit.spec import Net

Folder = Callable[..., Path]


def corner(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image[:1, :1]


def choosing_and_scoring(card: Card, dataset: Dataset) -> tuple[Selection, Selection]:
    return held_out.tuning_and_test_samples(card, dataset, Silence())


@pytest.fixture
def card(tiny: Net) -> Callable[..., Card]:
    def make(dataset: Dataset | None = None, sets: Sets | None = None) -> Card:
        """The card of a model, perhaps trained on some images."""
        seen = None
        if dataset is not None and sets is not None:
            parts = (sets.train, sets.val)
            hashes = (decode_samples(dataset, part, corner).hashes for part in parts)
            seen = Seen.of(*hashes)
        how = Preprocessing(size=16)
        classes = tuple("abcdefghij")
        return Card(architecture=tiny, classes=classes, preprocessing=how, seen=seen)

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
    choosing, scoring = choosing_and_scoring(card(dataset, sets), dataset)

    assert choosing.indices.tolist() == sets.val.tolist()
    assert scoring.indices.tolist() == sets.test.tolist()
    assert choosing.why == "val, not trained on"


def test_of_images_given_in_sets_val_chooses(card: Callable[..., Card], photos: Folder) -> None:
    dataset = open_dataset(divided(photos(), "train", "val", "test"))
    choosing, scoring = choosing_and_scoring(card(), dataset)

    assert set(dataset.samples.sets[choosing.indices].tolist()) == {1}
    assert set(dataset.samples.sets[scoring.indices].tolist()) == {2}


@pytest.mark.parametrize("trained", [False, True])
def test_one_set_alone_is_divided_in_two(
    card: Callable[..., Card], photos: Folder, *, trained: bool
) -> None:
    dataset = open_dataset(divided(photos(each=30), "train", "val"))
    sets = split_dataset(dataset, 3)
    known = card(dataset, replace(sets, train=sets.train[:0])) if trained else card()
    choosing, scoring = choosing_and_scoring(known, dataset)
    whole = held_out.test_samples([known], dataset, Silence(), keep=True)
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
    first, second = (choosing_and_scoring(card(), dataset)[0] for dataset in (few, many))
    chosen = {few.samples.names[i] for i in first.indices.tolist()}

    assert chosen <= {many.samples.names[i] for i in second.indices.tolist()}


def test_near_duplicates_fall_into_the_same_half(card: Callable[..., Card], photos: Folder) -> None:
    folder = photos(each=20)
    for file in list(folder.rglob("*.png")):
        Image.open(file).save(file.with_suffix(".bmp"))
    choosing, scoring = choosing_and_scoring(card(), dataset := open_dataset(folder))

    both = ({dataset.samples.names[i][:-4] for i in one.indices} for one in (choosing, scoring))
    assert not set.intersection(*both)
    assert choosing.why == "half of all there are, by the hash of the name"


def test_what_all_looks_alike_is_divided_nevertheless(
    card: Callable[..., Card], photos: Folder
) -> None:
    folder = photos(("one", "two"), each=20)
    picture = Image.open(folder / "one" / "0.png")
    for file in folder.rglob("*.png"):
        picture.save(file)
    choosing, scoring = choosing_and_scoring(card(), open_dataset(folder))

    assert min(len(choosing.indices), len(scoring.indices)) > 10
    assert choosing.why.endswith("by the hash of the name (40 near-duplicates are in both halves)")


def test_too_few_images_to_divide(card: Callable[..., Card], photos: Folder) -> None:
    folder = photos(each=2)
    names = [file.relative_to(folder) for file in folder.rglob("*.png")]
    dataset = open_dataset(folder)
    halves = choosing_and_scoring(card(), dataset)
    first = {dataset.samples.names[i] for i in halves[0].indices.tolist()}
    for name in names:
        if str(name) in first:
            (folder / name).unlink()
    with pytest.raises(DataError, match=r"some images must choose and others score, got "):
        choosing_and_scoring(card(), open_dataset(folder))


def test_a_test_set_as_given_is_scored_without_what_was_trained_on(
    card: Callable[..., Card], photos: Folder
) -> None:
    folder = divided(photos(), "train", "test")
    for index in range(5):
        (folder / "train" / "dark" / f"{index}.png").unlink()
    dataset = open_dataset(folder)
    scored = held_out.test_samples(
        [card(dataset, split_dataset(dataset, 3))], dataset, Silence(), keep=False
    )

    assert len(scored.indices) == 5
    assert scored.why == "new to the model (19 of 24 left out: trained on 17, chosen by 2)"


def test_several_models_are_scored_on_what_is_new_to_all(
    card: Callable[..., Card], photos: Folder
) -> None:
    """Two divisions of 600 images: 10 % are new to each, and 1 % to both."""
    dataset = open_dataset(photos(("dark", "light"), each=300))
    one, other = (split_dataset(dataset, seed) for seed in (0, 1))
    both = sorted(set(one.test.tolist()) & set(other.test.tolist()))
    cards = [card(dataset, sets) for sets in (one, other)]
    same = held_out.test_samples([cards[0]] * 2, dataset, Silence(), keep=False)
    with pytest.raises(DataError) as caught:
        held_out.test_samples(cards, dataset, Silence(), keep=False)

    assert same.indices.tolist() == one.test.tolist()
    assert same.why.startswith("new to all models (540 of 600 left out: ")
    assert 0 < len(both) < 10
    assert f": {len(both)} of 600 images are new to all models, at least 10 are needed (" in str(
        caught.value
    )
    assert str(caught.value).endswith("or train the models with the same --split-seed")
