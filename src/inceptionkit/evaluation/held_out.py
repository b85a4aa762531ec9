"""Which images a model is scored on, which may choose for it, and reading them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit.data import SETS, Sets, Source, checks, divide, read
from inceptionkit.data.loading.images import Images
from inceptionkit.data.loading.in_memory import images
from inceptionkit.errors import DataError
from inceptionkit.machine import cores
from inceptionkit.model import Card
from inceptionkit.progress import Listener, Progress


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Samples of a source, and why these."""

    indices: NDArray[np.int64]
    why: str


def scored_samples(card: Card, source: Source) -> Drawn:
    """Which samples to score.

    Of the images that the model was trained on, those that were held out; of others, the test set
    if there is one, else all.
    """
    given = source.samples.sets
    if trained_on(card, source):
        sets = divided(card, source)
        if len(sets.test):
            return Drawn(sets.test, "test, held out when the model was trained")
        return Drawn(sets.val, "val, not trained on")
    for number in (SETS.index("test"), SETS.index("val")):
        if (given == number).any():
            return Drawn(np.flatnonzero(given == number), f"{SETS[number]}, as given")
    return Drawn(np.arange(len(given)), "all there are")


def choosing_samples(card: Card, source: Source) -> tuple[Drawn, Drawn]:
    """Which samples may choose thresholds, and which score what was chosen: never the same.

    Raises:
        DataError: there are fewer than two images to divide.
    """
    scored = scored_samples(card, source)
    given = source.samples.sets
    if trained_on(card, source) and not scored.why.startswith("val"):
        sets = divided(card, source)
        return Drawn(sets.val, "val, not trained on"), scored
    if scored.why.startswith("test") and (given == SETS.index("val")).any():
        return Drawn(np.flatnonzero(given == SETS.index("val")), "val, as given"), scored
    return halves(source, scored)


def halves(source: Source, drawn: Drawn) -> tuple[Drawn, Drawn]:
    """Divide samples in two by a hash of their names: the same names always fall alike.

    Raises:
        DataError: one half is empty.
    """
    names = (source.samples.names[i] for i in drawn.indices.tolist())
    bits = [blake2b(n.encode("utf-8", "surrogatepass")).digest()[0] & 1 for n in names]
    first = np.array(bits, bool)
    if not first.any() or first.all():
        msg = (
            f"{source.address}: some images must choose and others score, got {len(first)}; "
            "give more images"
        )
        raise DataError(msg)
    said = f"half of {drawn.why}, by the hash of the name"
    return Drawn(drawn.indices[first], said), Drawn(drawn.indices[~first], f"the other {said}")


def trained_on(card: Card, source: Source) -> bool:
    """Whether these are the very images that the model was trained on."""
    return bool(source.fingerprint() == card.origin.get("fingerprint"))


def divided(card: Card, source: Source) -> Sets:
    """The sets as they were when the model was trained."""
    together = card.origin.get("together", ())
    return divide(source, int(card.origin["seed"]), together=together)


def load_scored(card: Card, source: Source, drawn: Drawn, listener: Listener) -> Images:
    """Decode the images and number their classes as the model does.

    Raises:
        DataError: the model does not know a class, or no image is usable.
    """
    number = class_numbers(card, source)

    def tick(count: int) -> None:
        listener.progress(Progress(what="reading images", done=count, total=len(drawn.indices)))

    loaded = read(source, drawn.indices, card.preprocessing.fit, cores(), tick)
    if not len(loaded.indices):
        raise none_usable(source, len(drawn.indices))
    found = images(source, loaded, card.preprocessing.size)
    return Images(found.pixels, number[found.labels], found.shape, found.names)


def class_numbers(card: Card, source: Source) -> torch.Tensor:
    """The model's number of each class of the source.

    Raises:
        DataError: the model does not know a class.
    """
    unknown = [name for name in source.classes if name not in card.classes]
    if unknown:
        msg = (
            f"{source.address}: the model has no class {checks.listing(unknown)}; its classes are "
            f"{checks.listing(card.classes)}"
        )
        raise DataError(msg)
    return torch.tensor([card.classes.index(name) for name in source.classes])


def none_usable(source: Source, count: int) -> DataError:
    """The error of a source of which no image can be used."""
    return DataError(f"{source.address}: none of its {count} images is usable; check the files")
