"""Which samples an epoch takes, in which order, and which worker reads which.

Pure functions: nothing depends on what was read before, so that a run which was interrupted in the
middle of a shard continues with the next sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.rng import permutation, random_bits
from inceptionkit.data.types import Blocks

WINDOW_BYTES = 2**29  # encoded images that are in memory at once to be read in a random order
_UNLIKE = 0.05  # by which the classes of a window may differ from all, beyond what chance does


def epoch_order(
    seed: int,
    epoch: int,
    indices: NDArray[np.int64],
    labels: NDArray[np.int64],
    blocks: Blocks | None,
) -> NDArray[np.int64]:
    """The order of an epoch.

    Args:
        seed: of the run.
        epoch: counted from 0.
        indices: (count,) of the samples in their dataset, ascending.
        labels: (count,) of the same.
        blocks: what the dataset reads at once; None if each sample is read by itself.

    Returns:
        A permutation of 0 to count - 1. Without blocks any is equally likely. With them, the epoch
        is divided into windows of about `WINDOW_BYTES`, and the samples of a window come in a
        random order. A window takes blocks from all over the dataset. Where each holds few classes,
        as in an archive that is sorted by class, it takes a part of each of more blocks: as many as
        it needs to hold the classes in about the proportions of the whole.
    """
    if blocks is None:
        return permutation(seed, epoch, len(indices))
    keys = random_bits(seed, epoch, np.arange(len(indices)), "order")
    window, _ = _windows(seed, epoch, indices, labels, blocks)
    return np.lexsort((keys, window)).astype(np.int64)


def block_parts(indices: NDArray[np.int64], labels: NDArray[np.int64], blocks: Blocks) -> int:
    """How often an epoch reads each block, since each is divided over so many windows."""
    return _windows(0, 0, indices, labels, blocks)[1]


def _windows(
    seed: int,
    epoch: int,
    indices: NDArray[np.int64],
    labels: NDArray[np.int64],
    blocks: Blocks,
) -> tuple[NDArray[np.int64], int]:
    """The window of each sample, and into how many parts each block is divided for that."""
    count, block = len(indices), np.searchsorted(blocks.starts, indices, side="right") - 1
    windows = -(-int(blocks.sizes[indices].sum()) // WINDOW_BYTES)
    if windows < 2:
        return np.zeros(count, np.int64), 1
    draws = random_bits(seed, epoch, np.arange(count), "parts")
    order = np.lexsort((draws, block))
    _, first, sizes = np.unique(block[order], return_index=True, return_counts=True)
    place = np.empty(count, np.int64)  # of each sample among those of its block, in random order
    place[order] = np.arange(count) - np.repeat(first, sizes)
    size = np.empty(count, np.int64)
    size[order] = np.repeat(sizes, sizes)
    parts = 1
    while True:
        part, number = np.unique(block * parts + place * parts // size, return_inverse=True)
        turns = -(-len(part) // windows)  # in each, every window gets one part of a block
        bits = random_bits(seed, epoch, np.arange(turns * windows), "windows")
        dealt = np.argsort(bits.reshape(turns, windows), axis=1).ravel()
        window = dealt[number]
        if parts >= windows or _is_mixed(window, labels):
            return window, parts
        parts = min(2 * parts, windows)


def _is_mixed(window: NDArray[np.int64], labels: NDArray[np.int64]) -> bool:
    """Whether the classes of each window are about those of all, but for chance.

    The measure is the total variation distance, from 0 to 1, and its mean for random windows.
    """
    counts, sizes = np.bincount(labels), np.bincount(window)
    count, held = len(labels), len(labels) / np.count_nonzero(sizes)
    cells, found = np.unique(window * len(counts) + labels, return_counts=True)
    expected = counts[cells % len(counts)] * (sizes[cells // len(counts)] / count)
    distance = np.maximum(0.0, found - expected).sum() / count
    share = counts / count
    chance = np.minimum(share, np.sqrt(share * (1 - share) / (2 * np.pi * held))).sum()
    return bool(distance <= _UNLIKE + chance)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInfo:
    """One of the workers that read an epoch together; all numbers from 0."""

    process: int = 0
    processes: int = 1
    worker: int = 0  # of its process
    workers: int = 1  # of each process


def shard(order: NDArray[np.int64], info: WorkerInfo, *, done: int = 0) -> NDArray[np.int64]:
    """What one worker has yet to read of an order.

    Args:
        order: of the epoch.
        info: which worker.
        done: how many of its samples it has read, before it was interrupted.

    Returns:
        A run of `order`. The runs of all workers are the whole order, without overlap; their
        lengths differ by at most one, and all but their ends are whole windows of blocks.
    """
    count, workers = len(order), info.processes * info.workers
    number = info.process * info.workers + info.worker
    return order[count * number // workers + done : count * (number + 1) // workers]


def class_weights(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weight of each class in the loss: inverse to its size, 1 for the mean image.

    Sources:
        King, Zeng 2001, doi:10.1093/oxfordjournals.pan.a004868; `class_weight="balanced"` of
        scikit-learn.
    """
    present = counts > 0
    weights: NDArray[np.float64] = np.zeros(len(counts))
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights


def balanced_order(seed: int, epoch: int, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which images an epoch takes so that every class comes equally often.

    An epoch has as many images as there are. Of a class, no image comes again before all others
    have come, whatever epochs they fall into.

    Args:
        seed: of the run.
        epoch: counted from 0.
        labels: (images,).

    Returns:
        (images,) numbers, not in random order: the image is the number modulo the count of images,
        and another number of the same image stands for another draw of its augmentation.
    """
    count, present = len(labels), np.unique(labels)
    quotas = count // len(present) + (np.arange(len(present)) < count % len(present))
    return np.concatenate(
        [
            _next_of_class(seed, epoch, np.flatnonzero(labels == label), int(quota), count)
            for label, quota in zip(present, quotas, strict=True)
        ]
    )


def _next_of_class(
    seed: int, epoch: int, members: NDArray[np.int64], quota: int, count: int
) -> NDArray[np.int64]:
    """The next `quota` images of one class, from where the epoch before ended."""
    places = np.arange(epoch * quota, (epoch + 1) * quota)
    turn, place = np.divmod(places, len(members))
    picked = np.empty(quota, np.int64)
    for number in np.unique(turn):  # each turn goes through the class in another order
        bits = random_bits(seed, int(number), members, "turn")
        shuffled = members[np.argsort(bits, kind="stable")]
        picked[turn == number] = shuffled[place[turn == number]]
    numbers: NDArray[np.int64] = picked + count * (turn - turn[:1])
    return numbers
