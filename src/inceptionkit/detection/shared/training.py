"""Training a detector with shared features: steps, and what changes from one to the next."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim import AdamW, Optimizer

from inceptionkit.data.rng import CounterRng, permutation, step_seed
from inceptionkit.data.transforms.pipeline import normalize
from inceptionkit.detection.shared.augment import Augmentation, batch
from inceptionkit.detection.shared.design import Design
from inceptionkit.detection.shared.fit import fill_of
from inceptionkit.detection.shared.loss import Losses, detection_loss
from inceptionkit.detection.shared.network import DetectorNet
from inceptionkit.detection.shared.recipe import DetectRecipe
from inceptionkit.detection.types import Boxes, Pixels
from inceptionkit.errors import TrainingError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.timing import TimingBudget, time_interleaved
from inceptionkit.training.ema import moving, update_ema
from inceptionkit.training.execution import Execution, Trial
from inceptionkit.training.loop import gradient_norm
from inceptionkit.training.schedule import Plan, active_plan, progress

_PROBE = TimingBudget(least=2, most=6, seconds=4.0)
_MOMENTA = (0.9, 0.99)


@dataclass(frozen=True, slots=True)
class TrainBoxes:
    """The training images, in memory where they fit."""

    names: tuple[str, ...]
    images: Sequence[tuple[Pixels, Boxes]]
    labels: tuple[NDArray[np.int64], ...]  # IGNORED for what does not count


@dataclass(frozen=True, kw_only=True)
class DetectConfig:
    """What a run computes, and how."""

    design: Design
    classes: int  # without background
    recipe: DetectRecipe
    execution: Execution
    preprocessing: Preprocessing
    train: TrainBoxes
    seed: int

    @property
    def batch(self) -> int:
        """Images in a step: all there are at most."""
        return min(self.recipe.batch, len(self.train.images))

    @property
    def steps_per_epoch(self) -> int:
        """Steps of whole batches: the few images left over differ between epochs."""
        return len(self.train.images) // self.batch

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision of the forward pass."""
        kind = torch.device(self.execution.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.execution.precision == "bf16")

    @property
    def layout(self) -> torch.memory_format:
        """Of images and weights."""
        return torch.channels_last if self.execution.channels_last else torch.contiguous_format

    @property
    def augmentation(self) -> Augmentation:
        """What happens to training images."""
        return Augmentation(
            size=self.design.size, flip=self.recipe.flip, fill=fill_of(self.preprocessing)
        )


@dataclass(slots=True)
class DetectState:
    """Everything that changes while a run goes on. A checkpoint holds all but the plans."""

    model: DetectorNet
    average: DetectorNet  # of `model`: what is evaluated and kept
    optimizer: Optimizer
    scaler: torch.amp.GradScaler  # does nothing: bf16 needs none
    steps_per_epoch: int
    best: DetectorNet | None = None  # the average that scored best on val
    step: int = 0  # steps done
    loss_sum: float = 0.0  # of the steps of this epoch
    usual_norm: float | None = None
    seconds: float = 0.0  # of the run, until the last save
    rows: list[dict[str, Any]] = field(default_factory=list)  # one per finished epoch
    plans: list[Plan] = field(default_factory=list)

    @property
    def kept(self) -> DetectorNet:
        """The average that becomes the detector."""
        return self.average if self.best is None else self.best


def kept_epoch(rows: Sequence[Mapping[str, Any]]) -> int:
    """The epoch whose average is kept: the last of those with the best mAP on val, or the last.

    Args:
        rows: one per finished epoch, with `val_map` from IoU 0.5 to 0.95; None where not scored.
    """
    scored = [(row["val_map"], row["epoch"]) for row in rows if row["val_map"] is not None]
    return int(max(scored)[1]) if scored else len(rows)


@dataclass(frozen=True, slots=True)
class StepEnded:
    """A step was taken."""

    step: int
    loss: float
    parts: dict[str, float]
    lr: float
    norm: float


def new_state(config: DetectConfig) -> DetectState:
    """First weights, from the seed."""
    model = DetectorNet(config.design, config.classes, seed=config.seed)
    model.to(config.execution.device)
    model.to(memory_format=config.layout)  # type: ignore[call-overload] # torch's own stub lacks it
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": config.recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return DetectState(
        model.train(),
        copy.deepcopy(model).eval(),
        AdamW(groups, lr=config.recipe.lr, betas=_MOMENTA, foreach=True),
        torch.amp.GradScaler("cpu", enabled=False),
        config.steps_per_epoch,
    )


