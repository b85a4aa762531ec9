"""Scoring the images of a set, by all processes together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.evaluation.inference import predict_all_exits
from inceptionkit.network import InceptionNet
from inceptionkit.spec import steps
from inceptionkit.training.state import Job

BATCH = 128  # images at a time: no batch is cut, so that any number of processes computes the same


def score(
    job: Job, model: InceptionNet, pixels: Tensor, tick: Callable[[int], None] = lambda _: None
) -> dict[str, NDArray[np.float32]]:
    """Probabilities that each exit and the main classifier give each image, once.

    Args:
        job: what the run computes, and in how many processes.
        model: the same in every process, in evaluation mode.
        pixels: (images, 3, size, size) uint8, the same in every process.
        tick: called now and then with the number of images done.

    Returns:
        Exit name -> (images, classes), in trunk order, "main" last; the same in every process.
    """
    group, count = job.processes, len(pixels)
    own = pixels[group.part(count, whole=BATCH)]
    found: dict[str, NDArray[np.float32]] = {}
    if len(own):
        found = predict_all_exits(
            model,
            own,
            job.preprocessing,
            batch=BATCH,
            tick=lambda done: tick(min(count, done * group.count)),
        )
    if group.count == 1:
        return found
    none = np.zeros((0, list(steps(job.net))[-1].y.channels), np.float32)
    return {
        name: group.joined(torch.from_numpy(found.get(name, none)), count, whole=BATCH).numpy()
        for name in (*(e.name for e in job.net.exits), "main")
    }
