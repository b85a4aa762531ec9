"""How far a number can be trusted: 95 % intervals, and two models on the same images."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray

from inceptionkit.errors import DataError

_RESAMPLES = 10_000
_TAIL = 0.025  # share of the drawings beyond each end of an interval
Z95 = 1.959964  # standard normal quantile of a two-sided 95 % interval
AT_ONCE = 2**22  # numbers of a resample's counts that are held at once


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and where it would lie in 95 of 100 drawings of other images."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Two models on the same images: how much better the second is."""

    images: int
    only_first: int  # images that the first alone gets right
    only_second: int
    difference: Interval  # of top-1, second less first
    p_value: float  # of McNemar's exact test that both err equally often


def wilson(share: float, images: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share counted on that many images, such as an accuracy.

    Raises:
        DataError: there are no images.

    Sources:
        Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    _need(images)
    z2 = Z95**2
    center = (share + z2 / (2 * images)) / (1 + z2 / images)
    inside = share * (1 - share) / images + z2 / (4 * images**2)
    half = Z95 * sqrt(max(0.0, inside)) / (1 + z2 / images)
    return max(0.0, center - half), min(1.0, center + half)


def _need(images: int) -> None:
    if images == 0:
        msg = "an interval needs values, got none; score at least one image"
        raise DataError(msg)


def bootstrap(
    values: NDArray[np.number], *, resamples: int = _RESAMPLES, seed: int = 0
) -> Interval:
    """Mean of one value per image, with its 95 % interval by the percentile bootstrap.

    Args:
        values: (images,), such as what each costs, or which of two models alone is right.
        resamples: drawings of as many images, with replacement.
        seed: of the drawings.

    Raises:
        DataError: there are no values.

    Sources:
        Efron & Tibshirani 1993, chapter 13.
    """
    _need(values.size)
    distinct, counts = np.unique(values.astype(np.float64), return_counts=True)
    generator = np.random.default_rng(seed)
    share, means = counts / counts.sum(), []
    for start in range(0, resamples, step := max(1, AT_ONCE // len(distinct))):
        drawn = generator.multinomial(values.size, share, min(step, resamples - start))
        means.append(drawn @ distinct / values.size)
    low, high = np.quantile(np.concatenate(means), [_TAIL, 1 - _TAIL]).tolist()
    return Interval(float(values.mean()), low, high)


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided probability of so uneven a count, or a more uneven one, by chance alone.

    Args:
        only_first: images that the first model alone gets right.
        only_second: images that the second model alone gets right.

    Sources:
        McNemar 1947, in the exact form: a fair coin for each image on which they differ.
    """
    both = only_first + only_second
    tail = sum(comb(both, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / int(2**both))


def paired(first: NDArray[np.bool_], second: NDArray[np.bool_], *, seed: int = 0) -> Paired:
    """Compare two models on the same images.

    Args:
        first: (images,) whether the first model is right.
        second: (images,) whether the second one is, image by image the same.
        seed: of the bootstrap.

    Raises:
        DataError: the images are not as many, or there are none.
    """
    if first.shape != second.shape:
        msg = f"a paired test needs the same images, got {len(first)} and {len(second)}"
        raise DataError(msg)
    gain = second.astype(np.int64) - first.astype(np.int64)
    only_first, only_second = int((gain < 0).sum()), int((gain > 0).sum())
    return Paired(
        images=len(gain),
        only_first=only_first,
        only_second=only_second,
        difference=bootstrap(gain, seed=seed),
        p_value=mcnemar(only_first, only_second),
    )