def epoch_steps(config: DetectConfig, state: DetectState) -> Iterator[StepEnded]:
    """The steps that are left of the epoch in which `state` stands.

    Raises:
        TrainingError: the loss or the gradient is not finite.
    """
    epoch = state.step // config.steps_per_epoch
    order = permutation(config.seed, epoch, len(config.train.images))
    last = min((epoch + 1) * config.steps_per_epoch, state.plans[-1].steps)
    while state.step < last:
        start = (state.step - epoch * config.steps_per_epoch) * config.batch
        yield train_step(config, state, order[start : start + config.batch], epoch)
        last = min((epoch + 1) * config.steps_per_epoch, state.plans[-1].steps)


def train_step(
    config: DetectConfig, state: DetectState, indices: NDArray[np.int64], epoch: int
) -> StepEnded:
    """Update the weights, and their average, once.

    Raises:
        TrainingError: the loss or the gradient is not finite.
    """
    recipe, model = config.recipe, state.model
    plan = active_plan(state.plans, state.step)
    lr = learning_rate(recipe, progress(state.plans, state.step + 0.5))
    torch.manual_seed(step_seed(config.seed, state.step))
    losses = loss_of(config, model, indices, epoch)
    state.optimizer.zero_grad(set_to_none=True)
    total = losses.total()
    torch.autograd.backward(total)
    norm = gradient_norm(model)
    torch.nn.utils.clip_grads_with_norm_(model.parameters(), recipe.clip_grad_norm, norm)
    loss = float(total.detach())
    if not np.isfinite(loss) or not np.isfinite(float(norm)):
        files = ", ".join(config.train.names[at] for at in indices[:3])
        msg = f"the loss or its gradient is not finite at step {state.step + 1} (learning rate "
        msg += f"{lr:.3g}, {len(indices)} images: {files}, ...); start again with "
        raise TrainingError(msg + f"lr={recipe.lr / 3:.2g}, or without these images")
    for group in state.optimizer.param_groups:
        group["lr"] = lr
    state.optimizer.step()
    horizon = max(1.0, recipe.ema_horizon * plan.steps)
    update_ema(state.average, model, moving(state.step, decay=1.0 - 1.0 / horizon))
    state.step += 1
    state.loss_sum += loss
    parts = {name: float(part.detach()) for name, part in losses._asdict().items()}
    return StepEnded(state.step, loss, parts, lr, float(norm))


def loss_of(
    config: DetectConfig, model: DetectorNet, indices: NDArray[np.int64], epoch: int
) -> Losses:
    """The loss of some augmented images."""
    pixels, targets = batch(
        [config.train.images[at] for at in indices],
        [config.train.labels[at] for at in indices],
        config.augmentation,
        CounterRng(config.seed, epoch, indices),
    )
    device = config.execution.device
    images = normalize(pixels, config.preprocessing.mean, config.preprocessing.std)
    images = images.to(device).contiguous(memory_format=config.layout)
    targets = targets.to(device)
    with config.autocast():
        return detection_loss(model, model(images), targets)


def learning_rate(recipe: DetectRecipe, share: float) -> float:
    """Learning rate after a share of the run: a linear climb, then a linear fall to 0."""
    if share < recipe.warmup:
        return recipe.lr * share / recipe.warmup
    return recipe.lr * (1.0 - share) / (1.0 - recipe.warmup)


def time_steps(config: DetectConfig, executions: Sequence[Execution]) -> tuple[Trial, ...]:
    """Time training steps of each execution, interleaved, on temporary weights."""
    calls = {}
    plan = Plan(
        step=0, steps=1000, progress=0.0, images_per_second=1.0, seconds_left=None, why="probe"
    )
    for execution in executions:
        own = replace(config, execution=execution)
        state = new_state(own)
        state.plans.append(plan)
        calls[execution] = partial(_probe_step, own, state)
    seconds = time_interleaved(calls, _PROBE)
    torch.set_num_threads(config.execution.threads)
    return tuple(Trial(execution, median(each)) for execution, each in seconds.items())


def _probe_step(config: DetectConfig, state: DetectState) -> None:
    torch.set_num_threads(config.execution.threads)
    train_step(config, state, np.arange(config.batch, dtype=np.int64), 0)
