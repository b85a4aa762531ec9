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

WINDOW_BYTES = 2**28  # encoded images that are in memory at once to be read in a random order


def epoch_order(
    seed: int, epoch: int, indices: NDArray[np.int64], blocks: Blocks | None
) -> NDArray[np.int64]:
    """The order of an epoch.

    Args:
        seed: of the run.
        epoch: counted from 0.
        indices: (count,) of the samples in their dataset, ascending.
        blocks: what the dataset reads at once; None if each sample is read by itself.

    Returns:
        A permutation of 0 to count - 1. Without blocks any is equally likely. With them, blocks
        come in a random order, as many at a time as fit into `WINDOW_BYTES`, and the samples of
        these in a random order: each block is read once, and neighbors in the dataset are not
        neighbors in a batch.
    """
    count = len(indices)
    if blocks is None:
        return permutation(seed, epoch, count)
    block = np.searchsorted(blocks.starts, indices, side="right") - 1
    rank = np.empty(len(blocks.starts), np.int64)
    rank[np.argsort(random_bits(seed, epoch, np.arange(len(rank)), "blocks"))] = np.arange(
        len(rank)
    )
    window = rank // max(2, WINDOW_BYTES // max(1, blocks.largest))
    keys = random_bits(seed, epoch, np.arange(count, dtype=np.int64), "order")
    return np.lexsort((keys, window[block])).astype(np.int64)


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
