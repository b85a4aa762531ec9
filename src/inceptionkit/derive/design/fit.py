"""How wide a network can be within what it may cost to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

from inceptionkit.derive.cost import cost
from inceptionkit.derive.design.budget import Counted
from inceptionkit.derive.design.scale import between, one_wider, widened
from inceptionkit.errors import SpecError
from inceptionkit.spec import Net, operators

NEARLY = 0.97  # of the budget must be used
NARROWEST, WIDEST = 1 / 8, 4.0  # times the widths of the family member
FINE = 1e-3  # relative: how closely a width is searched
ROUGH = 0.05
_NEAR = 1.1  # times a guessed width: where the search begins
_GUESSES = 3


@dataclass(frozen=True, slots=True)
class Shape:
    """A stem and a depth of the family member, its widths as they were."""

    net: Net
    modules: tuple[int, ...]  # in each run
    depth: float  # modules, times those of the family member
    grid: float  # side of the first module's grid, times that of the family member


@dataclass(frozen=True, slots=True)
class Candidate:
    """A shape and the width with which it meets the budget."""

    shape: Shape
    width: float
    net: Net

    @property
    def spread(self) -> float:
        """How far width, depth and grid are from shrinking together; 0 is in balance."""
        scales = [log(self.width), log(self.shape.depth), log(self.shape.grid)]
        return max(scales) - min(scales)


def load(net: Net, budgets: Sequence[Counted]) -> float:
    """Share of the tightest budget that `net` takes."""
    net_cost = cost(net)
    return max(budget.load(net_cost) for budget in budgets)


def fits(net: Net, budgets: Sequence[Counted]) -> bool:
    """Whether `net` is possible and overruns nothing."""
    try:
        return load(net, budgets) <= 1
    except SpecError:
        return False


def guessed(shape: Shape, budgets: Sequence[Counted]) -> Candidate:
    """Guess the width that meets the budgets: costs are about a power of it."""
    x, power = 0.0, 2.0  # logarithm of the width; MACs and weights go with its square
    before: tuple[float, float] | None = None
    for _ in range(_GUESSES):
        y = log(load(widened(shape.net, exp(x)), budgets))
        if before is not None and x != before[0]:
            power = max(0.5, (y - before[1]) / (x - before[0]))
        before = (x, y)
        x = min(log(WIDEST), max(log(NARROWEST), x - y / power))
    return Candidate(shape, exp(x), shape.net)


def width_for(
    net: Net, budgets: Sequence[Counted], *, guess: float = 1.0, precision: float = FINE
) -> float | None:
    """Greatest width factor within the budgets; None if the least overruns, or the greatest fits.

    Widths grow with the factor, so costs do: the search halves an interval, at first one around
    the guess.
    """

    def at(width: float) -> bool:
        return fits(widened(net, width), budgets)

    low, high = max(NARROWEST, guess / _NEAR), min(WIDEST, guess * _NEAR)
    if not at(low):
        low, high = NARROWEST, low
        if not at(low):
            return None
    elif at(high):
        low, high = high, WIDEST
        if at(high):
            return high if load(widened(net, high), budgets) >= NEARLY else None
    while high / low > 1 + precision:
        middle = sqrt(low * high)
        low, high = (middle, high) if at(middle) else (low, middle)
    return low


def fitted(rough: Candidate, budgets: Sequence[Counted]) -> Candidate | None:
    """Widen as much as the budgets allow: all, then one after the other, then one by less than 8.

    Returns:
        None if that uses less than 97 % of the tightest budget.
    """
    shape = rough.shape
    width = width_for(shape.net, budgets, guess=rough.width)
    if width is None:
        return None
    narrow = widened(shape.net, width)
    wide = widened(shape.net, min(WIDEST, width * (1 + FINE) ** 2))
    total = sum(1 for _, node in narrow.trunk for _ in operators(node))
    taken = greatest(total, lambda n: load(between(narrow, wide, n), budgets) <= 1)
    net = between(narrow, wide, taken)
    if taken < total and load(net, budgets) < NEARLY:
        wider = [one_wider(net, taken, n) for n in range(8)]
        net = max((w for w in wider if fits(w, budgets)), key=lambda w: load(w, budgets))
    return Candidate(shape, width, net) if load(net, budgets) >= NEARLY else None


def greatest(most: int, fits: Callable[[int], bool]) -> int:
    """Greatest number up to `most` that fits, if 0 does and none fits beyond one that does not."""
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
