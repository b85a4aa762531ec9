"""What counts on some images promise of all others like them, at a stated confidence level.

Every bound holds for any number of images; none takes counts for normally distributed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import ceil, e, exp, inf, log, log1p

import numpy as np
from numpy.typing import NDArray

_SPENT = 1 / 20  # of the risk, on how often the two answers differ
_SPREADS = 9  # values of that share which are tried
_HALVINGS = 50
_MOST_IMAGES = 2**17  # beyond them nobody counts how many would do


def fewest_images(limit: float, level: float) -> int | float:
    """Images without one bad event that show, at a confidence level, a share below `limit`.

    >>> fewest_images(0.002, 0.9), fewest_images(0.01, 0.9), fewest_images(0.0, 0.9)
    (1151, 230, inf)
    """
    if limit <= 0:
        return inf
    return 1 if limit >= 1 else max(1, ceil(log(1 - level) / log1p(-limit)))


def is_rare(bad: int, images: int, limit: float, level: float) -> bool:
    """Whether so few bad events show that at most a share `limit` of others is bad.

    Sources:
        The exact binomial test, Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404.
    """
    return images >= fewest_images(limit, level) and _binomial(bad, images, limit) <= 1 - level


def loses_little(lost: int, gained: int, images: int, limit: float, level: float) -> bool:
    """Whether answers that replace others show to lose at most a share `limit` more than they gain.

    With few images, gains are left out: lost answers must be rare. From twice as many on as can
    show anything, the difference of both counts is judged. Its spread depends on how often the
    answers differ at all. A twentieth of the risk buys a bound of that share, and the worst share
    below the bound counts.

    Args:
        lost: images on which the new answer alone is wrong.
        gained: images on which the new answer alone is right.
        images: all of them.
        limit: of the share lost less the share gained.
        level: confidence level, 0 to 1.

    Sources:
        Berger & Boos 1994, doi:10.1080/01621459.1994.10476836: p-values with a bounded nuisance
        parameter.
    """
    if images < 2 * fewest_images(limit, level):
        return is_rare(lost, images, limit, level)
    risk = 1 - level
    most = _upper(lost + gained, images, _SPENT * risk)
    spreads = np.linspace(limit, most, _SPREADS) if most > limit else ()
    tails = (_difference(lost - gained, images, share, limit) for share in spreads)
    return max(tails, default=0.0) <= (1 - _SPENT) * risk


def is_below(
    values: NDArray[np.number], ends: tuple[float, float], limit: float, level: float
) -> bool:
    """Whether values show that the mean of others is at most `limit`.

    Args:
        values: (images,).
        ends: between which all values lie.
        limit: of the mean.
        level: confidence level, 0 to 1.

    Sources:
        The Hoeffding-Bentkus bound, as in Angelopoulos et al. 2021, arXiv:2110.01052.
    """
    low, high = ends
    if limit >= high:
        return True
    share = (limit - low) / (high - low)
    found = (float(values.mean()) - low) / (high - low)
    if share <= 0 or found >= share:
        return False
    images = len(values)
    hoeffding = exp(-images * _divergence(found, share))
    bentkus = e * _binomial(ceil(images * found), images, share)
    return min(hoeffding, bentkus) <= 1 - level


def enough_images(shows: Callable[[int], bool], images: int) -> int | None:
    """About how many images show something, where `images` do not; None beyond 131,072.

    Args:
        shows: whether so many do, if all counts grow alike.
        images: that do not.
    """
    low, high = images, 2 * max(1, images)
    while high <= _MOST_IMAGES and not shows(high):
        low, high = high, 2 * high
    if high > _MOST_IMAGES:
        return None
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return high


def _binomial(count: int, images: int, share: float) -> float:
    """Probability of at most `count` events on so many images, each with probability `share`."""
    if share >= 1 or count >= images:
        return float(count >= images)
    factorials, k = _log_factorials(images), np.arange(count + 1)
    combinations = factorials[images] - factorials[k] - factorials[images - k]
    return float(np.exp(combinations + k * log(share) + (images - k) * log1p(-share)).sum())


@lru_cache(maxsize=4)
def _log_factorials(most: int) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])


def _upper(count: int, images: int, risk: float) -> float:
    """Upper end of the exact one-sided interval of a share."""
    low, high = count / images, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _binomial(count, images, middle) > risk else (low, middle)
    return high


def _difference(most: int, images: int, differ: float, loss: float) -> float:
    """Probability that lost less gained answers are at most `most`.

    Args:
        most: of the difference.
        images: on which it is counted.
        differ: share of images on which the answers differ.
        loss: share lost less share gained.
    """
    turns = 2 * images + 1  # a difference lies between -images and images
    angles = -2j * np.pi * np.arange(turns // 2 + 1) / turns
    lost, gained = (differ + loss) / 2, (differ - loss) / 2
    one = 1 - differ + lost * np.exp(angles) + gained * np.exp(-angles)
    chances = np.fft.irfft(one**images, turns)  # of each difference, the negative ones at the end
    return float(chances[np.arange(-images, most + 1)].sum())


def _divergence(found: float, share: float) -> float:
    """Of two coins, in nats."""
    rest = (1 - found) * log((1 - found) / (1 - share)) if found < 1 else 0.0
    return rest + (found * log(found / share) if found > 0 else 0.0)
