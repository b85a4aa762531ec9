"""Random draws as a function of (seed, epoch, sample index, name): nothing to save or restore.

A counter-based generator: the key is hashed, so that a draw does not depend on which process makes
it, in which order, or whether the run was interrupted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_GOLDEN_STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: the step of splitmix64
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_LOW_63 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class CounterRng:
    """The draws of some samples in one epoch, each by its name."""

    seed: int  # of the run
    epoch: int  # counted from 0
    indices: NDArray[np.int64]  # (batch,) numbers of the samples

    def uniform(self, name: str) -> NDArray[np.float64]:
        """(batch,) numbers in [0, 1)."""
        return uniform(self.seed, self.epoch, self.indices, name)

    def between(self, name: str, low: float, high: float) -> NDArray[np.float64]:
        """(batch,) numbers in [low, high)."""
        return low + (high - low) * self.uniform(name)

    def below(self, name: str, count: int) -> NDArray[np.int64]:
        """(batch,) whole numbers from 0 to `count` - 1."""
        return (self.uniform(name) * count).astype(np.int64)

    def signs(self, name: str) -> NDArray[np.float64]:
        """(batch,) numbers that are 1 or -1."""
        return np.where(self.uniform(name) < 0.5, 1.0, -1.0)


def uniform(seed: int, epoch: int, indices: NDArray[np.int64], name: str) -> NDArray[np.float64]:
    """One number in [0, 1) for each sample index, 53 random bits each."""
    bits = random_bits(seed, epoch, indices, name) >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53


def permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Permutation of `count` samples for one epoch."""
    keys = random_bits(seed, epoch, np.arange(count, dtype=np.int64), "order")
    return np.argsort(keys, kind="stable").astype(np.int64)


def uniform_scalar(seed: int, step: int, name: str) -> float:
    """One number in [0, 1) for one update."""
    return float(uniform(seed, step, np.zeros(1, np.int64), name)[0])


def step_seed(seed: int, step: int) -> int:
    """Seed of torch's own generator for one update: dropout draws from it."""
    return int(random_bits(seed, step, np.zeros(1, np.int64), "step")[0]) & _LOW_63


def sample_keys(seed: int, step: int, indices: NDArray[np.int64], name: str) -> NDArray[np.int32]:
    """A key for each sample in one update, 32 random bits: dropout masks follow from it."""
    return (
        (random_bits(seed, step, indices, name) >> np.uint64(32)).astype(np.uint32).view(np.int32)
    )


def random_bits(seed: int, epoch: int, indices: NDArray[np.int64], name: str) -> NDArray[np.uint64]:
    """64 random bits for each index.

    Sources:
        The finaliser is that of splitmix64: Steele, Lea, Flood 2014, doi:10.1145/2714064.2660195.
    """
    key = hashlib.blake2b(f"{seed}/{epoch}/{name}".encode(), digest_size=8).digest()
    start = np.frombuffer(key, np.uint64)
    with np.errstate(over="ignore"):
        z = start + _GOLDEN_STEP * (indices.astype(np.uint64) + np.uint64(1))
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed
