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
from inceptionkit.data.loading.read import Loaded, Shape, read
from inceptionkit.data.loading.streaming import Stream
from inceptionkit.data.open import open_source
from inceptionkit.data.split import Sets, Together, divide
from inceptionkit.data.types import BUILT_IN, Source, Unusable
from inceptionkit.errors import DataError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener, Progress
from inceptionkit.text import size

MEMORY = 3 * 2**30  # bytes that the training images may take
ROOM = 2  # a stored side is at most so many times the input's: small crops keep their detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A source, divided."""

    source: Source
    sets: Sets
    sizes: Survey
    address: str  # absolute, or a built-in word
    together: Together = ()  # near-duplicates that were kept in one set


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The images of a run: val and test in memory, train too if it fits."""

    train: Images | Stream
    val: Images
    test: Images
    unusable: tuple[Unusable, ...]


def open_data(data: str | Path, *, seed: int, together: Together = ()) -> Opened:
    """Open a source, check what can be checked before decoding, and divide it.

    Args:
        data: its address.
        seed: of the division.
        together: near-duplicates, where they are known.

    Raises:
        DataError: nothing is there, or it is no labelled set of images that can be trained on.
    """
    source = open_source(data)
    checks.complete(source)
    sets = divide(source, seed, together=together)
    checks.trainable(source, sets)
    return Opened(
        source=source,
        sets=sets,
        sizes=survey(source),
        address=whole_address(data),
        together=together,
    )


def whole_address(data: str | Path) -> str:
    """The address of a source as it is understood from any folder."""
    path = Path(data).expanduser()
    elsewhere = "://" in str(data) or (str(data) in BUILT_IN and not path.exists())
    return str(data) if elsewhere else str(path.resolve())


def load(
    opened: Opened, preprocessing: Preprocessing, *, workers: int, strict: bool, listener: Listener
) -> Ready:
    """Decode every image once, or training images as they are needed; leave out what is unusable.

    Val and test images are prepared as in use. Training images keep what crops are cut from: their
    own size if all have the same, else a square, in which a crop knows the original's aspect.

    Raises:
        DataError: a class has no usable image, or `strict` and an image is not usable.
    """
    source, sets = opened.source, opened.sets
    if source.unlisted:
        listener.say(f"passed over: {passed_over(source.unlisted)}")
    refuse_unusable(source, source.unlisted, strict=strict)
    unusable = list(source.unlisted)
    reading = Reading(source, workers, listener, total=len(sets.val) + len(sets.test))

    def in_memory(indices: NDArray[np.int64], shape: Shape) -> Images:
        loaded = reading.read(indices, shape)
        unusable.extend(loaded.unusable)
        return images(source, loaded, preprocessing.size)

    kept = stored(opened, preprocessing.size)
    train: Images | Stream
    if kept.in_memory:
        reading.total += len(sets.train)
        train = in_memory(sets.train, squeeze(kept.height, kept.width))
    else:
        listener.say(kept.says(opened, workers))
        train = Stream(source, sets.train, workers=workers, strict=strict)
    val, test = (in_memory(indices, preprocessing.fit) for indices in (sets.val, sets.test))
    refuse_unusable(source, unusable, strict=strict)
    return Ready(train=train, val=val, test=test, unusable=tuple(unusable))


@dataclass(slots=True)
class Reading:
    """Reads one set after the other and tells how far it is."""

    source: Source
    workers: int
    listener: Listener
    total: int
    done: int = 0

    def read(self, indices: NDArray[np.int64], shape: Shape) -> Loaded:
        """Read one set.

        Raises:
            DataError: a class has no usable image.
        """

        def tick(count: int) -> None:
            what, done = "reading images", self.done + count
            self.listener.progress(Progress(what=what, done=done, total=self.total))

        loaded = read(self.source, indices, shape, self.workers, tick)
        checks.usable(self.source, indices, loaded.indices, loaded.unusable)
        self.done += len(indices)
        return loaded


def passed_over(unlisted: Sequence[Unusable]) -> str:
    """What could not even be listed, such as missing shards, in words."""
    rest = f"; and {len(unlisted) - 5:,} more" if len(unlisted) > 5 else ""
    return "; ".join(f"{one.name} ({one.reason})" for one in unlisted[:5]) + rest


def refuse_unusable(source: Source, unusable: Sequence[Unusable], *, strict: bool) -> None:
    """Stop at what cannot be used, if asked to.

    Raises:
        DataError: `strict`, and there is something.
    """
    if strict and unusable:
        first = unusable[0]
        msg = (
            f"{source.address}: {len(unusable)} images are not usable, the first is "
            f"{first.name} ({first.reason}); mend or remove them, or go without --strict"
        )
        raise DataError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The size at which training images are kept, and whether all of them are kept."""

    height: int
    width: int
    in_memory: bool

    def says(self, opened: Opened, workers: int) -> str:
        """Why images are read anew in each epoch, in words."""
        count = len(opened.sets.train)
        needed = 3 * count * self.height * self.width
        return (
            f"{count:,} training images of {self.width}x{self.height} px would take "
            f"{size(needed)}, more than the {size(MEMORY)} that are used: {workers} workers read "
            "them as they are needed"
        )


def stored(opened: Opened, side: int) -> Stored:
    """How training images are kept: in memory if they fit at the input's own size, at least."""
    uniform, count = opened.sizes.uniform, len(opened.sets.train)
    affordable = int((MEMORY / (3 * count)) ** 0.5)
    wanted = min(ROOM * side, max(side, opened.sizes.median))
    height, width = (
        uniform if uniform and max(uniform) <= max(ROOM * side, 32) else (wanted, wanted)
    )
    if max(height, width) <= affordable:
        return Stored(height=height, width=width, in_memory=True)
    smaller = min(wanted, affordable)
    if smaller >= min(side, opened.sizes.smallest):
        return Stored(height=smaller, width=smaller, in_memory=True)
    return Stored(height=height, width=width, in_memory=False)


def squeeze(height: int, width: int) -> Shape:
    """Resize to exactly this size, whatever the aspect; one that has it is left alone."""

    def shape(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if image.shape[:2] == (height, width):
            return image
        small = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(small)

    return shape


def images(source: Source, loaded: Loaded, side: int) -> Images:
    """Turn what was read into a set."""
    pixels = torch.from_numpy(loaded.pixels).permute(0, 3, 1, 2)
    if not len(loaded.indices):
        pixels = torch.zeros((0, 3, side, side), dtype=torch.uint8)
    labels = source.samples.labels[loaded.indices].astype(np.int64)
    shape = loaded.sizes[:, 1] / np.maximum(1, loaded.sizes[:, 0])
    names = source.samples.names
    return Images(
        pixels,
        torch.from_numpy(labels),
        shape.astype(np.float64),
        tuple(names[i] for i in loaded.indices.tolist()),
    )
