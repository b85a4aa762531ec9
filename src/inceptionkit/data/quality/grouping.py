"""Loading images so that near-duplicates end in one set: the part of `check` that `train` runs.

What is in the images is known only once they were decoded, and by then they are divided. So the few
that have to change their set are read again. Images that all have the input's size are in memory as
they were read, and are compared there; others are watched as they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit.data.loading.in_memory import Images, image_set
from inceptionkit.data.loading.read import Shape, decode_samples
from inceptionkit.data.loading.sets import (
    LoadedSets,
    SplitDataset,
    load_sets,
    resize_to,
    stored_size,
)
from inceptionkit.data.quality.findings import find_in_classes
from inceptionkit.data.quality.groups import Group, find_groups
from inceptionkit.data.quality.inspect import thumbnails
from inceptionkit.data.quality.thumbnails import record_thumbnails
from inceptionkit.data.split import groups_by_name, split_dataset
from inceptionkit.data.types import SETS, SetName
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener


def load_grouped(
    opened: SplitDataset,
    preprocessing: Preprocessing,
    *,
    seed: int,
    workers: int,
    strict: bool,
    listener: Listener,
) -> tuple[SplitDataset, LoadedSets]:
    """Load every set, near-duplicates on one side of what is divided here; says what it found.

    Returns:
        What is open, its sets perhaps changed, and the images.

    Raises:
        DataError: as `load_sets` does.
    """

    def loaded(one: SplitDataset) -> LoadedSets:
        return load_sets(one, preprocessing, workers=workers, strict=strict, listener=listener)

    if not stored_size(opened, preprocessing.size).in_memory:
        ready = loaded(opened)
        listener.say(
            "not checked for copies, since memory does not hold the images; see: "
            f"inceptionkit check {opened.address}"
        )
        return opened, ready
    if opened.sizes.uniform == (preprocessing.size, preprocessing.size):
        ready = loaded(opened)
        groups = _groups_in_memory(opened, ready, workers)
    else:
        watch = record_thumbnails(opened.dataset)
        ready = loaded(replace(opened, dataset=watch))
        groups = watch.groups(workers)
    duplicate_groups = (
        groups_by_name(opened.dataset, [group.members for group in groups]) if groups else []
    )
    sets = (
        split_dataset(opened.dataset, seed, duplicate_groups=duplicate_groups)
        if groups
        else opened.sets
    )
    if sets.rule != opened.sets.rule:
        before, opened = opened, replace(opened, sets=sets, duplicate_groups=duplicate_groups)
        if stored_size(before, preprocessing.size) == stored_size(opened, preprocessing.size):
            ready = _settled(opened, ready, preprocessing, workers)
        else:  # memory is so scarce that the count of images decides their size
            ready = loaded(opened)
    listener.say(f"checked: {_said(opened, groups)}")
    return opened, ready


def _groups_in_memory(opened: SplitDataset, ready: LoadedSets, threads: int) -> tuple[Group, ...]:
    """Near-duplicates among images that are in memory as they were read."""
    indices = np.concatenate([_usable(opened, ready, name) for name in SETS])
    order = np.argsort(indices)
    found = [
        thumbnails(part.pixels.permute(0, 2, 3, 1).numpy(), threads)
        for part in (ready.train, ready.val, ready.test)
        if isinstance(part, Images)
    ]
    return find_groups(
        np.concatenate(found)[order],
        indices[order],
        allows_flip=opened.dataset.allows_flip,
        threads=threads,
    )


def _usable(opened: SplitDataset, ready: LoadedSets, name: SetName) -> NDArray[np.int64]:
    """Indices of the samples of a set that could be read, as `load_sets` orders them."""
    names = opened.dataset.samples.names
    unusable = {one.name for one in ready.unusable}
    wanted: NDArray[np.int64] = getattr(opened.sets, name)
    return np.array([i for i in wanted.tolist() if names[i] not in unusable], np.int64)


def _settled(
    opened: SplitDataset, ready: LoadedSets, preprocessing: Preprocessing, workers: int
) -> LoadedSets:
    """The images of each set as the sets are now; those that it did not have are read again."""
    dataset, side = opened.dataset, preprocessing.size
    every = dataset.samples.names

    def settled(name: SetName, shape: Shape) -> Images:
        part: Images = getattr(ready, name)
        wanted = _usable(opened, ready, name).tolist()
        names = tuple(every[index] for index in wanted)
        if part.names == names:
            return part
        there = set(part.names)
        missing = [index for index in wanted if every[index] not in there]
        return _picked(
            part, image_set(dataset, decode_samples(dataset, missing, shape, workers), side), names
        )

    kept = stored_size(opened, side)
    return replace(
        ready,
        train=settled("train", resize_to(kept.height, kept.width)),
        val=settled("val", preprocessing.fit),
        test=settled("test", preprocessing.fit),
    )


def _picked(one: Images, other: Images, names: tuple[str, ...]) -> Images:
    """The images called `names`, in that order, each from whichever of the two has it."""
    place = {name: at for at, name in enumerate((*one.names, *other.names))}
    at = np.array([place[name] for name in names])
    own, more = (part.pixels.permute(0, 2, 3, 1).numpy() for part in (one, other))
    rows = np.empty((len(at), *own.shape[1:]), np.uint8)  # laid out as `load_sets` does
    np.take(own, at, axis=0, out=rows, mode="clip")  # no copy beside: memory is needed twice alone
    for to in np.flatnonzero(at >= len(own)).tolist():
        rows[to] = more[at[to] - len(own)]
    labels = torch.cat([one.labels, other.labels])[torch.from_numpy(at)]
    shape = np.concatenate([one.shape, other.shape])[at]
    return Images(torch.from_numpy(rows).permute(0, 3, 1, 2), labels, shape, names)


def _said(opened: SplitDataset, groups: Sequence[Group]) -> str:
    """One line about what was found."""
    dataset = opened.dataset
    counts = np.bincount(dataset.samples.labels, minlength=len(dataset.classes))
    found = [finding.says for finding in find_in_classes(dataset.classes, counts)]
    pictures = "1 picture is" if len(groups) == 1 else f"{len(groups):,} pictures are"
    copies = sum(len(group.members) for group in groups)
    doubled = f"{pictures} there more than once ({copies:,} images)" if groups else ""
    if opened.duplicate_groups:
        sizes = (f"{name} {len(getattr(opened.sets, name)):,}" for name in SETS)
        doubled += f", each kept in one set: {', '.join(sizes)}"
    if leaks := _leaks(opened, groups):
        doubled += f", {leaks:,} of them in more than one set as given"
    more = f"; see: inceptionkit check {dataset.address}"
    said = "; ".join([doubled or "no near-duplicates", *found])
    return said + (more if doubled or found else "")


def _leaks(opened: SplitDataset, groups: Sequence[Group]) -> int:
    """Groups with members in more than one set."""
    place = np.zeros(len(opened.dataset.samples), np.int8)
    for number, part in enumerate((opened.sets.train, opened.sets.val, opened.sets.test)):
        place[part] = number
    return sum(len(set(place[list(group.members)].tolist())) > 1 for group in groups)
