"""Timing several ways to do the same in turn, so that all of them meet the same machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from time import perf_counter, sleep
from typing import TypeAlias, TypeVar

Name = TypeVar("Name", bound=Hashable)
Call: TypeAlias = Callable[[], object]  # one piece of work, finished when it returns
Clock: TypeAlias = Callable[[], float]  # seconds

PAUSE = 0.01  # seconds before a turn: threads of the way before may still spin
BATCHES = (1, 2, 4, 8, 16, 32)  # that are tried
TRIALS = 2  # calls of each batch, of which the faster counts
WORSE = 0.75  # of the best rate: below it no larger batch is tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """How much is measured.

    Attributes:
        least: rounds, in each of which every way has a turn.
        most: rounds.
        seconds: after which no further round begins, once there were the least.
        counted: calls of a turn that are timed, after one that is not.
    """

    least: int
    most: int
    seconds: float
    counted: int


SINGLE = Turns(least=11, most=40, seconds=12.0, counted=3)
LARGE = Turns(least=3, most=5, seconds=12.0, counted=1)


def in_turn(
    calls: Mapping[Name, Sequence[Call]], turns: Turns, clock: Clock = perf_counter
) -> dict[Name, list[float]]:
    """Seconds of every timed call; each round begins one way further.

    Args:
        calls: of each way, one after the other and from the beginning again.
        turns: how many.
        clock: seconds.
    """
    taken: dict[Name, list[float]] = {name: [] for name in calls}
    work = {name: cycle(own) for name, own in calls.items()}
    order, began = deque(calls), clock()
    for done in range(turns.most):
        if done >= turns.least and clock() - began > turns.seconds:
            break
        for name in order:
            sleep(PAUSE)
            own = list(islice(work[name], turns.counted))
            own[0]()
            taken[name] += [timed(call, clock) for call in own]
        order.rotate(-1)
    return taken


def good_batch(call: Callable[[int], Call], clock: Clock = perf_counter) -> int:
    """The batch at which most images a second get through.

    Args:
        call: gives the work for a batch of so many images.
        clock: seconds.
    """
    best, rate = 1, 0.0
    for batch in BATCHES:
        work = call(batch)
        work()
        now = batch / min(timed(work, clock) for _ in range(TRIALS))
        if now > rate:
            best, rate = batch, now
        elif now < WORSE * rate:
            break
    return best


def timed(call: Call, clock: Clock = perf_counter) -> float:
    """Seconds of one call."""
    began = clock()
    call()
    return clock() - began
