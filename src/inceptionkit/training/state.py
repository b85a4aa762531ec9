"""What a run computes, and everything that changes while it does."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from inceptionkit.training.distributed import ALONE, Processes
from inceptionkit.training.execution import Execution
from inceptionkit.training.freezing import freeze, set_norm_decay, train_mode
from inceptionkit.training.optim import optimiser
from inceptionkit.training.recipe import Recipe
from inceptionkit.training.schedule import learning_rate

SMALL_CROP = 2 / 3  # of the side that crops have later


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a run computes; `grown_to` gives the one that an epoch follows."""

    net: Net
    recipe: Recipe
    execution: Execution
    preprocessing: Preprocessing
    train: TrainImages
    val: Images
    seed: int
    class_weights: Tensor | None = None  # (classes,) in the loss; None for 1
    processes: Processes = ALONE
    small: bool = False  # whether training crops are small, as they may be at first

    @property
    def batch(self) -> int:
        """Images in an update, of all processes: the recipe's number, or all there are."""
        return min(self.recipe.batch, len(self.train))

    @property
    def steps_per_epoch(self) -> int:
        """Updates in an epoch; the few images left over differ from epoch to epoch."""
        return len(self.train) // self.batch

    @property
    def crop_side(self) -> int:
        """Side of a training crop, pixels."""
        share = self.recipe.crop_side * (SMALL_CROP if self.small else 1.0)
        return max(1, round(self.net.image[1] * share))

    def cropping(self, epoch: int) -> Cropping:
        """Which crops an epoch sees."""
        how = self.recipe.augmentation
        return Cropping(how=how, side=self.crop_side, seed=self.seed, epoch=epoch)

    def grown_to(self, share: float) -> Job:
        """The job after a `share` of the schedule, with the crops that it then has."""
        return replace(self, small=share < self.recipe.small_crops)

    def lr(self, share: float) -> float:
        """Learning rate of an update after a `share` of the schedule, for this batch."""
        return learning_rate(self.recipe, share) * self.batch / self.recipe.lr_batch

    @property
    def exit_weights(self) -> dict[str, float]:
        """Exit name -> weight of its loss."""
        own = self.recipe.exit_weight
        return {e.name: e.loss_weight if own is None else own for e in self.net.exits}


@dataclass(slots=True)
class State:
    """Everything that changes while a run goes on, and that a checkpoint holds."""

    model: InceptionNet
    average: InceptionNet  # of `model`: what is evaluated and kept
    optimiser: Optimizer
    scaler: torch.amp.GradScaler  # of the loss in fp16; does nothing in other precisions
    network: nn.Module  # `model`, or what wraps it where several processes compute the run
    best: InceptionNet | None = None  # the average with the lowest val loss, where that counts
    step: int = 0  # updates done
    loss_sum: float = 0.0  # of the updates of this epoch, read so far
    usual_norm: float | None = None  # of the gradient, a slow average
    seconds: float = 0.0  # of the run, earlier sessions included, until the last save
    rows: list[dict[str, Any]] = field(default_factory=list)  # one per finished epoch
    hold: bool = False  # set by who wants to save: the next event finds the state whole

    @property
    def kept(self) -> InceptionNet:
        """The network that the run is for: the best average where that counts, else the last."""
        return self.average if self.best is None else self.best


def new_state(job: Job) -> State:
    """First weights, from the seed."""
    model = build(job.net, seed=job.seed)
    freeze(model, job.recipe)
    set_norm_decay(model, job.recipe)
    job.execution.place(model)
    average = copy.deepcopy(model).eval()
    train_mode(model, job.recipe)
    return State(
        model, average, optimiser(model, job.recipe), job.execution.scaler(), network=model
    )


@torch.no_grad()
def adopt(state: State, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Give a state, before its first update, weights that something else has learnt."""
    for model in (state.model, state.average):
        own = model.state_dict()
        for name, value in tensors.items():
            own[name].copy_(torch.from_numpy(value))


def epochs_since_best(rows: list[dict[str, Any]]) -> int:
    """Epochs since the one with the lowest val loss."""
    losses = [row["val_loss"] for row in rows]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def is_patient(job: Job, state: State) -> bool:
    """Whether the run may go on: val loss fell within the recipe's patience, if it has one."""
    patience = job.recipe.patience
    return patience is None or epochs_since_best(state.rows) < patience
