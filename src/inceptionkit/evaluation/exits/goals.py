"""What an exit policy is wanted for, and the policy that meets it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from inceptionkit.derive.design.budget import parse
from inceptionkit.errors import RecipeError, SpecError
from inceptionkit.evaluation.exits.tuning import Point
from inceptionkit.text import percent, quantity

LEVEL = 0.9  # of confidence that the policy meets its goal on other images
ROUNDING = 1e-12  # of shares that are sums of the same counts


@dataclass(frozen=True, slots=True)
class MinTop1:
    """Spend as little as possible for at least this top-1."""

    share: float
    level: float = LEVEL

    def __str__(self) -> str:
        return f"{100 * self.share:.6g}%"


@dataclass(frozen=True, slots=True)
class MaxTop1Drop:
    """Spend as little as possible, and lose at most this much of main's top-1."""

    share: float
    level: float = LEVEL

    def __str__(self) -> str:
        return f"-{100 * self.share:.6g}%"


@dataclass(frozen=True, slots=True)
class MaxMeanMacs:
    """Get as many right as possible for at most so many MACs an image."""

    most: float
    level: float = LEVEL

    def __str__(self) -> str:
        return f"{self.most / 1e6:.12g}MMAC"


Goal: TypeAlias = MinTop1 | MaxTop1Drop | MaxMeanMacs


def is_met(goal: Goal, *, top1: float, mean_macs: float, main_top1: float) -> bool:
    """Whether a policy meets its goal on the images on which this was measured."""
    match goal:
        case MaxMeanMacs(most=most):
            return mean_macs <= most * (1 + ROUNDING)
        case MinTop1(share=share):
            return top1 >= share - ROUNDING
        case MaxTop1Drop(share=share):
            return top1 >= main_top1 - share - ROUNDING


def choose(points: Sequence[Point], goal: Goal, main: Point) -> Point:
    """The point of the frontier that meets the goal best.

    Args:
        points: of the frontier, the cheapest first.
        goal: what is wanted.
        main: running to the end.

    Raises:
        RecipeError: none meets it; the best that there is is told.
    """
    match goal:
        case MaxMeanMacs(most=most):
            return _most_accurate(points, most)
        case MinTop1(share=share):
            return cheapest(points, share, main)
        case MaxTop1Drop(share=share):
            return cheapest(points, main.expected - share, main)


def _most_accurate(points: Sequence[Point], most: float) -> Point:
    """The most accurate point for at most so many MACs an image.

    Raises:
        RecipeError: the cheapest one spends more.
    """
    affordable = [point for point in points if point.mean_macs <= most]
    if affordable:
        return affordable[-1]
    msg = (
        f"no exit answers for {quantity(most, 'MAC')} an image; the cheapest policy spends "
        f"{quantity(points[0].mean_macs, 'MAC', up=True)} and gets {percent(points[0].top1)} right"
    )
    raise RecipeError(msg)


def cheapest(points: Sequence[Point], top1: float, main: Point) -> Point:
    """The cheapest point of which at least this top-1 can be expected.

    Raises:
        RecipeError: the best one gets fewer right.
    """
    good = [point for point in points if point.expected >= top1 - ROUNDING]
    if good:
        return good[0]
    best = points[-1]
    msg = (
        f"no policy can be expected to get {percent(top1)} right; the best gets "
        f"{percent(best.expected)} for {quantity(best.mean_macs, 'MAC')} an image, main alone "
        f"{percent(main.expected)} for {quantity(main.mean_macs, 'MAC')}"
    )
    raise RecipeError(msg)


def parse_goal(text: str, level: float = LEVEL) -> Goal:
    """Read what a policy is wanted for.

    >>> parse_goal("97.5%"), parse_goal("-0.2%", 0.95)
    (MinTop1(share=0.975, level=0.9), MaxTop1Drop(share=0.002, level=0.95))
    >>> parse_goal("12MMAC")
    MaxMeanMacs(most=12000000.0, level=0.9)

    Raises:
        RecipeError: it is none of these.
    """
    found = re.fullmatch(r"\s*(-?)([0-9]+(?:\.[0-9]+)?)\s*%\s*", text)
    if found and float(found[2]) <= 100:
        share = round(float(found[2]) / 100, 12)
        return MaxTop1Drop(share, level) if found[1] else MinTop1(share, level)
    try:
        budget = parse(text)
    except SpecError:
        budget = None
    if budget is None or budget.quantity != "macs":
        msg = (
            "a goal must be a top-1 like 97.5%, a loss against main like -0.2%, or a mean cost "
            f"like 12MMAC, got {text!r}"
        )
        raise RecipeError(msg)
    return MaxMeanMacs(budget.most, level)
