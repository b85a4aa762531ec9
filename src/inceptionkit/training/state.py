"""What a run computes (`TrainConfig`), how (`Execution`), and what changes on the way."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from inceptionkit.data.loading.in_memory import Images, TrainImages
from inceptionkit.data.transforms.augmentation import Cropping
from inceptionkit.network import InceptionNet, build
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net
from inceptionkit.training.distributed import SINGLE_PROCESS, Processes
from inceptionkit.training.execution import Execution
from inceptionkit.training.freezing import freeze, set_norm_decay
from inceptionkit.training.optim import make_optimizer
from inceptionkit.training.recipe import FrozenNorms, Recipe, TrainedNorms
from inceptionkit.training.schedule import Plan

SMALL_CROP = 2 / 3  # of the side that crops have later


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What a run computes; `at` gives the one that an epoch follows."""

    net: Net
    recipe: Recipe
    execution: Execution
    preprocessing: Preprocessing
    train: TrainImages
    val: Images
    seed: int
    class_weights: Tensor | None = None  # (classes,) in the loss; None for 1
    processes: Processes = SINGLE_PROCESS
    small_crops: bool = False  # as they may be at first

    @cached_property
    def batch(self) -> int:
        """Images in a step, of all processes: the recipe's number, or all there are."""
        return min(self.recipe.batch, len(self.train))

    @cached_property
    def steps_per_epoch(self) -> int:
        """The few images left over differ from epoch to epoch."""
        return len(self.train) // self.batch

    @cached_property
    def crop_side(self) -> int:
        """Side of a training crop, pixels."""
        share = self.recipe.resizing.crop_side * (SMALL_CROP if self.small_crops else 1.0)
        return max(1, round(self.net.image[1] * share))

    @cached_property
    def exit_weights(self) -> dict[str, float]:
        """Exit name -> weight of its loss."""
        weight = self.recipe.loss.exit_weight
        return {e.name: e.loss_weight if weight is None else weight for e in self.net.exits}

    def cropping(self, epoch: int) -> Cropping:
        """Which crops an epoch sees."""
        how = self.recipe.augmentation
        return Cropping(how=how, side=self.crop_side, seed=self.seed, epoch=epoch)

    def at(self, progress: float) -> TrainConfig:
        """The configuration at a share of the schedule, with the crops that it then has."""
        return replace(self, small_crops=progress < self.recipe.resizing.small_crops)


@dataclass(slots=True)
class TrainState:
    """Everything that changes while a run goes on. A checkpoint holds all but the plans."""

    model: InceptionNet
    average: InceptionNet  # of `model`: what is evaluated and kept
    optimizer: Optimizer
    scaler: torch.amp.GradScaler  # of the loss in fp16; does nothing in other precisions
    network: nn.Module  # `model`, or what wraps it where several processes compute the run
    best: InceptionNet | None = None  # the average with the lowest val loss, where that counts
    step: int = 0  # steps done
    loss_sum: float = 0.0  # of the steps of this epoch, read so far
    usual_norm: float | None = None  # of the gradient, a slow average
    seconds: float = 0.0  # of the run, earlier sessions included, until the last save
    rows: list[dict[str, Any]] = field(default_factory=list)  # one per finished epoch
    plans: list[Plan] = field(default_factory=list)  # how long the run will be: run.json has them
    hold: bool = False  # set by who wants to save: the next event finds the state whole

    @property
    def kept(self) -> InceptionNet:
        """The network that the run is for: the best average where that counts, else the last."""
        return self.average if self.best is None else self.best


def new_state(config: TrainConfig) -> TrainState:
    """First weights, from the seed."""
    model, recipe = build(config.net, seed=config.seed), config.recipe
    norms = recipe.norms
    if isinstance(norms, TrainedNorms) and norms.norm_decay is not None:
        set_norm_decay(model, norms.norm_decay)
    config.execution.place(model)
    average = copy.deepcopy(model).eval()
    model.train()
    if recipe.freezing.frozen is not None or isinstance(norms, FrozenNorms):
        freeze(model, recipe)
    scaler = torch.amp.GradScaler(  # small gradients would vanish in fp16
        torch.device(config.execution.device).type, enabled=config.execution.precision == "fp16"
    )
    return TrainState(model, average, make_optimizer(model, recipe), scaler, network=model)


@torch.no_grad()
def load_initial_weights(state: TrainState, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Give a state, before its first step, weights that another run has trained."""
    for model in (state.model, state.average):
        own = model.state_dict()
        for name, value in tensors.items():
            own[name].copy_(torch.from_numpy(value))


def epochs_since_best(rows: list[dict[str, Any]]) -> int:
    """Epochs since the one with the lowest val loss."""
    losses = [row["val_loss"] for row in rows]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0
