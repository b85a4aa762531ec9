"""Dividing an epoch over processes and workers, without overlap or loss."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from inceptionkit.data.loading.sampling import WINDOW_BYTES, WorkerInfo, epoch_order, shard
from inceptionkit.data.types import Blocks


@st.composite
def shards(draw: st.DrawFn) -> tuple[NDArray[np.int64], Blocks]:
    """Some samples of a source that is read in blocks."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=12))
    starts = np.cumsum([0, *sizes])
    count = int(starts[-1])
    kept = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    largest = draw(st.sampled_from([1, WINDOW_BYTES // 3, WINDOW_BYTES]))
    return np.flatnonzero(kept), Blocks(starts[:-1], largest)


@given(
    source=shards(),
    processes=st.integers(1, 9),
    workers=st.integers(1, 9),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_count_of_processes_and_workers_reads_every_sample_once(
    source: tuple[NDArray[np.int64], Blocks], processes: int, workers: int, seed: int
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
    source: tuple[NDArray[np.int64], Blocks], worker: int, done: int
) -> None:
    order, reader = epoch_order(0, 0, *source), WorkerInfo(worker=worker, workers=4)
    whole = shard(order, reader).tolist()
    done = min(done, len(whole))

    assert whole[:done] + shard(order, reader, done=done).tolist() == whole


@given(source=shards(), seed=st.integers(0, 99))
def test_a_block_is_read_within_one_window(
    source: tuple[NDArray[np.int64], Blocks], seed: int
) -> None:
    """Of the blocks that have begun and not ended there are never more than a window holds."""
    indices, blocks = source
    order = epoch_order(seed, 0, indices, blocks)
    block = (np.searchsorted(blocks.starts, indices, side="right") - 1)[order]
    most = max(2, WINDOW_BYTES // blocks.largest)
    spans = [np.flatnonzero(block == one)[[0, -1]] for one in np.unique(block)]

    for at in range(len(order)):
        assert sum(first <= at <= last for first, last in spans) <= most


def test_epochs_and_seeds_differ_and_without_blocks_the_order_is_that_of_memory() -> None:
    from inceptionkit.data.rng import permutation

    indices, blocks = np.arange(1_000), Blocks(np.arange(0, 1_000, 10), WINDOW_BYTES // 20)
    orders = [epoch_order(s, e, indices, blocks).tolist() for s, e in ((0, 0), (0, 1), (1, 0))]

    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert epoch_order(5, 6, indices, None).tolist() == permutation(5, 6, 1_000).tolist()
