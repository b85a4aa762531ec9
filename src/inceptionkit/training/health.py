"""Watching a run: a loss that is no number, a gradient that explodes, ReLUs that never fire."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inceptionkit.errors import TrainingError
from inceptionkit.evaluation.inference import predict_all_exits
from inceptionkit.training.recipe import MODERN
from inceptionkit.training.state import Job, State

EXPLODING = 1e4  # times the usual norm of the gradient: noise stays far below
SETTLED = 100  # updates after which the usual norm is known
MEMORY = 0.98  # of the usual norm, per update
LOOKED_AT = 64  # images that tell whether a ReLU fires


@dataclass(frozen=True, slots=True)
class Watched:
    """What is to be read of an update; on a GPU it may not be computed yet."""

    step: int  # number of the update, from 1
    loss: Tensor  # this process's part of it
    norm: Tensor  # of the gradient, before it was clipped
    lr: float
    indices: NDArray[np.int64]  # images of the batch


@dataclass(frozen=True, slots=True)
class Done:
    """What was read of an update."""

    step: int
    loss: float
    lr: float
    norm: float


def gradient_norm(model: nn.Module) -> Tensor:
    """Norm of the whole gradient, not yet read.

    On a CPU BLAS multiplies each part by itself, with all threads; torch's norms use one.
    """
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    if not all(gradient.is_cpu for gradient in gradients):
        return nn.utils.get_total_norm(gradients)
    vectors = [as_vector(gradient) for gradient in gradients]
    return torch.stack([vector.dot(vector) for vector in vectors]).sum().sqrt()


def as_vector(values: Tensor) -> Tensor:
    """All values in the order in which they lie in memory, whichever layout they have."""
    return values.flatten() if values.is_contiguous() else values.movedim(1, -1).flatten()


def read(watched: Watched, job: Job, state: State) -> Done:
    """Read an update, and look whether the run can go on.

    Raises:
        TrainingError: the loss or the gradient is infinite or not a number, or the gradient is ten
            thousand times as long as usual and nothing clips it.
    """
    loss, norm = float(job.processes.total(watched.loss)), float(watched.norm)
    if not np.isfinite(loss):
        raise TrainingError(advice("the loss is not finite", watched, job))
    usual = state.usual_norm
    if np.isfinite(norm):
        if explodes(norm, usual, watched.step) and job.recipe.clip is None:
            what = f"the gradient's norm is {norm:.3g}, which usually is {usual:.3g}"
            raise TrainingError(advice(what, watched, job))
        state.usual_norm = norm if usual is None else MEMORY * usual + (1.0 - MEMORY) * norm
    elif not state.scaler.is_enabled():  # with one the update was left out
        raise TrainingError(advice("the gradient is not finite", watched, job))
    return Done(watched.step, loss, watched.lr, norm)


def explodes(norm: float, usual: float | None, step: int) -> bool:
    """Whether the gradient is far longer than it usually is."""
    return usual is not None and step > SETTLED and norm > EXPLODING * usual


def advice(what: str, watched: Watched, job: Job) -> str:
    """What happened where, and what to try."""
    indices = watched.indices
    files = ", ".join(job.train.names[i] for i in indices[:3])
    return (
        f"{what} at update {watched.step} (learning rate {watched.lr:.3g}, {len(indices)} images: "
        f"{files}, ...); start again with lr={job.recipe.lr / 3:.2g} or clip=1, or without these "
        "images"
    )


def refuse_infinite(job: Job, state: State) -> None:
    """Look whether the weights can be scored and kept.

    A gradient that is finite can still carry a weight beyond the largest number. The next loss
    would tell, but there may be none.

    Raises:
        TrainingError: a weight is infinite or not a number.
    """
    for name, weight in state.model.named_parameters():
        if not bool(weight.isfinite().all()):
            msg = (
                f"{name} is not finite after update {state.step} (learning rate "
                f"{rate(state):.3g}); start again with lr={job.recipe.lr / 3:.2g} or clip=1"
            )
            raise TrainingError(msg)


def dead_share(job: Job, state: State) -> float:
    """Share of the channels behind ReLUs that are zero for all of some val images.

    Raises:
        TrainingError: all channels of a block of the trunk are: it gives the same for every image.
    """
    fires = firing(job, state)
    for name in state.average.trunk:
        inside = [found for at, found in fires.items() if at.startswith(f"trunk.{name}.")]
        if inside and not any(bool(found.any()) for found in inside):
            normed = any(isinstance(module, nn.BatchNorm2d) for module in state.average.modules())
            tries = [f"lr={min(job.recipe.lr / 3, MODERN.lr):.2g}"]
            tries += [] if job.recipe.warmup else ["warmup=0.1"]
            tries += [] if normed else ["an architecture with batch norm"]
            msg = (
                f"no ReLU of trunk.{name} fires for any image after update {state.step} (learning "
                f"rate {rate(state):.3g}, looked at {job.val.names[0]}, ...): nothing passes; "
                f"start again with {' or '.join(tries)}"
            )
            raise TrainingError(msg)
    every = torch.cat(list(fires.values())) if fires else torch.ones(1)
    return 1.0 - float(every.float().mean())


def rate(state: State) -> float:
    """The learning rate of the last update, of what learns fastest."""
    return max(float(group["lr"]) for group in state.optimiser.param_groups)


def firing(job: Job, state: State) -> dict[str, Tensor]:
    """Address of each ReLU -> which of its channels are above zero for any of some val images."""
    fires: dict[str, list[Tensor]] = defaultdict(list)

    def look(at: str, module: nn.Module, inputs: object, output: Tensor) -> None:
        del module, inputs
        fires[at].append((output > 0).transpose(0, 1).flatten(1).any(1).cpu())

    relus = [(at, m) for at, m in state.average.named_modules() if isinstance(m, nn.ReLU)]
    hooks = [m.register_forward_hook(partial(look, at)) for at, m in relus]
    try:
        predict_all_exits(state.average, job.val.pixels[:LOOKED_AT], job.preprocessing)
    finally:
        for hook in hooks:
            hook.remove()
    return {at: torch.stack(found).any(0) for at, found in fires.items()}
