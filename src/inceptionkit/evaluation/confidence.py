"""How far a number can be trusted: 95 % intervals, and two models on the same images."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray

from inceptionkit.errors import DataError

Z95 = 1.959964  # standard normal quantile of a two-sided 95 % interval
_HALVINGS = 50  # of the range in which the end of an interval is looked for


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and its 95 % interval: where it plausibly lies on all images like these."""

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


def tango(only_first: int, only_second: int, images: int) -> tuple[float, float]:
    """Tango's 95 % score interval of a difference of two accuracies on the same images.

    As Wilson's it never collapses to a point: that two models do not differ on two images says
    little of others. Fagerland et al. 2014, doi:10.1002/sim.6148, compare it with the alternatives.

    Args:
        only_first: images that the first model alone gets right.
        only_second: images that the second model alone gets right.
        images: all, those on which the two agree too.

    Raises:
        DataError: there are no images.

    Sources:
        Tango 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B.
    """
    _need(images)
    return (
        -_largest_difference(only_second, only_first, images),
        _largest_difference(only_first, only_second, images),
    )


def _largest_difference(only_first: int, only_second: int, images: int) -> float:
    """The upper end of Tango's interval, second less first."""
    low, high = (only_second - only_first) / images, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        excess = images * middle - (only_second - only_first)
        # the most likely share that the first alone gets right, if this were the difference
        b = (2 * images - only_second + only_first) * middle - only_first - only_second
        root = sqrt(max(0.0, b * b + 8 * images * only_first * middle * (1 - middle)))
        variance = images * ((root - b) / (2 * images) + middle * (1 - middle))
        if excess * excess > Z95**2 * variance:
            high = middle
        else:
            low = middle
    return high


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


def paired(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Paired:
    """Compare two models on the same images.

    Args:
        first: (images,) whether the first model is right.
        second: (images,) whether the second one is, image by image the same.

    Raises:
        DataError: the images are not as many, or there are none.
    """
    if first.shape != second.shape:
        msg = f"a paired test needs the same images, got {len(first)} and {len(second)}"
        raise DataError(msg)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    mean = (only_second - only_first) / max(1, len(first))
    return Paired(
        images=len(first),
        only_first=only_first,
        only_second=only_second,
        difference=Interval(mean, *tango(only_first, only_second, len(first))),
        p_value=mcnemar(only_first, only_second),
    )
