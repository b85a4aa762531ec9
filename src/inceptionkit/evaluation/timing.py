"""How long ways of answering the same images take, measured in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter

import torch

ROUNDS = 7  # at most
SECONDS = 8.0  # after which no further round begins


def time_in_turn(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each way; every round runs all of them, so that all see the same machine.

    A first round, which warms up, is not counted.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    began = perf_counter()
    for number in range(ROUNDS + 1):
        for name, way in ways.items():
            seconds = timed(way)
            if number:
                taken[name].append(seconds)
        if number and perf_counter() - began > SECONDS:
            break
    return {name: median(seconds) for name, seconds in taken.items()}


def timed(way: Callable[[], object]) -> float:
    """Seconds of one call, what it started on a GPU included."""
    began = perf_counter()
    way()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return perf_counter() - began
