"""Reading many images: their headers, or all of them into one array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.types import Blocks, Dataset, Unusable, content_hash
from inceptionkit.errors import DataError
from inceptionkit.preprocess import UnusableImage, as_rgb, bits_used, common_depth, header

Shape: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
OnDecoded: TypeAlias = Callable[
    [int, NDArray[np.uint8]], None
]  # takes an index, and decoded pixels

_MEASURED = 64  # images of more than 8 bits a channel whose values are looked at
_NEIGHBOURS = 16  # samples whose headers are read together: they tend to lie together
_CHUNK = 64  # images per task: enough to hide what a task costs, few enough for a smooth progress
_CHUNK_IN_BLOCKS = 8  # where images that lie together are read together: threads stay together too


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a sample of the images looks like."""

    images: int  # looked at and usable as far as their header tells
    median: int  # short side, upright, in pixels
    smallest: int  # short side
    largest: int  # short side
    uniform: tuple[int, int] | None  # height and width, where all have the same
    grey: float  # share that is stored without color
    depth: int = 16  # bits that those of more than 8 bits a channel use, if not all


def survey(dataset: Dataset, limit: int = 2_000) -> Survey:
    """Read the headers of at most `limit` images, always the same ones.

    No pixel is decoded, but for the first images of more than 8 bits a channel: the largest value
    of all says how many bits are used. 15 of 16 bits count as all.

    Raises:
        DataError: none of them is an image.
    """
    chosen, sizes, bits = np.arange(len(dataset.samples.labels)), [], list[int | None]()
    if len(chosen) > limit:
        blocks = np.random.default_rng(0).permutation(len(chosen) // _NEIGHBOURS)
        starts = np.sort(blocks[: max(1, limit // _NEIGHBOURS)]) * _NEIGHBOURS
        chosen = (starts[:, None] + np.arange(_NEIGHBOURS)).ravel()[:limit]
    for index in chosen.tolist():
        try:
            raw = dataset.read(index)
            if isinstance(raw, np.ndarray):
                sizes.append((raw.shape[0], raw.shape[1], raw.ndim == 2))
            else:
                image = header(raw)
                sizes.append((image.height, image.width, image.grey))
                if image.deep and len(bits) < _MEASURED:
                    bits.append(bits_used(raw))
        except UnusableImage:
            continue
    if not sizes:
        msg = (
            f"{dataset.address}: none of {len(chosen)} images could be opened; "
            "check that they are image files"
        )
        raise DataError(msg)
    heights, widths, grey = np.array(sizes).T
    sides = np.minimum(heights, widths)
    same = len(set(heights.tolist())) == len(set(widths.tolist())) == 1
    return Survey(
        images=len(sizes),
        median=int(np.median(sides)),
        smallest=int(sides.min()),
        largest=int(sides.max()),
        uniform=(int(heights[0]), int(widths[0])) if same else None,
        grey=float(grey.mean()),
        depth=common_depth(bits) if bits else 16,
    )


@dataclass(frozen=True, slots=True, eq=False)
class DecodedSamples:
    """Decoded images, and those that could not be used."""

    pixels: NDArray[np.uint8]  # (k, height, width, 3), RGB
    indices: NDArray[np.int64]  # (k,), into the source's samples, in the order asked for
    sizes: NDArray[np.int32]  # (k, 2), height and width of each before it was shaped
    hashes: NDArray[np.uint64]  # (k, 2), of its file and of its pixels
    unusable: tuple[Unusable, ...]  # in the order asked for


def decode_samples(  # noqa: PLR0913 - three may be left out
    dataset: Dataset,
    indices: Sequence[int] | NDArray[np.int64],
    shape: Shape,
    threads: int = 2,
    progress: Callable[[int], None] | None = None,
    *,
    on_decoded: OnDecoded | None = None,
    passes: Callable[[int], bool] | None = None,
) -> DecodedSamples:
    """Decode images in parallel, bring each to one shape, and leave out what cannot be used.

    Args:
        dataset: where they are.
        indices: which of its samples; read in the dataset's order, returned in this one.
        shape: takes (height, width, 3) of any size, gives (h, w, 3) of one size; called from
            several threads at once.
        threads: how many decode at once.
        progress: called in the calling thread with the count of images done so far.
        on_decoded: sees each image as it was decoded; called from several threads at once.
        passes: says of the hash of a file, then of that of its pixels, whether the image is wanted;
            one that is not is left out, and not decoded where its file says it.

    Returns:
        Empty arrays of shape (0, 1, 1, 3) if no image could be used.

    Raises:
        ValueError: `shape` gave images of different sizes.
    """
    requested = np.asarray(indices, np.int64)
    order = np.argsort(requested, kind="stable")
    target = _Target(dataset, requested, shape, on_decoded, passes)
    done = 0
    while done < len(order) and not len(target.pixels):  # the first image says how large all are
        done += target.load(order[done : done + 1])
    if progress:
        progress(done)
    size = _CHUNK if dataset.blocks is None else _CHUNK_IN_BLOCKS
    chunks = [order[start : start + size] for start in range(done, len(order), size)]
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for count in pool.map(target.load, chunks):
            done += count
            if progress:
                progress(done)
    finally:
        pool.shutdown(cancel_futures=True)
    good = sorted(target.sizes)
    for to, place in enumerate(good):  # gaps are closed in place: memory is not needed twice
        if to != place:
            target.pixels[to] = target.pixels[place]
    sizes = np.array([target.sizes[place] for place in good], np.int32).reshape(-1, 2)
    names = dataset.samples.names
    unusable = tuple(
        Unusable(names[int(requested[place])], reason)
        for place, reason in sorted(target.reasons.items())
    )
    hashes = np.array([target.hashes[place] for place in good], np.uint64).reshape(-1, 2)
    return DecodedSamples(target.pixels[: len(good)], requested[good], sizes, hashes, unusable)


@dataclass(slots=True, eq=False)
class _Target:
    """The array that threads write into, each at its own places."""

    dataset: Dataset
    requested: NDArray[np.int64]
    shape: Shape
    on_decoded: OnDecoded | None
    passes: Callable[[int], bool] | None
    pixels: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 1, 1, 3), np.uint8))
    sizes: dict[int, tuple[int, ...]] = field(default_factory=dict)  # place -> height and width
    hashes: dict[int, tuple[int, int]] = field(default_factory=dict)  # place -> of file and pixels
    reasons: dict[int, str] = field(default_factory=dict)  # place -> why it is not usable

    def load(self, places: NDArray[np.int64]) -> int:
        for place in places.tolist():
            index = int(self.requested[place])
            try:
                raw = self.dataset.read(index)
                of_file = content_hash(raw)
                if self.passes is not None and not self.passes(of_file):
                    continue
                original = as_rgb(raw)
                hashes = of_file, content_hash(original)
                if self.passes is not None and not self.passes(hashes[1]):
                    continue
                image = self.shape(original)
            except UnusableImage as error:
                self.reasons[place] = error.reason
                continue
            if not len(self.pixels):
                self.pixels = np.empty((len(self.requested), *image.shape), np.uint8)
            if image.shape != self.pixels.shape[1:]:
                msg = f"shape must give one size, got {image.shape} after {self.pixels.shape[1:]}"
                raise ValueError(msg)
            self.pixels[place] = image
            self.sizes[place], self.hashes[place] = original.shape[:2], hashes
            if self.on_decoded is not None:
                self.on_decoded(index, original)
        return len(places)


def at_depth(dataset: Dataset, depth: int) -> Dataset:
    """The dataset, its deep images scaled from so many bits where they do not say it themselves."""
    return dataset if depth == 16 else _ScaledDataset(dataset, depth)


class _ScaledDataset:
    """A dataset whose images have more than 8 bits a channel, of which they use some."""

    blocks: Blocks | None

    def __init__(self, dataset: Dataset, depth: int) -> None:
        self.dataset, self.depth = dataset, depth
        self.address, self.classes, self.samples = dataset.address, dataset.classes, dataset.samples
        self.allows_flip, self.skipped = dataset.allows_flip, dataset.skipped
        self.blocks = dataset.blocks
        use = f"images with more than 8 bits a channel use {depth} bits, and are scaled from these"
        self.notes = (*dataset.notes, use)

    def read(self, index: int) -> NDArray[np.uint8]:
        return as_rgb(self.dataset.read(index), self.depth)

    def fingerprint(self) -> str:
        return self.dataset.fingerprint()
