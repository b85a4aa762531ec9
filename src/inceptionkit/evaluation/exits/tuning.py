"""Choosing exit policies on held-out images: every trade of accuracy for work that is worth it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.derive import NetCost
from inceptionkit.evaluation.calibration import tempered
from inceptionkit.evaluation.early_exit import ExitMacs, confidence, exit_index
from inceptionkit.model.exit_policy import ExitPolicy, Gate, Measure

_SWEEPS = 8  # over the exits; most policies rest after two
SHARED = 40  # confidences tried for all exits alike, and for each alone
_WORTHS = 48  # prices of a right answer, in MACs, for which the best policy is sought

Thresholds: TypeAlias = tuple[float | None, ...]  # of each exit; None where it is not computed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExitStatistics:
    """What every exit says of some images, and what its answer costs."""

    right: NDArray[np.bool_]  # (exits + 1, images), main last
    expected: NDArray[np.float64]  # (exits + 1, images) how likely each is right, 0 to 1
    confidence: NDArray[np.float64]  # (exits, images)
    temperatures: tuple[float, ...]  # of the exits and main
    macs: ExitMacs

    def of(self, images: NDArray[np.int64]) -> ExitStatistics:
        """The same of some of the images."""
        return replace(
            self,
            right=self.right[:, images],
            expected=self.expected[:, images],
            confidence=self.confidence[:, images],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A policy, and what it does on the images that it is judged by."""

    thresholds: Thresholds
    top1: float  # as counted
    expected: float  # top-1 to expect of other images; policies are chosen by it
    mean_macs: float


def collect(
    probabilities: Mapping[str, NDArray[np.float32]],
    labels: NDArray[np.int64],
    net_cost: NetCost,
    measure: Measure,
    temperatures: Sequence[float],
) -> ExitStatistics:
    """Gather what policies are judged by.

    How likely an answer is right is half what was counted and half its calibrated probability:
    counts alone would reward thresholds that fit these very images.

    Args:
        probabilities: exit name -> (images, classes), in trunk order, "main" last.
        labels: (images,) class numbers.
        net_cost: cost of the network.
        measure: of confidence.
        temperatures: of the exits and main.
    """
    scaled = [tempered(p, t) for p, t in zip(probabilities.values(), temperatures, strict=True)]
    confidences = [confidence(p, measure) for p in scaled[:-1]]
    right = np.stack([p.argmax(1) == labels for p in scaled])
    promised = np.stack([p.max(1) for p in scaled])
    return ExitStatistics(
        right=right,
        expected=(right + promised.astype(np.float64)) / 2,
        confidence=np.array(confidences, np.float64).reshape(len(probabilities) - 1, len(labels)),
        temperatures=tuple(temperatures),
        macs=ExitMacs.of(net_cost),
    )


def macs_per_image(statistics: ExitStatistics, thresholds: Thresholds) -> NDArray[np.int64]:
    """(exits + 1,) MACs of an image that leaves there."""
    rows = zip(statistics.macs.names, thresholds, strict=True)
    return statistics.macs.spent([name for name, threshold in rows if threshold is not None])


def outcome(statistics: ExitStatistics, thresholds: Thresholds) -> Point:
    """What a policy gets right and what it spends."""
    out = exit_index(statistics.confidence, thresholds)
    images = np.arange(len(out))
    return Point(
        thresholds=thresholds,
        top1=float(statistics.right[out, images].mean()),
        expected=float(statistics.expected[out, images].mean()),
        mean_macs=float(macs_per_image(statistics, thresholds)[out].mean()),
    )


def oracle(statistics: ExitStatistics) -> Point:
    """The most that these exits could save: an oracle sends each image to the first right exit.

    It pays for no head but the one that answers; an image that nobody gets right leaves first.
    """
    first = statistics.right.argmax(0)
    macs = (statistics.macs.reach + statistics.macs.head)[first]
    top1 = float(statistics.right.any(0).mean())
    return Point(thresholds=(), top1=top1, expected=top1, mean_macs=float(macs.mean()))


