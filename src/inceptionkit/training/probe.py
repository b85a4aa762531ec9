"""A short probe on the real network: which precision and layout are fastest here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from statistics import median

import numpy as np
import torch

from inceptionkit.evaluation.inference import predict_all_exits
from inceptionkit.timing import Call, TimingBudget, time_interleaved
from inceptionkit.training.ema import move
from inceptionkit.training.execution import Execution, Trial
from inceptionkit.training.loop import update
from inceptionkit.training.state import Job, State, new_state

BUDGET = TimingBudget(least=2, most=8, seconds=3.0)  # the call before them builds kernels
ONCE = TimingBudget(least=1, most=1)


def probe(job: Job, ways: Sequence[Execution]) -> list[Trial]:
    """Time updates of each way in turn, on throw-away weights, each with a move of the average."""
    calls: dict[tuple[str, int], Call] = {}
    for number, way in enumerate(ways):
        own = replace(job, execution=way)
        state = new_state(own)
        calls["update", number] = partial(_update, own, state)
        calls["move", number] = partial(move, state.average, state.model, 0.9)
    seconds = {key: median(each) for key, each in time_interleaved(calls, BUDGET).items()}
    every = job.recipe.average_every
    return [
        Trial(way, seconds["update", number] + seconds["move", number] / every)
        for number, way in enumerate(ways)
    ]


def _update(job: Job, state: State) -> None:
    torch.set_num_threads(job.execution.threads)
    float(update(job, state, np.arange(job.batch, dtype=np.int64), epoch=0, lr=0.0).loss)


def time_evaluation(job: Job, state: State) -> float:
    """Seconds to score one image, from a small batch."""
    pixels = torch.zeros((min(64, len(job.train)), *job.net.image), dtype=torch.uint8)
    score = partial(predict_all_exits, state.average, pixels, job.preprocessing, batch=64)
    return time_interleaved({"score": score}, ONCE)["score"][0] / len(pixels)
