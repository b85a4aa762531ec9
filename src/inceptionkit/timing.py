"""Timing several callables in turn, so that all of them meet the same machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from math import inf
from time import perf_counter, sleep
from typing import TypeAlias, TypeVar

Name = TypeVar("Name", bound=Hashable)
Call: TypeAlias = Callable[[], object]  # one piece of work, finished when it returns
Clock: TypeAlias = Callable[[], float]  # seconds

_PAUSE = 0.01  # seconds in which the threads of the callable before stop spinning


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingBudget:
    """How much is measured.

    Attributes:
        least: rounds, in each of which every callable has a turn.
        most: rounds.
        seconds: after which no further round begins, once there were the least.
        calls: that are timed in a turn.
        warm_up: calls of each before the first round, which are not timed, at least.
        warm_up_seconds: for which each is called before the first round, at least.
        settle: begin every turn with a pause and a call that is not timed.
    """

    least: int
    most: int
    seconds: float = inf
    calls: int = 1
    warm_up: int = 1
    warm_up_seconds: float = 0.0
    settle: bool = False


def time_interleaved(
    calls: Mapping[Name, Call | Sequence[Call]], budget: TimingBudget, clock: Clock = perf_counter
) -> dict[Name, list[float]]:
    """Seconds of every timed call of each callable; each round begins one callable further.

    Args:
        calls: what is timed; of several calls one after the other, from the beginning again.
        budget: how often.
        clock: `process_time` leaves out what other processes took.
    """
    seconds: dict[Name, list[float]] = {name: [] for name in calls}
    work = {name: cycle([own] if callable(own) else own) for name, own in calls.items()}
    for own in work.values():
        began, done = clock(), 0
        while done < budget.warm_up or clock() - began < budget.warm_up_seconds:
            next(own)()
            done += 1
    order, began = deque(calls), clock()
    for done in range(budget.most):
        if done >= budget.least and clock() - began > budget.seconds:
            break
        for name in order:
            turn = list(islice(work[name], budget.calls))
            if budget.settle:
                sleep(_PAUSE)
                turn[0]()
            for call in turn:
                start = clock()
                call()
                seconds[name].append(clock() - start)
        order.rotate(-1)
    return seconds
