"""From an address of images to sets in memory, and what was found on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.data import checks
from inceptionkit.data.header_survey import Survey, survey
from inceptionkit.data.loading.images import Images
from inceptionkit.data.loading.read import DecodedSamples, Shape, decode_samples
from inceptionkit.data.loading.streaming import Stream
from inceptionkit.data.open import open_dataset
from inceptionkit.data.split import DuplicateGroups, Sets, split_dataset
from inceptionkit.data.types import BUILT_IN, Dataset, Unusable
from inceptionkit.errors import DataError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener, Progress
from inceptionkit.text import size

MEMORY = 3 * 2**30  # bytes that the training images may take
ROOM = 2  # a stored side is at most so many times the input's: small crops keep their detail


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitDataset:
    """A dataset, divided."""

    dataset: Dataset
    sets: Sets
    sizes: Survey
    address: str  # absolute, or a built-in word
    duplicate_groups: DuplicateGroups = ()  # near-duplicates that were kept in one set


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSets:
    """The images of a run: val and test in memory, train too if it fits."""

    train: Images | Stream
    val: Images
    test: Images
    unusable: tuple[Unusable, ...]


def open_and_split(
    data: str | Path, *, seed: int, duplicate_groups: DuplicateGroups = ()
) -> SplitDataset:
    """Open a dataset, check what can be checked before decoding, and divide it.

    Args:
        data: its address.
        seed: of the division.
        duplicate_groups: near-duplicates, where they are known.

    Raises:
        DataError: nothing is there, or it is no labelled set of images that can be trained on.
    """
    dataset = open_dataset(data)
    checks.require_every_class(dataset)
    sets = split_dataset(dataset, seed, duplicate_groups=duplicate_groups)
    checks.require_trainable(dataset, sets)
    return SplitDataset(
        dataset=dataset,
        sets=sets,
        sizes=survey(dataset),
        address=absolute_address(data),
        duplicate_groups=duplicate_groups,
    )


def absolute_address(data: str | Path) -> str:
    """The address of a dataset as it is understood from any folder."""
    path = Path(data).expanduser()
    elsewhere = "://" in str(data) or (str(data) in BUILT_IN and not path.exists())
    return str(data) if elsewhere else str(path.resolve())


def load_sets(
    opened: SplitDataset,
    preprocessing: Preprocessing,
    *,
    workers: int,
    strict: bool,
    listener: Listener,
) -> LoadedSets:
    """Decode every image once, or training images as they are needed; leave out what is unusable.

    Val and test images are prepared as in use. Training images keep what crops are cut from: their
    own size if all have the same, else a square, in which a crop knows the original's aspect.

    Raises:
        DataError: a class has no usable image, or `strict` and an image is not usable.
    """
    dataset, sets = opened.dataset, opened.sets
    if dataset.skipped:
        listener.say(f"passed over: {describe_skipped(dataset.skipped)}")
    refuse_unusable(dataset, dataset.skipped, strict=strict)
    unusable = list(dataset.skipped)
    reading = Reading(dataset, workers, listener, total=len(sets.val) + len(sets.test))

    def in_memory(indices: NDArray[np.int64], shape: Shape) -> Images:
        loaded = reading.read(indices, shape)
        unusable.extend(loaded.unusable)
        return image_set(dataset, loaded, preprocessing.size)

    kept = stored_size(opened, preprocessing.size)
    train: Images | Stream
    if kept.in_memory:
        reading.total += len(sets.train)
        train = in_memory(sets.train, resize_to(kept.height, kept.width))
    else:
        listener.say(kept.says(opened, workers))
        train = Stream(dataset, sets.train, workers=workers, strict=strict)
    val, test = (in_memory(indices, preprocessing.fit) for indices in (sets.val, sets.test))
    refuse_unusable(dataset, unusable, strict=strict)
    return LoadedSets(train=train, val=val, test=test, unusable=tuple(unusable))


@dataclass(slots=True)
class Reading:
    """Reads one set after the other and tells how far it is."""

    dataset: Dataset
    workers: int
    listener: Listener
    total: int
    done: int = 0

    def read(self, indices: NDArray[np.int64], shape: Shape) -> DecodedSamples:
        """Read one set.

        Raises:
            DataError: a class has no usable image.
        """

        def tick(count: int) -> None:
            what, done = "reading images", self.done + count
            self.listener.progress(Progress(what=what, done=done, total=self.total))

        loaded = decode_samples(self.dataset, indices, shape, self.workers, tick)
        checks.require_usable(self.dataset, indices, loaded.indices, loaded.unusable)
        self.done += len(indices)
        return loaded


def describe_skipped(skipped: Sequence[Unusable]) -> str:
    """What could not even be listed, such as missing shards, in words."""
    rest = f"; and {len(skipped) - 5:,} more" if len(skipped) > 5 else ""
    return "; ".join(f"{one.name} ({one.reason})" for one in skipped[:5]) + rest


def refuse_unusable(dataset: Dataset, unusable: Sequence[Unusable], *, strict: bool) -> None:
    """Stop at what cannot be used, if asked to.

    Raises:
        DataError: `strict`, and there is something.
    """
    if strict and unusable:
        first = unusable[0]
        msg = (
            f"{dataset.address}: {len(unusable)} images are not usable, the first is "
            f"{first.name} ({first.reason}); mend or remove them, or go without --strict"
        )
        raise DataError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSize:
    """The size at which training images are kept, and whether all of them are kept."""

    height: int
    width: int
    in_memory: bool

    def says(self, opened: SplitDataset, workers: int) -> str:
        """Why images are read anew in each epoch, in words."""
        count = len(opened.sets.train)
        needed = 3 * count * self.height * self.width
        return (
            f"{count:,} training images of {self.width}x{self.height} px would take "
            f"{size(needed)}, more than the {size(MEMORY)} that are used: {workers} workers read "
            "them as they are needed"
        )


def stored_size(opened: SplitDataset, side: int) -> StoredSize:
    """How training images are kept: in memory if they fit at the input's own size, at least."""
    uniform, count = opened.sizes.uniform, len(opened.sets.train)
    affordable = int((MEMORY / (3 * count)) ** 0.5)
    wanted = min(ROOM * side, max(side, opened.sizes.median))
    height, width = (
        uniform if uniform and max(uniform) <= max(ROOM * side, 32) else (wanted, wanted)
    )
    if max(height, width) <= affordable:
        return StoredSize(height=height, width=width, in_memory=True)
    smaller = min(wanted, affordable)
    if smaller >= min(side, opened.sizes.smallest):
        return StoredSize(height=smaller, width=smaller, in_memory=True)
    return StoredSize(height=height, width=width, in_memory=False)


def resize_to(height: int, width: int) -> Shape:
    """Resize to exactly this size, whatever the aspect; one that has it is left alone."""

    def shape(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if image.shape[:2] == (height, width):
            return image
        small = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(small)

    return shape


def image_set(dataset: Dataset, loaded: DecodedSamples, side: int) -> Images:
    """Turn what was read into a set."""
    pixels = torch.from_numpy(loaded.pixels).permute(0, 3, 1, 2)
    if not len(loaded.indices):
        pixels = torch.zeros((0, 3, side, side), dtype=torch.uint8)
    labels = dataset.samples.labels[loaded.indices].astype(np.int64)
    shape = loaded.sizes[:, 1] / np.maximum(1, loaded.sizes[:, 0])
    names = dataset.samples.names
    return Images(
        pixels,
        torch.from_numpy(labels),
        shape.astype(np.float64),
        tuple(names[i] for i in loaded.indices.tolist()),
    )
