"""A network scaled to what it may cost: work is counted first, then time measured.

Nothing is timed here: the caller brings a clock, which builds a network and runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import TypeAlias

from inceptionkit.derive.cost import cost
from inceptionkit.derive.design.budget import Counted, Measured, Timing, amount, parse
from inceptionkit.derive.design.fit import NEARLY
from inceptionkit.derive.design.search import (
    Design,
    Family,
    best_of,
    design,
    ends,
    family_of,
    measured,
)
from inceptionkit.errors import SpecError
from inceptionkit.spec import Net

Clock: TypeAlias = Callable[[Net], Timing]

_AIM = 0.96  # share of the time that the next design aims at: no two measurements agree
ENOUGH = 0.9  # share of the time from which no dearer design is looked for
_NEXT_TO = 1.04  # between two designs whose work differs by less none is looked for
TRIES = 10
_LESS = 0.9  # times the work, where no design comes near it
_SLOPES = (
    0.3,
    1.5,
)  # how time grows with work, both in logarithms: in between, whatever was measured
_ONE_MAC = Counted("macs", 1, "1MAC")


@dataclass(frozen=True, slots=True)
class Trial:
    """A design that was timed."""

    made: Design
    timing: Timing

    @property
    def macs(self) -> int:
        """Its work."""
        return self.made.cost.without_exits.macs

    @property
    def ms(self) -> float:
        """Its time."""
        return self.timing.median_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The work that designs can have, in MACs."""

    least: int
    first: int  # what is timed first
    most: int


def scaled(
    member: Net,
    costs: Sequence[str],
    *,
    side: int,
    classes: int,
    clock: Callable[[], Clock],
) -> Design:
    """Scale `member` in width, depth and stem to what the answer to one image may cost.

    Args:
        member: the network to start from.
        costs: one or more, such as "300MMAC", "2Mparams" or "10ms"; none is overrun.
        side: of the square input, pixels.
        classes: outputs of every classifier.
        clock: makes the clock, if a cost is a time.

    Raises:
        SpecError: a cost cannot be read or met; the nearest that can is named.
    """
    budgets = [parse(text) for text in costs]
    counted = [budget for budget in budgets if isinstance(budget, Counted)]
    times = [budget for budget in budgets if isinstance(budget, Measured)]
    if not times:
        return design(member, counted, side=side, classes=classes)
    time = min(times, key=lambda budget: budget.most)
    return timed_design(member, counted, time, clock(), side=side, classes=classes)


def timed_design(
    member: Net,
    budgets: Sequence[Counted],
    time: Measured,
    clock: Clock,
    *,
    side: int,
    classes: int,
) -> Design:
    """Scale `member` until its answer takes nearly as long as it may, and no longer.

    Each design gets the work at which those timed before it lead one to expect the time. One that
    meets it closely is timed twice, and the slower time counts.

    Args:
        member: the network to start from.
        budgets: counted ones that must be met as well, maybe none.
        time: the longest that the median may be.
        clock: measures how long the answer to one image takes.
        side: of the square input, pixels.
        classes: outputs of every classifier.

    Raises:
        SpecError: as `design` raises; or nothing that the member can be scaled to is so fast, or
            so slow; the nearest time is named.
    """
    family = family_of(member, side=side, classes=classes)
    reach = _reach_of(family, budgets)
    trials: list[Trial] = []
    macs: float | None = reach.first
    while macs is not None:
        made = working(family, budgets, macs, reach.least)
        if made.cost.without_exits.macs in {trial.macs for trial in trials}:
            break  # no other design is nearer
        trials.append(Trial(made, _careful(clock, made.net, time)))
        macs = _next_work(trials, reach, time)
    best = _fastest_enough(trials, time)
    too_fast = best and best.ms < ENOUGH * time.most and best.macs >= NEARLY * reach.most
    if best is None or (too_fast and not budgets):
        raise SpecError(nearest(family, trials, time))
    return measured(best.made, (*budgets, time), best.timing)


def _reach_of(family: Family, budgets: Sequence[Counted]) -> Reach:
    """What designs can be asked for; the beginning is near the member itself.

    Where something is counted too, the beginning is the design that uses it up: none is dearer.
    """
    least, most = (cost(net).without_exits.macs for net in ends(family, [_ONE_MAC]))
    if budgets:
        most = best_of(family, budgets).cost.without_exits.macs
        return Reach(least=min(least, most), first=most, most=most)
    own = min(family.shapes, key=lambda shape: abs(log(shape.depth)) + abs(log(shape.grid)))
    return Reach(least=least, first=cost(own.net).without_exits.macs, most=most)


def working(family: Family, budgets: Sequence[Counted], macs: float, least: int) -> Design:
    """The design of so much work; where none comes near it, the next that has less."""
    while True:
        try:
            return best_of(family, [*budgets, Counted("macs", macs, f"{macs:.0f}MAC")])
        except SpecError:
            if macs <= least:
                raise
            macs = max(least, _LESS * macs)


def _careful(clock: Clock, net: Net, time: Measured) -> Timing:
    """Time a network; one that is just fast enough twice, of which the slower counts."""
    first = clock(net)
    if not ENOUGH * time.most <= first.median_ms <= time.most:
        return first
    return max(first, clock(net), key=lambda timing: timing.median_ms)


def _fastest_enough(trials: Sequence[Trial], time: Measured) -> Trial | None:
    """Of the designs that are fast enough, the one that does most work."""
    return max((t for t in trials if t.ms <= time.most), key=lambda t: t.macs, default=None)


def _next_work(trials: Sequence[Trial], reach: Reach, time: Measured) -> float | None:
    """The work of the next design to time, in MACs; None if there is nothing more to find."""
    best, guess = _fastest_enough(trials, time), expected(trials, time)
    if best is None:
        least_tried = min(trial.macs for trial in trials)
        if least_tried <= reach.least:
            return None
        last_try = len(trials) == TRIES - 1
        return reach.least if last_try else max(reach.least, min(guess, _LESS * least_tried))
    low = best.macs
    high = min((t.macs for t in trials if t.ms > time.most and t.macs > low), default=None)
    if best.ms >= ENOUGH * time.most or low >= NEARLY * reach.most or len(trials) >= TRIES:
        return None
    if high is None:
        return min(reach.most, max(guess, _NEXT_TO * low))
    if high < _NEXT_TO * low:
        return None
    return guess if low < guess < high else sqrt(low * high)


def expected(trials: Sequence[Trial], time: Measured) -> float:
    """The work at which the time aimed at is expected, from the two times nearest to it."""
    aim = log(_AIM * time.most)
    near, *others = sorted(trials, key=lambda trial: abs(log(trial.ms) - aim))
    slope = 1.0
    if others and others[0].macs != near.macs:
        x, y = log(near.macs / others[0].macs), log(near.ms / others[0].ms)
        slope = min(max(y / x, _SLOPES[0]), _SLOPES[1])
    return near.macs * exp((aim - log(near.ms)) / slope)


def nearest(family: Family, trials: Sequence[Trial], time: Measured) -> str:
    """Say what can be reached instead."""
    slow = min(trial.ms for trial in trials) > time.most
    found = min(trials, key=lambda t: t.ms) if slow else max(trials, key=lambda t: t.macs)
    return (
        f"{family.member.name} at {family.side}x{family.side} cannot be made as "
        f"{'fast' if slow else 'slow'} as {time.text} on this machine; the nearest possible is "
        f"{amount('ms', found.ms)}"
    )
