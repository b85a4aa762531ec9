"""Which images a model is scored on, which may choose for it, and reading them.

A model knows the images that it has seen by what is in them. One that it was trained on neither
chooses nor is scored. One that it was chosen by may choose, and is scored where nothing is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from hashlib import blake2b
from operator import or_

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit.data import SETS, Dataset, SetName, checks, decode_samples
from inceptionkit.data.loading.read import DecodedSamples, Shape, at_depth
from inceptionkit.data.loading.sets import fits, image_set, unkept
from inceptionkit.data.loading.unkept import ScoredImages, corner
from inceptionkit.data.quality.inspect import thumbnail, thumbnails
from inceptionkit.data.quality.near_duplicates import find_groups
from inceptionkit.errors import DataError
from inceptionkit.machine import cores
from inceptionkit.model import Card
from inceptionkit.model.seen import NOTHING, Seen, among
from inceptionkit.progress import Listener, Progress

_FEWEST_COMPARED = 10  # images that several models are scored on, where one has seen some


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Samples of a dataset, and why these."""

    indices: NDArray[np.int64]
    why: str
    decoded: DecodedSamples | None = None  # the usable ones, where they had to be decoded


def test_samples(
    cards: Sequence[Card], dataset: Dataset, listener: Listener, *, keep: bool
) -> Selection:
    """Which samples to score: of the test set if there is one, else of val, else of all.

    Args:
        cards: of the models; what one of them has seen is new to none.
        dataset: where the samples are.
        listener: hears how far it is.
        keep: whether to keep what was decoded, as the first model wants it.

    Raises:
        DataError: the models have seen every image, or all but a few.
    """
    return _scored(
        _untrained(cards, dataset, _pool(dataset), listener, keep=keep), several=len(cards) > 1
    )


def tuning_and_test_samples(
    card: Card, dataset: Dataset, listener: Listener
) -> tuple[Selection, Selection]:
    """Which samples may choose thresholds, and which score what was chosen: never the same.

    Raises:
        DataError: there are fewer than two images to divide, or the model has seen every image.
    """
    untrained = _untrained([card], dataset, _pool(dataset), listener)
    scored = _scored(untrained, several=False)
    if untrained.pool_name == "test":
        others: SetName = "val" if (dataset.samples.sets == SETS.index("val")).any() else "train"
        tuning = _untrained([card], dataset, others, listener)
        if others == "val" and len(tuning.indices):
            return tuning.part(tuning.indices >= 0, f"val, as given{tuning.left_out()}"), scored
        untrained = tuning
    chose = untrained.chose
    if chose.any() and not np.isin(untrained.indices[chose], scored.indices).any():
        return untrained.part(chose, "val, not trained on"), scored
    return halves(card, dataset, scored, listener)


def halves(
    card: Card, dataset: Dataset, selection: Selection, listener: Listener
) -> tuple[Selection, Selection]:
    """Divide samples in two by a hash of their names: the same names always fall alike.

    Near-duplicates fall as the first of them does, unless they are more than a quarter of all.

    Raises:
        DataError: one half is empty.
    """
    decoded, names, how = selection.decoded, dataset.samples.names, card.preprocessing
    if decoded is None:
        kept = fits(len(selection.indices), how.size)
        raw, shape = at_depth(dataset, how.depth), how.fit if kept else thumbnail
        decoded = _decode(raw, selection.indices, shape, listener)
        selection = replace(selection, decoded=decoded) if kept else selection
    leaders = {index: names[index] for index in selection.indices.tolist()}
    shown = thumbnails(decoded.pixels)
    cut = 0
    for group in find_groups(shown, decoded.indices, allows_flip=dataset.allows_flip):
        if 4 * len(group.members) > len(leaders):
            cut += len(group.members)
        else:
            leaders |= dict.fromkeys(group.members, min(names[i] for i in group.members))
    bits = [blake2b(n.encode("utf-8", "surrogatepass")).digest()[0] & 1 for n in leaders.values()]
    first = np.array(bits, bool)
    if not first.any() or first.all():
        msg = (
            f"{dataset.address}: some images must choose and others score, got {len(first)}; "
            "give more images"
        )
        raise DataError(msg)
    why = f"half of {selection.why}, by the hash of the name"
    why += f" ({cut:,} near-duplicates are in both halves)" if cut else ""
    chosen, rest = (_kept(selection, part) for part in (first, ~first))
    return replace(chosen, why=why), replace(rest, why=f"the other {why}")


@dataclass(frozen=True, slots=True, eq=False)
class _Untrained:
    """Samples that no model was trained on."""

    pool_name: SetName | None  # of what they were taken; None for all there are
    count: int  # of the pool
    address: str
    indices: NDArray[np.int64]
    chose: NDArray[np.bool_]  # whether a model was chosen by it
    decoded: DecodedSamples | None

    def left_out(self, *, chose: bool = False) -> str:
        """How many are left out, and why; nothing if none is."""
        trained, by = self.count - len(self.indices), int(self.chose.sum()) if chose else 0
        reasons = [f"trained on {trained:,}"] * bool(trained) + [f"chosen by {by:,}"] * bool(by)
        if not reasons:
            return ""
        return f" ({trained + by:,} of {self.count:,} left out: {', '.join(reasons)})"

    def part(self, which: NDArray[np.bool_], why: str) -> Selection:
        """Some of them."""
        return _kept(Selection(self.indices, why, self.decoded), which)


