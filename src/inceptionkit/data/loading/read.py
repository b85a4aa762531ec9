"""Decoding many images into one array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.types import Dataset, Unusable, decode_sample
from inceptionkit.preprocess import UnusableImage

Shape: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

_CHUNK = 64  # images per task: enough to hide what a task costs, few enough for a smooth progress


@dataclass(frozen=True, slots=True, eq=False)
class DecodedSamples:
    """Images in memory, and those that could not be used."""

    pixels: NDArray[np.uint8]  # (k, height, width, 3), RGB
    indices: NDArray[np.int64]  # (k,), into the source's samples, in the order asked for
    sizes: NDArray[np.int32]  # (k, 2), height and width of each before it was shaped
    unusable: tuple[Unusable, ...]  # in the order asked for


def decode_samples(
    dataset: Dataset,
    indices: Sequence[int] | NDArray[np.int64],
    shape: Shape,
    threads: int = 2,
    progress: Callable[[int], None] | None = None,
) -> DecodedSamples:
    """Decode images in parallel, bring each to one shape, and leave out what cannot be used.

    Args:
        dataset: where they are.
        indices: which of its samples; read in the source's order, returned in this one.
        shape: takes (height, width, 3) of any size, gives (h, w, 3) of one size; called from
            several threads at once.
        threads: how many decode at once.
        progress: called in the calling thread with the count of images done so far.

    Returns:
        Empty arrays of shape (0, 1, 1, 3) if no image could be used.

    Raises:
        ValueError: `shape` gave images of different sizes.
    """
    asked = np.asarray(indices, np.int64)
    order = np.argsort(asked, kind="stable")
    target = _Target(dataset, asked, shape)
    # until the first usable image has told the size there is nothing to write into
    ahead = next(
        (n + 1 for n, place in enumerate(order.tolist()) if target.load(place)), len(order)
    )
    if progress:
        progress(ahead)
    chunks = [order[start : start + _CHUNK] for start in range(ahead, len(order), _CHUNK)]
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for done in _counted(pool.map(target.load_all, chunks), ahead):
            if progress:
                progress(done)
    finally:
        pool.shutdown(cancel_futures=True)
    return target.loaded()


def _counted(sizes: Iterator[int], done: int) -> Iterator[int]:
    for size in sizes:
        done += size
        yield done


class _Target:
    """The array that threads write into, each at its own places."""

    def __init__(self, dataset: Dataset, asked: NDArray[np.int64], shape: Shape) -> None:
        self.dataset = dataset
        self.asked = asked
        self.shape = shape
        self.pixels = np.empty((0, 1, 1, 3), np.uint8)
        self.sizes = np.zeros((len(asked), 2), np.int32)
        self.reasons: dict[int, str] = {}  # place -> why it is not usable

    def load(self, place: int) -> bool:
        """Decode one image to its place; False if it cannot be used."""
        try:
            original = decode_sample(self.dataset, int(self.asked[place]))
            image = self.shape(original)
        except UnusableImage as error:
            self.reasons[place] = error.reason
            return False
        if not len(self.pixels):
            self.pixels = np.empty((len(self.asked), *image.shape), np.uint8)
        if image.shape != self.pixels.shape[1:]:
            msg = f"shape must give one size, got {image.shape} after {self.pixels.shape[1:]}"
            raise ValueError(msg)
        self.pixels[place] = image
        self.sizes[place] = original.shape[:2]
        return True

    def load_all(self, places: NDArray[np.int64]) -> int:
        """Decode some images; how many were tried."""
        for place in places.tolist():
            self.load(place)
        return len(places)

    def loaded(self) -> DecodedSamples:
        """What is there now, gaps closed in place so that memory is not needed twice."""
        good = [place for place in range(len(self.asked)) if place not in self.reasons]
        for to, place in enumerate(good):
            if to != place:
                self.pixels[to] = self.pixels[place]
        names = self.dataset.samples.names
        unusable = tuple(
            Unusable(names[int(self.asked[place])], reason)
            for place, reason in sorted(self.reasons.items())
        )
        return DecodedSamples(
            self.pixels[: len(good)], self.asked[good], self.sizes[good], unusable
        )