def frontier(statistics: ExitStatistics) -> tuple[Point, ...]:
    """Policies that no other beats in both expected top-1 and mean MACs, the cheapest first."""
    first = best(outcome(statistics, thresholds) for thresholds in candidates(statistics))
    around = (
        outcome(statistics, moved) for point in first for moved in neighbors(statistics, point)
    )
    return best([*first, *around])


def best(points: Iterable[Point]) -> tuple[Point, ...]:
    """Those of some points that no other beats, the cheapest first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.mean_macs, -p.expected)):
        if not kept or point.expected > kept[-1].expected:
            kept.append(point)
    return tuple(kept)


def candidates(statistics: ExitStatistics) -> Iterator[Thresholds]:
    """Policies worth a look: no exit, all exits alike, and the best for many prices."""
    exits = len(statistics.macs.names)
    nothing: Thresholds = (None,) * exits
    yield nothing
    if not exits:
        return
    for alike in np.quantile(statistics.confidence, np.linspace(0, 1, SHARED)).tolist():
        yield (alike,) * exits
    main = float(statistics.macs.reach[-1])
    for worth in [0.0, *np.geomspace(main / 10, main * 1e4, _WORTHS).tolist()]:
        yield improved(statistics, nothing, worth)
        yield improved(statistics, (1.0,) * exits, worth)


def neighbors(statistics: ExitStatistics, point: Point) -> Iterator[Thresholds]:
    """Policies in which one exit has another threshold, or is not computed."""
    for number, own in enumerate(statistics.confidence):
        for other in (None, *np.quantile(own, np.linspace(0, 1, SHARED)).tolist()):
            yield (*point.thresholds[:number], other, *point.thresholds[number + 1 :])


def improved(statistics: ExitStatistics, thresholds: Thresholds, worth: float) -> Thresholds:
    """Move one threshold after the other to its best place, until none moves.

    Args:
        statistics: what is known.
        thresholds: where to start.
        worth: MACs that a right answer may cost.
    """
    for _ in range(_SWEEPS):
        before = thresholds
        for number in reversed(range(len(thresholds))):
            moved = _best_threshold(statistics, thresholds, number, worth)
            thresholds = (*thresholds[:number], moved, *thresholds[number + 1 :])
        if thresholds == before:
            break
    return thresholds


def _best_threshold(
    statistics: ExitStatistics, thresholds: Thresholds, number: int, worth: float
) -> float | None:
    """The best threshold of one exit, the others as they are; None if it is best not computed.

    An image that leaves here gains the work beyond and what its answer is better or worse;
    every image that comes by pays for the head.
    """
    without = (*thresholds[:number], None, *thresholds[number + 1 :])
    out = exit_index(statistics.confidence, without)
    here = out > number
    if not here.any():
        return None
    own, later = statistics.confidence[number][here], out[here]
    images = np.flatnonzero(here)
    macs = macs_per_image(statistics, without)
    better = statistics.expected[number][here] - statistics.expected[later, images]
    gain = worth * better + macs[later] - macs[number]
    order = np.argsort(-own, kind="stable")
    total = np.cumsum(gain[order])
    last = np.append(own[order][1:] != own[order][:-1], True)  # equals leave together
    total = np.where(last, total, -np.inf)
    end = int(total.argmax())
    if total[end] <= statistics.macs.head[number] * len(images):
        return None
    below = own[order][end + 1] if end + 1 < len(order) else 0.0
    return float((own[order][end] + below) / 2)


def policy(statistics: ExitStatistics, point: Point, measure: Measure) -> ExitPolicy:
    """A point as gates."""
    rows = zip(statistics.macs.names, point.thresholds, statistics.temperatures, strict=False)
    gates = tuple(
        Gate(exit=name, confidence=threshold, temperature=temperature)
        for name, threshold, temperature in rows
        if threshold is not None
    )
    return ExitPolicy(measure=measure, gates=gates, temperature=statistics.temperatures[-1])
