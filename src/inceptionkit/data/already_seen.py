"""Keeping out of val and test what a model was trained on before this run."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.split import DuplicateGroups, Sets, order_of_names
from inceptionkit.data.types import SETS, Dataset
from inceptionkit.errors import DataError

_OUT, _TRAIN, _VAL, _TEST = -1, *range(len(SETS))


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """Of each sample of a dataset, whether a model saw it before. Of some nobody knows."""

    known: NDArray[np.bool_]
    trained: NDArray[np.bool_]
    chose: NDArray[np.bool_]


def without_seen(
    dataset: Dataset, sets: Sets, before: Before, duplicate_groups: DuplicateGroups = ()
) -> Sets:
    """Sets of which val and test hold nothing that was trained on, and test nothing that chose.

    Where a set is drawn here such images go to train, or to val, and others of their class that are
    known to be new take their places. A set that the dataset gives is left without them.
    Near-duplicates count as seen with any of them.

    Raises:
        DataError: val or test would be empty.
    """
    if not (before.trained.any() or before.chose.any()):
        return sets
    trained, chose = before.trained.copy(), before.chose.copy()
    single = np.ones(len(trained), np.bool_)
    names = order_of_names(dataset)
    for group in duplicate_groups:
        members = names[np.asarray(group)]
        single[members] = False
        trained[members], chose[members] = trained[members].any(), chose[members].any()
    place = np.full(len(trained), _OUT)
    for number, part in enumerate((sets.train, sets.val, sets.test)):
        place[part] = number
    old, free = place.copy(), dataset.samples.sets <= _TRAIN
    gone = (trained & (old >= _VAL)) | (chose & (old == _TEST))
    if not gone.any():
        return sets
    place[gone] = np.where(free, np.where(trained, _TRAIN, _VAL), _OUT)[gone]
    new = np.flatnonzero(before.known & ~trained & single & free)
    new = _by_hash(dataset, new)
    new = new[np.argsort(~chose[new], kind="stable")]  # what chose before chooses again
    for label in np.unique(dataset.samples.labels[gone & free]).tolist():
        own = dataset.samples.labels == label
        here, kept = new[own[new]], own & ~single
        val, test = (int((own & (old == n)).sum() - (kept & (place == n)).sum()) for n in (1, 2))
        could_test = int((~chose[here]).sum())
        enough = len(here) >= val + test or could_test < len(here)
        test = min(max(0, test), could_test if enough else (could_test + 1) // 2)
        place[here] = _TRAIN
        place[here[: min(max(0, val), len(here) - test)]] = _VAL
        place[here[len(here) - test :]] = _TEST
    parts = [np.flatnonzero(place == number) for number in (_TRAIN, _VAL, _TEST)]
    for name, was, part in zip(SETS, (sets.train, sets.val, sets.test), parts, strict=True):
        if len(was) and not len(part):
            msg = (
                f"{dataset.address}: {name} would be empty, because the model was trained on, or "
                "chosen by, all images that it could hold; add images that are new to the model"
            )
            raise DataError(msg)
    moved = int(gone.sum())
    note = f"; {moved:,} images of val and test gave way, because models are trained on them, or "
    note += f"chosen by them: val {len(parts[1]):,}, test {len(parts[2]):,}"
    return Sets(train=parts[0], val=parts[1], test=parts[2], rule=sets.rule + note)


def _by_hash(dataset: Dataset, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """In an order that has nothing to do with what is in the images."""
    names = (dataset.samples.names[index] for index in indices.tolist())
    keys = [blake2b(name.encode("utf-8", "surrogatepass")).digest() for name in names]
    return indices[sorted(range(len(keys)), key=keys.__getitem__)]
