"""The sides of a comparison, timed in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import torch

from inceptionkit.timing import TimingBudget, time_interleaved

WARM_UP = 2  # calls of each side that are not counted


@dataclass(frozen=True, slots=True)
class Side:
    """One way of doing it."""

    name: str
    says: str
    step: Callable[[], object]  # one piece of work, finished when it returns


def measure(
    compared: Sequence[Side], rounds: int, clock: Callable[[], float] = perf_counter
) -> dict[str, list[float]]:
    """Seconds of each piece of work, the sides in turn; each round begins one side further.

    Args:
        compared: the sides.
        rounds: pieces of work of each.
        clock: `process_time` for what runs on one core: then it does not count when the system
            lets somebody else run.
    """
    budget = TimingBudget(least=rounds, most=rounds, warm_up=WARM_UP)
    return time_interleaved({one.name: partial(_finished, one) for one in compared}, budget, clock)


def _finished(one: Side) -> None:
    one.step()
    synchronize()


def synchronize() -> None:
    """Wait for a GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
