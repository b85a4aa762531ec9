"""The order in which an epoch reads its samples, and who reads which: pure functions.

Nothing here depends on what was read before, so that a run which was interrupted in the middle of a
shard goes on with the next sample.
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
        these in a random order: each block is read once, and neighbours in the dataset are not
        neighbours in a batch.
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
    """One of those who read an epoch together; all numbers from 0."""

    process: int = 0
    processes: int = 1
    worker: int = 0  # of its process
    workers: int = 1  # of each process


def shard(order: NDArray[np.int64], reader: WorkerInfo, *, done: int = 0) -> NDArray[np.int64]:
    """What one reader has yet to read of an order.

    Args:
        order: of the epoch.
        reader: who asks.
        done: how many of its samples it has read, before it was interrupted.

    Returns:
        A run of `order`. The runs of all readers are the whole order, without overlap; their
        lengths differ by at most one, and all but their ends are whole windows of blocks.
    """
    readers = reader.processes * reader.workers
    number = reader.process * reader.workers + reader.worker
    count = len(order)
    return order[count * number // readers + done : count * (number + 1) // readers]
