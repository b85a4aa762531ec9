"""Dividing an epoch over processes and workers, without overlap or loss."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from inceptionkit.data.loading.sampling import (
    WINDOW_BYTES,
    WorkerInfo,
    block_parts,
    epoch_order,
    shard,
)
from inceptionkit.data.rng import permutation
from inceptionkit.data.types import Blocks

Source = tuple[NDArray[np.int64], NDArray[np.int64], Blocks]


@st.composite
def shards(draw: st.DrawFn) -> Source:
    """Some samples of a source that is read in blocks, and their labels."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=12))
    starts = np.cumsum([0, *sizes])
    count = int(starts[-1])
    kept = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    each = draw(st.sampled_from([1, WINDOW_BYTES // 30, WINDOW_BYTES // 3, WINDOW_BYTES]))
    classes = draw(st.integers(1, 12))
    indices = np.flatnonzero(kept)
    blocks = Blocks(starts[:-1], np.full(count, each))
    return indices, np.sort(indices % classes), blocks


@given(
    source=shards(),
    processes=st.integers(1, 9),
    workers=st.integers(1, 9),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_count_of_processes_and_workers_reads_every_sample_once(
    source: Source, processes: int, workers: int, seed: int
) -> None:
    order = epoch_order(seed, 3, *source)
    parts = [
        shard(order, WorkerInfo(process=p, processes=processes, worker=w, workers=workers))
        for p in range(processes)
        for w in range(workers)
    ]
    lengths = {len(part) for part in parts}

    assert np.concatenate(parts).tolist() == order.tolist()
    assert sorted(order.tolist()) == list(range(len(source[0])))
    assert max(lengths) - min(lengths) <= 1


@given(source=shards(), worker=st.integers(0, 3), done=st.integers(0, 40))
def test_a_reader_that_was_interrupted_goes_on_with_the_next_sample(
    source: Source, worker: int, done: int
) -> None:
    order, reader = epoch_order(0, 0, *source), WorkerInfo(worker=worker, workers=4)
    whole = shard(order, reader).tolist()
    done = min(done, len(whole))

    assert whole[:done] + shard(order, reader, done=done).tolist() == whole


@given(
    classes=st.integers(2, 40),
    each=st.integers(30, 100),
    block=st.integers(1, 400),
    windows=st.integers(1, 30),
    seed=st.integers(0, 99),
)
def test_batches_of_a_sorted_source_hold_the_classes_that_batches_of_memory_hold(
    classes: int, each: int, block: int, windows: int, seed: int
) -> None:
    """However large blocks and memory are: in every piece of the epoch of ten images a class."""
    count = classes * each
    labels = np.repeat(np.arange(classes), each)
    blocks = Blocks(np.arange(0, count, block), np.full(count, windows * WINDOW_BYTES // count + 1))
    order = epoch_order(seed, 1, np.arange(count), labels, blocks)
    pieces = labels[order[: len(order) // (10 * classes) * 10 * classes]].reshape(-1, 10 * classes)
    held = [len(np.unique(piece)) / classes for piece in pieces]

    assert held[0] >= 0.75
    assert min(held) >= 0.5
    assert np.mean(held) >= 0.9


@given(block=st.integers(1, 200), windows=st.integers(1, 20), seed=st.integers(0, 99))
def test_a_block_of_a_shuffled_source_is_read_within_one_window(
    block: int, windows: int, seed: int
) -> None:
    count = 2_000
    labels = np.random.default_rng(seed).integers(0, 10, count)
    blocks = Blocks(np.arange(0, count, block), np.full(count, windows * WINDOW_BYTES // count))
    order = epoch_order(seed, 0, np.arange(count), labels, blocks)
    spans = [np.ptp(np.flatnonzero(order // block == one)) for one in range(-(-count // block))]

    assert block_parts(np.arange(count), labels, blocks) == 1
    assert max(spans) <= max(2 * count // windows, 2 * block)


def test_few_classes_in_a_block_are_mixed_by_reading_it_as_often_as_that_needs() -> None:
    """A thousand classes of a hundred images, ten to a block; a hundred blocks fit at once."""
    labels = np.repeat(np.arange(1_000), 100)
    blocks = Blocks(np.arange(0, 100_000, 10), np.full(100_000, WINDOW_BYTES // 1_000))
    alone = Blocks(np.arange(100_000), blocks.sizes)
    parts = block_parts(np.arange(100_000), labels, blocks)

    assert 2 <= parts <= 10
    assert block_parts(np.arange(100_000), labels, alone) == 1


def test_epochs_and_seeds_differ_and_without_blocks_the_order_is_that_of_memory() -> None:
    indices, labels = np.arange(1_000), np.arange(1_000) // 100
    blocks = Blocks(np.arange(0, 1_000, 10), np.full(1_000, WINDOW_BYTES // 200))
    keys = ((0, 0), (0, 1), (1, 0))
    orders = [epoch_order(s, e, indices, labels, blocks).tolist() for s, e in keys]

    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert epoch_order(5, 6, indices, labels, None).tolist() == permutation(5, 6, 1_000).tolist()
