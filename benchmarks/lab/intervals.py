"""Means and differences of a few runs, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from statistics import fmean, stdev

from inceptionkit.evaluation.confidence import Z95

_STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of some runs and half of its 95 % interval, which is not a number for one run."""

    mean: float
    half: float
    runs: int


def student(degrees: int) -> float:
    """The two-sided 95 % point of Student's t, to 0.002 (Cornish and Fisher's series from 9 on)."""
    if degrees in _STUDENT:
        return _STUDENT[degrees]
    z, n = Z95, degrees
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3


def mean_of(values: Sequence[float]) -> Estimate:
    """Mean of independent runs."""
    n = len(values)
    half = student(n - 1) * stdev(values) / sqrt(n) if n > 1 else nan
    return Estimate(fmean(values), half, n)


def differences(values: Mapping[str, Mapping[int, float]], base: str) -> dict[str, Estimate]:
    """How much each trial differs from one of them, paired by seed.

    All trials of a seed see the same order of images, so that a seed's luck is taken out first: the
    randomized block design. What remains is pooled over the trials, which makes few seeds go
    further; it supposes that all trials scatter alike. Seeds that one of the trials lacks are left
    out.

    Args:
        values: trial -> seed -> value.
        base: the trial that the others are compared with.

    Returns:
        Trial -> difference; without the base, and empty where no seed is common to all.
    """
    seeds = sorted(set.intersection(*(set(one) for one in values.values())))
    if not seeds:
        return {}
    rows = {name: [of[seed] for seed in seeds] for name, of in values.items()}
    means = {name: fmean(row) for name, row in rows.items()}
    of_seed = [fmean(row[i] for row in rows.values()) for i in range(len(seeds))]
    middle, degrees = fmean(of_seed), (len(rows) - 1) * (len(seeds) - 1)
    half = nan
    if degrees:
        squares = sum(
            (value - means[name] - of_seed[i] + middle) ** 2
            for name, row in rows.items()
            for i, value in enumerate(row)
        )
        half = student(degrees) * sqrt(squares / degrees * 2 / len(seeds))
    others = (name for name in rows if name != base)
    return {name: Estimate(means[name] - means[base], half, len(seeds)) for name in others}
