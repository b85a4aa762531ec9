"""Dividing a source into train, val and test: seeded, stratified, independent of file order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inception.data.source import SETS, Source
from inception.errors import DataError

VAL_LIMIT = 2_000
"""Most images that val takes from a train set that comes with its own test set."""

FEWEST = 3
"""A class with fewer images than this stays in train whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Which samples of a source are for what. No sample is in two sets."""

    train: NDArray[np.int64]  # indices into the source's samples, ascending
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    rule: str  # how it was decided, one sentence to print


def divide(source: Source, seed: int, *, val_share: float = 0.1, test_share: float = 0.1) -> Sets:
    """Decide which samples train, which choose (val), and which are scored once (test).

    Sets that the source gives are used as they are. What is missing is drawn within each class, by
    the order of a hash of (seed, name): from a source that is not divided, or has train only, val
    and test; from a train set beside a test set, val, at most `VAL_LIMIT` images. A train set
    beside a val set is left alone, and test stays empty. Each class with at least `FEWEST` images
    gives at least one to each set that is drawn; a smaller one stays in train.

    Args:
        source: what to divide.
        seed: another seed draws other images.
        val_share: share of each class that goes to val, where val is drawn; 0 to 0.5.
        test_share: share of each class that goes to test, where test is drawn; 0 to 0.5.

    Raises:
        DataError: a share is outside 0 to 0.5.
    """
    for name, share in (("val", val_share), ("test", test_share)):
        if not 0 <= share <= 0.5:
            msg = f"divide: the share of {name} must be from 0 to 0.5, got {share!r}"
            raise DataError(msg)
    given = source.samples.sets
    has_train, has_val, has_test = (bool((given == number).any()) for number in range(len(SETS)))
    if has_val or (has_test and not has_train):
        return _as_given(given)
    if not has_test:
        pool = np.arange(len(given))
        state = "the source has train only" if has_train else "the source is not divided"
        return _drawn(source, pool, seed, (val_share, test_share), state)
    pool = np.flatnonzero(given == 0)
    share = min(val_share, VAL_LIMIT / len(pool))
    drawn = _drawn(source, pool, seed, (share, 0.0), "test is as given")
    return Sets(drawn.train, drawn.val, np.flatnonzero(given == 2), drawn.rule)


def _as_given(given: NDArray[np.int8]) -> Sets:
    train, val, test = (np.flatnonzero(given == number) for number in range(len(SETS)))
    sizes = {"train": len(train), "val": len(val), "test": len(test)}
    said = ", ".join(f"{name} {size:,}" for name, size in sizes.items() if size)
    missing = " and ".join(name for name, size in sizes.items() if not size)
    rule = f"sets as given: {said}" + (f"; there is no {missing}" if missing else "")
    return Sets(train, val, test, rule)


def _drawn(
    source: Source, pool: NDArray[np.int64], seed: int, shares: tuple[float, float], state: str
) -> Sets:
    """Draw val and test from the samples in `pool`, class by class."""
    samples = source.samples
    labels = samples.labels[pool]
    hashes = _hashes((samples.names[index] for index in pool.tolist()), seed)
    order = pool[np.lexsort((hashes, labels))]
    counts = np.bincount(labels, minlength=len(source.classes))
    takes = np.stack([_take(counts, share) for share in shares])
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    for_val = np.repeat(takes[0], counts)
    for_test = np.repeat(takes[1], counts)
    val = np.sort(order[rank < for_val])
    test = np.sort(order[(rank >= for_val) & (rank < for_val + for_test)])
    train = np.sort(order[rank >= for_val + for_test])
    names = ("val", "test") if shares[1] else ("val",)
    said = " and ".join(
        f"{name} {len(part):,} ({share * 100:.3g} % of each class)"
        for name, part, share in zip(names, (val, test), shares, strict=False)
    )
    small = int(((counts > 0) & (counts < FEWEST)).sum())
    rest = f"; classes of fewer than {FEWEST} images ({small}) stay in train" if small else ""
    rule = f"{state}: {said} drawn by seed {seed}, train the other {len(train):,}{rest}"
    return Sets(train, val, test, rule)


def _take(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """How many images of each class a set takes."""
    if not share:
        return np.zeros_like(counts)
    whole = np.floor(counts * share + 1e-9).astype(np.int64)
    return np.where(counts < FEWEST, 0, np.minimum(np.maximum(whole, 1), (counts - 1) // 2))


def _hashes(names: Iterable[str], seed: int) -> NDArray[np.uint64]:
    salt = f"{seed}\0".encode()
    digests = (
        hashlib.blake2b(salt + name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for name in names
    )
    return np.frombuffer(b"".join(digests), np.uint64)
