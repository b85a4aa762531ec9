"""Loading images so that near-duplicates end in one set: the part of `check` that `train` runs.

What is in the images is known only once they were decoded, and by then they are divided. So the few
that have to change their set are read again. Images that all have the input's size are in memory as
they were read, and are compared there; of others a thumbnail is kept as they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit.data.already_seen import Before, without_seen
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.data.loading.read import Shape, decode_samples
from inceptionkit.data.loading.sets import (
    LoadedSets,
    SplitDataset,
    fits,
    image_set,
    load_sets,
    resized,
    stored_size,
)
from inceptionkit.data.loading.streaming import Stream
from inceptionkit.data.loading.unkept import ScoredImages
from inceptionkit.data.quality.findings import find_in_classes
from inceptionkit.data.quality.inspect import THUMBNAIL, thumbnail, thumbnails
from inceptionkit.data.quality.mirroring import mirroring_changes_class
from inceptionkit.data.quality.near_duplicates import Group, Thumbnails, find_groups
from inceptionkit.data.split import DuplicateGroups, groups_by_name, split_dataset
from inceptionkit.data.types import SETS, SetName
from inceptionkit.model.seen import NOTHING, Seen, among
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener, Progress
from inceptionkit.text import shell_word


class ThumbnailRecorder:
    """Keeps a thumbnail of every image of a dataset that it is shown."""

    def __init__(self, count: int) -> None:
        self.recorded = np.zeros(count, np.bool_)
        self.thumbnails = np.zeros((count, THUMBNAIL, THUMBNAIL, 3), np.uint8)

    def record(self, index: int, pixels: NDArray[np.uint8]) -> None:
        """Keep the thumbnail of one image."""
        self.thumbnails[index] = thumbnail(pixels)
        self.recorded[index] = True

    def seen(self) -> tuple[NDArray[np.int64], Thumbnails]:
        """The images that were shown: their indices, and their thumbnails."""
        indices = np.flatnonzero(self.recorded)
        return indices, self.thumbnails[indices]


def load_grouped(  # noqa: PLR0913 - two may be left out
    opened: SplitDataset,
    preprocessing: Preprocessing,
    *,
    seed: int,
    workers: int,
    strict: bool,
    listener: Listener,
    seen: Seen = NOTHING,
    known_groups: DuplicateGroups | None = None,
) -> tuple[SplitDataset, LoadedSets]:
    """Load every set, with near-duplicates in one set where sets are drawn here; report them.

    Args:
        opened: what to load, as it was divided before near-duplicates were known.
        preprocessing: of the model.
        seed: of the division.
        workers: threads that decode.
        strict: whether an unusable image is an error.
        listener: hears how far it is, and what was found.
        seen: images of an earlier training, which stay out of val and test.
        known_groups: near-duplicates, where they need not be looked for.

    Returns:
        What is open, with `allows_flip` and its sets perhaps changed, and the images.

    Raises:
        DataError: as `load_sets` does, or val or test would hold nothing but what was seen.
    """
    loaded = partial(
        load_sets, preprocessing=preprocessing, workers=workers, strict=strict, listener=listener
    )
    stored = stored_size(opened, preprocessing.size)
    if known_groups is None:
        opened, ready, groups = _searched(opened, preprocessing, loaded, workers, listener)
    else:
        ready, groups = loaded(opened), ()
    duplicate_groups, sets = known_groups or (), opened.sets
    if groups:
        duplicate_groups = groups_by_name(opened.dataset, [group.members for group in groups])
        sets = split_dataset(opened.dataset, seed, duplicate_groups=duplicate_groups)
    sets = without_seen(opened.dataset, sets, _seen_before(opened, ready, seen), duplicate_groups)
    if sets.rule != opened.sets.rule:
        opened = replace(opened, sets=sets, duplicate_groups=duplicate_groups)
        kept = all(isinstance(part, Images) for part in (ready.train, ready.val, ready.test))
        if kept and stored == stored_size(opened, preprocessing.size):
            ready = _settled(opened, ready, preprocessing, workers)
        else:  # memory is so scarce that the count of images decides their size
            ready = loaded(opened)
    if known_groups is None:
        listener.say(
            f"checked: {_describe(opened, groups)}"
            if stored.in_memory
            else "near-duplicates not checked, because the images do not fit into memory; run: "
            f"inceptionkit check {shell_word(opened.address)}"
        )
    return opened, ready


def _searched(
    opened: SplitDataset,
    preprocessing: Preprocessing,
    loaded: Callable[..., LoadedSets],
    workers: int,
    listener: Listener,
) -> tuple[SplitDataset, LoadedSets, Sequence[Group]]:
    """What is open with `allows_flip`, the images, and near-duplicates if memory holds all."""
    dataset = opened.dataset
    sets, side = opened.sets, preprocessing.size
    in_memory = stored_size(opened, side).in_memory and all(
        fits(len(indices), side) for indices in (sets.val, sets.test)
    )
    if in_memory and opened.sizes.uniform == (side, side):
        ready = loaded(opened)
        indices, shown = _shown_in_memory(opened, ready, workers)
    else:
        recorder = ThumbnailRecorder(len(dataset.samples))
        ready = loaded(opened, on_decoded=recorder.record)
        indices, shown = recorder.seen()
    listener.progress(Progress(what="comparing images", done=0, total=0, note="near-duplicates"))
    labels = dataset.samples.labels[indices]
    allows_flip = dataset.allows_flip and not mirroring_changes_class(shown, labels)
    opened = replace(opened, allows_flip=allows_flip)
    if not in_memory:
        return opened, ready, ()
    return opened, ready, find_groups(shown, indices, allows_flip=allows_flip, threads=workers)


def _seen_before(opened: SplitDataset, ready: LoadedSets, seen: Seen) -> Before:
    """What of the images that were decoded was seen before; of a stream's nobody knows.

    An exact copy in val or test as given, of an image of another set, is counted as seen.
    """
    given = opened.dataset.samples.sets
    known, trained, chose = (np.zeros(len(given), np.bool_) for _ in range(3))
    here = Seen.of(ready.train.hashes, ready.val.hashes)
    for name in SETS:
        part: ScoredImages | Stream = getattr(ready, name)
        if not isinstance(part, Stream):
            at = _usable(opened, ready, name)
            known[at] = True
            trained[at] = among(part.hashes, seen.trained)
            chose[at] = among(part.hashes, seen.chose)
            copies = given[at] == SETS.index(name)
            trained[at] |= copies & (name != "train") & among(part.hashes, here.trained)
            chose[at] |= copies & (name == "test") & among(part.hashes, here.chose)
    return Before(known, trained, chose)


def _shown_in_memory(
    opened: SplitDataset, ready: LoadedSets, threads: int
) -> tuple[NDArray[np.int64], Thumbnails]:
    """The images that are in memory: their indices, and thumbnails of them as they are there."""
    parts = [(name, getattr(ready, name)) for name in SETS]
    held = [(name, part) for name, part in parts if isinstance(part, Images)]
    indices = np.concatenate([_usable(opened, ready, name) for name, _ in held])
    shown = [thumbnails(part.pixels.permute(0, 2, 3, 1).numpy(), threads) for _, part in held]
    order = np.argsort(indices)
    return indices[order], np.concatenate(shown)[order]


def _usable(opened: SplitDataset, ready: LoadedSets, name: SetName) -> NDArray[np.int64]:
    """Indices of the samples of a set that could be read, as `load_sets` orders them."""
    names = opened.dataset.samples.names
    unusable = {image.name for image in ready.unusable}
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
        train=settled("train", partial(resized, height=kept.height, width=kept.width)),
        val=settled("val", preprocessing.fit),
        test=settled("test", preprocessing.fit),
    )


def _picked(first: Images, second: Images, names: tuple[str, ...]) -> Images:
    """The images called `names`, in that order, each from whichever of the two has it."""
    place = {name: at for at, name in enumerate((*first.names, *second.names))}
    at = np.array([place[name] for name in names])
    pixels, more = (images.pixels.permute(0, 2, 3, 1).numpy() for images in (first, second))
    rows = np.empty((len(at), *pixels.shape[1:]), np.uint8)  # laid out as `load_sets` does
    np.take(pixels, at, axis=0, out=rows, mode="clip")  # without a third copy of the pixels
    for to in np.flatnonzero(at >= len(pixels)).tolist():
        rows[to] = more[at[to] - len(pixels)]
    labels = torch.cat([first.labels, second.labels])[torch.from_numpy(at)]
    shape = np.concatenate([first.shape, second.shape])[at]
    hashes = np.concatenate([first.hashes, second.hashes])[at]
    return Images(torch.from_numpy(rows).permute(0, 3, 1, 2), labels, shape, names, hashes)


def _describe(opened: SplitDataset, groups: Sequence[Group]) -> str:
    dataset = opened.dataset
    counts = np.bincount(dataset.samples.labels, minlength=len(dataset.classes))
    findings = [finding.says for finding in find_in_classes(dataset.classes, counts)]
    pictures = "1 picture appears" if len(groups) == 1 else f"{len(groups):,} pictures appear"
    copies = sum(len(group.members) for group in groups)
    doubled = f"{pictures} more than once ({copies:,} images)" if groups else ""
    drawn = np.zeros(len(dataset.samples), np.int8)
    for number, part in enumerate((opened.sets.train, opened.sets.val, opened.sets.test)):
        drawn[part] = number
    leaks, as_given = (
        sum(len(set(set_of[list(group.members)].tolist())) > 1 for group in groups)
        for set_of in (drawn, dataset.samples.sets)
    )
    if opened.duplicate_groups:
        cut = (
            f" but {leaks - as_given:,}, since each set needs every class (expect scores too high)"
        )
        sizes = ", ".join(f"{name} {len(getattr(opened.sets, name)):,}" for name in SETS)
        doubled += f", each kept in one set{cut if leaks > as_given else ''}: {sizes}"
    if as_given:
        doubled += f", {as_given:,} of them in more than one set as given"
    more = f"; see: inceptionkit check {shell_word(dataset.address)}"
    text = "; ".join([doubled or "no near-duplicates", *findings])
    return text + (more if doubled or findings else "")
