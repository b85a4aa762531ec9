"""Which images a model is scored on, which may choose for it, and reading them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit.data import SETS, Dataset, Sets, checks, decode_samples, split_dataset
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.data.loading.read import at_depth
from inceptionkit.data.loading.sets import image_set
from inceptionkit.errors import DataError
from inceptionkit.machine import cores
from inceptionkit.model import Card
from inceptionkit.progress import Listener, Progress


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Samples of a dataset, and why these."""

    indices: NDArray[np.int64]
    why: str


def test_samples(card: Card, dataset: Dataset) -> Selection:
    """Which samples to score.

    Of the images that the model was trained on, those that were held out; of others, the test set
    if there is one, else all.
    """
    sets = dataset.samples.sets
    if _trained_on(card, dataset):
        division = divided(card, dataset)
        if len(division.test):
            return Selection(division.test, "test, held out when the model was trained")
        return Selection(division.val, "val, not trained on")
    for number in (SETS.index("test"), SETS.index("val")):
        if (sets == number).any():
            return Selection(np.flatnonzero(sets == number), f"{SETS[number]}, as given")
    return Selection(np.arange(len(sets)), "all there are")


def tuning_and_test_samples(card: Card, dataset: Dataset) -> tuple[Selection, Selection]:
    """Which samples may choose thresholds, and which score what was chosen: never the same.

    Raises:
        DataError: there are fewer than two images to divide.
    """
    scored = test_samples(card, dataset)
    sets = dataset.samples.sets
    if _trained_on(card, dataset) and not scored.why.startswith("val"):
        division = divided(card, dataset)
        return Selection(division.val, "val, not trained on"), scored
    if scored.why.startswith("test") and (sets == SETS.index("val")).any():
        return Selection(np.flatnonzero(sets == SETS.index("val")), "val, as given"), scored
    return halves(dataset, scored)


def halves(dataset: Dataset, selection: Selection) -> tuple[Selection, Selection]:
    """Divide samples in two by a hash of their names: the same names always fall alike.

    Raises:
        DataError: one half is empty.
    """
    names = (dataset.samples.names[i] for i in selection.indices.tolist())
    bits = [blake2b(n.encode("utf-8", "surrogatepass")).digest()[0] & 1 for n in names]
    first = np.array(bits, bool)
    if not first.any() or first.all():
        msg = (
            f"{dataset.address}: some images must choose and others score, got {len(first)}; "
            "give more images"
        )
        raise DataError(msg)
    why = f"half of {selection.why}, by the hash of the name"
    chosen, rest = selection.indices[first], selection.indices[~first]
    return Selection(chosen, why), Selection(rest, f"the other {why}")


def _trained_on(card: Card, dataset: Dataset) -> bool:
    """Whether these are the very images that the model was trained on."""
    return bool(dataset.fingerprint() == card.origin.get("fingerprint"))


def divided(card: Card, dataset: Dataset) -> Sets:
    """The sets as they were when the model was trained."""
    duplicate_groups = card.origin.get("duplicate_groups", ())
    return split_dataset(dataset, int(card.origin["seed"]), duplicate_groups=duplicate_groups)


def load_scored(card: Card, dataset: Dataset, selection: Selection, listener: Listener) -> Images:
    """Decode the images and number their classes as the model does.

    Raises:
        DataError: the model does not know a class, or no image is usable.
    """
    number = class_numbers(card, dataset)

    def tick(count: int) -> None:
        listener.progress(Progress(what="reading images", done=count, total=len(selection.indices)))

    dataset = at_depth(dataset, card.preprocessing.depth)
    loaded = decode_samples(dataset, selection.indices, card.preprocessing.fit, cores(), tick)
    if not len(loaded.indices):
        raise none_usable(dataset, len(selection.indices))
    found = image_set(dataset, loaded, card.preprocessing.size)
    return Images(found.pixels, number[found.labels], found.shape, found.names)


def class_numbers(card: Card, dataset: Dataset) -> torch.Tensor:
    """The model's number of each class of the dataset.

    Raises:
        DataError: the model does not know a class.
    """
    unknown = [name for name in dataset.classes if name not in card.classes]
    if unknown:
        msg = (
            f"{dataset.address}: the model has no class {checks.quoted(unknown)}; its classes are "
            f"{checks.quoted(card.classes)}"
        )
        raise DataError(msg)
    return torch.tensor([card.classes.index(name) for name in dataset.classes])


def none_usable(dataset: Dataset, count: int) -> DataError:
    """The error of a dataset of which no image can be used."""
    return DataError(f"{dataset.address}: none of its {count} images is usable; check the files")