def _kept(selection: Selection, which: NDArray[np.bool_]) -> Selection:
    """A part of a selection."""
    indices, decoded = selection.indices[which], selection.decoded
    if decoded is None or which.all():
        return replace(selection, indices=indices)
    at = np.isin(decoded.indices, indices)
    parts = (decoded.pixels[at], decoded.indices[at], decoded.sizes[at], decoded.hashes[at])
    return replace(selection, indices=indices, decoded=DecodedSamples(*parts, decoded.unusable))


def _pool(dataset: Dataset) -> SetName | None:
    """The set that is scored; None where the dataset is not divided."""
    sets = dataset.samples.sets
    names: tuple[SetName, ...] = ("test", "val")
    return next((name for name in names if (sets == SETS.index(name)).any()), None)


def _scored(untrained: _Untrained, *, several: bool) -> Selection:
    """What is new to the models; of val, and where nothing is new, what they were chosen by too."""
    new = ~untrained.chose
    why = "all there are" if untrained.pool_name is None else f"{untrained.pool_name}, as given"
    if untrained.pool_name == "val" or (not new.any() and len(new)):
        why = "val, not trained on" if untrained.chose.any() else why
        new = np.ones(len(new), np.bool_)
        left = untrained.left_out()
    else:
        left = untrained.left_out(chose=True)
        why = "new to all models" if several and left else "new to the model" if left else why
    count = int(new.sum())
    if not count or (several and left and count < _FEWEST_COMPARED):
        msg = f"{untrained.address}: {count:,} of {untrained.count:,} images are new to "
        msg += f"all models, at least {_FEWEST_COMPARED} are needed" if several else "the model"
        advice = ", or train the models with the same --split-seed" if several else ""
        msg += f"{left}; give other images{advice}"
        raise DataError(msg)
    return untrained.part(new, why + left)


def _untrained(
    cards: Sequence[Card],
    dataset: Dataset,
    name: SetName | None,
    listener: Listener,
    *,
    keep: bool = True,
) -> _Untrained:
    """Look for what models have seen; images are decoded, unless their files are known already.

    Args:
        cards: of the models.
        dataset: where to look.
        name: of the set; None for all.
        listener: hears how far it is.
        keep: whether to keep what was decoded.
    """
    sets, names = dataset.samples.sets, dataset.samples.names
    pool = np.arange(len(sets)) if name is None else np.flatnonzero(sets == SETS.index(name))
    everything = _Untrained(
        name, len(pool), dataset.address, pool, np.zeros(len(pool), np.bool_), None
    )
    seen = [card.seen for card in cards if card.seen is not None]
    if not seen:
        return everything
    union = reduce(or_, seen)
    how = cards[0].preprocessing
    keep = keep and fits(len(pool), how.size)
    fit: Shape = how.fit if keep else corner
    decoded = _decode(at_depth(dataset, how.depth), pool, fit, listener, union)
    unusable = {image.name for image in decoded.unusable}
    damaged = [i for i in pool.tolist() if names[i] in unusable] if unusable else []
    indices = np.union1d(decoded.indices, np.array(damaged, np.int64))
    chose = np.isin(indices, decoded.indices[among(decoded.hashes, union.chose)])
    return replace(everything, indices=indices, chose=chose, decoded=decoded if keep else None)


def _decode(
    dataset: Dataset,
    indices: NDArray[np.int64],
    shape: Shape,
    listener: Listener,
    seen: Seen = NOTHING,
) -> DecodedSamples:
    """Decode images; those that a model was trained on are left out."""

    def tick(count: int) -> None:
        listener.progress(Progress(what="reading images", done=count, total=len(indices)))

    return decode_samples(dataset, indices, shape, cores(), tick, passes=seen.is_new)


def load_scored(
    card: Card, dataset: Dataset, selection: Selection, listener: Listener
) -> ScoredImages:
    """Decode the images, unless that was done, and number their classes as the model does.

    More than fit into memory are decoded to see which are usable, and again to be scored.

    Raises:
        DataError: the model does not know a class, or no image is usable.
    """
    number, loaded, how = class_numbers(card, dataset), selection.decoded, card.preprocessing
    dataset = at_depth(dataset, how.depth)
    kept = loaded is not None or fits(len(selection.indices), how.size)
    if loaded is None:
        shape = how.fit if kept else corner
        loaded = _decode(dataset, selection.indices, shape, listener)
    if not len(loaded.indices):
        raise none_usable(dataset, len(selection.indices))
    if kept:
        found: ScoredImages = image_set(dataset, loaded, how.size)
    else:
        found = unkept(dataset, loaded, how, cores(), listener)
    return replace(found, labels=number[found.labels])


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
