"""Health of a run: a loss that is not finite, a gradient that explodes, ReLUs that never fire."""

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
from inceptionkit.training.schedule import progress
from inceptionkit.training.state import TrainConfig, TrainState
from inceptionkit.training.updates import slower

_EXPLODING = 1e4  # times the usual norm of the gradient: noise stays far below
SETTLED = 100  # steps after which the usual norm is known
_NORM_MEMORY = 0.98  # of the usual norm, per step
_EARLY, _LEAST_WARMUP = 2.0, 0.05  # times the warm-up; share of the run that it lasts at least
_PROBED_IMAGES = 64  # that show whether a ReLU fires


@dataclass(frozen=True, slots=True)
class PendingStep:
    """A step whose numbers are not read yet; on a GPU they may not be computed yet."""

    step: int  # number of the step, from 1
    loss: Tensor  # this process's part of it
    norm: Tensor  # of the gradient, before it was clipped
    lr: float
    indices: NDArray[np.int64]  # images of the batch


@dataclass(frozen=True, slots=True)
class StepResult:
    """The numbers of a step."""

    step: int
    loss: float
    lr: float
    norm: float


def check_step(pending: PendingStep, config: TrainConfig, state: TrainState) -> StepResult:
    """Read the numbers of a step, and check that the run can go on.

    Raises:
        TrainingError: the loss or the gradient is infinite or not a number, or the gradient is ten
            thousand times as long as usual and nothing clips it.
    """
    group, norm = config.processes, float(pending.norm)
    loss = float(pending.loss if group.count == 1 else group.all_reduce(pending.loss))
    if not np.isfinite(loss):
        raise TrainingError(_advice("the loss is not finite", pending, config))
    usual = state.usual_norm
    if np.isfinite(norm):
        explodes = usual is not None and pending.step > SETTLED and norm > _EXPLODING * usual
        if explodes and config.recipe.optimizer.clip_grad_norm is None:
            wrong = f"the gradient's norm is {norm:.3g}, which usually is {usual:.3g}"
            raise TrainingError(_advice(wrong, pending, config))
        state.usual_norm = (
            norm if usual is None else _NORM_MEMORY * usual + (1.0 - _NORM_MEMORY) * norm
        )
    elif not state.scaler.is_enabled():  # an enabled one skipped the step
        raise TrainingError(_advice("the gradient is not finite", pending, config))
    return StepResult(pending.step, loss, pending.lr, norm)


def is_early(config: TrainConfig, state: TrainState) -> bool:
    """Whether a run is in its warm-up, or has just left it: little is lost if it begins again."""
    return progress(state.plans, state.step) <= _EARLY * max(
        config.recipe.schedule.warmup, _LEAST_WARMUP
    )


def _advice(wrong: str, pending: PendingStep, config: TrainConfig) -> str:
    """What is wrong where, and what to try."""
    indices = pending.indices
    files = ", ".join(config.train.names[i] for i in indices[:3])
    return (
        f"{wrong} at step {pending.step} (learning rate {pending.lr:.3g}, {len(indices)} images: "
        f"{files}, ...); start again with {slower(config.recipe.optimizer)} or "
        "clip_grad_norm=1, or without these images"
    )


def check_weights(config: TrainConfig, state: TrainState) -> None:
    """Raise if any weight is not finite.

    A finite gradient can still carry a weight beyond the largest number. The next loss would show
    it, but there may be none.

    Raises:
        TrainingError: a weight is infinite or not a number.
    """
    for name, weight in state.model.named_parameters():
        if not bool(weight.isfinite().all()):
            msg = (
                f"{name} is not finite after step {state.step} (learning rate "
                f"{_rate(state):.3g}); start again with {slower(config.recipe.optimizer)} or "
                "clip_grad_norm=1"
            )
            raise TrainingError(msg)


def dead_share(config: TrainConfig, state: TrainState) -> float:
    """Share of the channels behind ReLUs that are zero for all of some val images.

    Raises:
        TrainingError: all channels of a block of the trunk are: it gives the same for every image.
    """
    fires = _firing(config, state)
    for name in state.average.trunk:
        inside = [found for at, found in fires.items() if at.startswith(f"trunk.{name}.")]
        if inside and not any(bool(found.any()) for found in inside):
            normed = any(isinstance(module, nn.BatchNorm2d) for module in state.average.modules())
            tries = [slower(config.recipe.optimizer)]
            tries += [] if config.recipe.schedule.warmup else ["warmup=0.1"]
            tries += [] if normed else ["an architecture with batch norm"]
            msg = (
                f"no ReLU of trunk.{name} fires for any image after step {state.step} (learning "
                f"rate {_rate(state):.3g}, images {config.val.names[0]}, ...): nothing passes; "
                f"start again with {' or '.join(tries)}"
            )
            raise TrainingError(msg)
    every = torch.cat(list(fires.values())) if fires else torch.ones(1)
    return 1.0 - float(every.float().mean())


def _rate(state: TrainState) -> float:
    """The learning rate of the last step, of what learns fastest."""
    return max(float(group["lr"]) for group in state.optimizer.param_groups)


def _firing(config: TrainConfig, state: TrainState) -> dict[str, Tensor]:
    """Address of each ReLU -> which of its channels are above zero for any of some val images."""
    fires: dict[str, list[Tensor]] = defaultdict(list)

    def record(at: str, module: nn.Module, inputs: object, output: Tensor) -> None:
        del module, inputs
        fires[at].append((output > 0).transpose(0, 1).flatten(1).any(1).cpu())

    relus = [(at, m) for at, m in state.average.named_modules() if isinstance(m, nn.ReLU)]
    hooks = [m.register_forward_hook(partial(record, at)) for at, m in relus]
    try:
        predict_all_exits(state.average, config.val.pixels[:_PROBED_IMAGES], config.preprocessing)
    finally:
        for hook in hooks:
            hook.remove()
    return {at: torch.stack(found).any(0) for at, found in fires.items()}
