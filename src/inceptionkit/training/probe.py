"""A short probe on the real network: which precision and layout are fastest here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from time import perf_counter

import numpy as np
import torch

from inceptionkit.evaluation.inference import every_exit
from inceptionkit.training.ema import move
from inceptionkit.training.execution import Execution, Trial
from inceptionkit.training.loop import update
from inceptionkit.training.state import Job, State, new_state

SECONDS = 4.0  # that the probe may take, more or less
ROUNDS = 8  # updates of each candidate at most


def probe(job: Job, ways: Sequence[Execution]) -> list[Trial]:
    """Time updates of each way in turn, on throw-away weights.

    The first update of each is not counted: it builds kernels. Every way gets at least two more.
    """
    jobs = [replace(job, execution=way) for way in ways]
    states = [new_state(each) for each in jobs]
    times: list[list[float]] = [[] for _ in ways]
    began = perf_counter()
    for turn in range(ROUNDS + 1):
        if turn > 2 and perf_counter() - began > SECONDS:
            break
        for each, state, taken in zip(jobs, states, times, strict=True):
            taken.append(time_update(each, state))
    return [Trial(way, median(taken[1:])) for way, taken in zip(ways, times, strict=True)]


def time_update(job: Job, state: State) -> float:
    """Seconds of one update on the first images, with its share of a move of the average."""
    torch.set_num_threads(job.execution.threads)
    start = perf_counter()
    float(update(job, state, np.arange(job.batch, dtype=np.int64), epoch=0, lr=0.0).loss)
    updated = perf_counter()
    move(state.average, state.model, 0.9)
    return updated - start + (perf_counter() - updated) / job.recipe.average_every


def time_evaluation(job: Job, state: State) -> float:
    """Seconds to score one image, from a small batch."""
    pixels = torch.zeros((min(64, len(job.train)), *job.net.image), dtype=torch.uint8)
    every_exit(state.average, pixels, job.preprocessing, batch=64)
    start = perf_counter()
    every_exit(state.average, pixels, job.preprocessing, batch=64)
    return (perf_counter() - start) / len(pixels)
