"""What a run computes (`TrainConfig`), how (`Execution`), and what changes on the way."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from inceptionkit.data.loading.in_memory import TrainImages
from inceptionkit.data.loading.unkept import ScoredImages
from inceptionkit.data.transforms.augmentation import Cropping
from inceptionkit.network import InceptionNet, build
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Conv, Net, steps
from inceptionkit.training.distributed import SINGLE_PROCESS, Processes
from inceptionkit.training.execution import Execution
from inceptionkit.training.freezing import freeze, rate_shares
from inceptionkit.training.muon import Muon as MuonOptimizer
from inceptionkit.training.muon import hidden_kernels
from inceptionkit.training.recipe import (
    FrozenNorms,
    Initialization,
    Recipe,
    TrainedNorms,
    Whitened,
)
from inceptionkit.training.rmsprop_tf import RMSPropTensorFlow
from inceptionkit.training.schedule import Plan
from inceptionkit.training.updates import SGD, AdamW, Muon, RMSProp, RMSPropTF

SMALL_CROP = 2 / 3  # of the side that crops have later


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What a run computes, and what follows from it; `at` gives the one that an epoch follows."""

    net: Net
    recipe: Recipe
    execution: Execution
    preprocessing: Preprocessing
    train: TrainImages
    val: ScoredImages
    seed: int
    class_weights: Tensor | None = None  # (classes,) in the loss; None for 1
    processes: Processes = SINGLE_PROCESS
    small_crops: bool = False  # as they may be at first
    batch: int = field(init=False)  # images in a step, of all processes: all there are at most
    steps_per_epoch: int = field(init=False)  # the few images left over differ between epochs
    crop_side: int = field(init=False)  # of a training crop, pixels
    exit_weights: Mapping[str, float] = field(init=False)  # exit name -> weight of its loss
    layout: torch.memory_format = field(init=False)  # of 4-d tensors
    dtype: torch.dtype = field(init=False)  # of weights and images
    autocast: Callable[[], AbstractContextManager[Any]] = field(init=False, compare=False)
    reads_late: bool = field(init=False)  # a step while the next is computed, on its own device

    def __post_init__(self) -> None:
        recipe, execution, weights = self.recipe, self.execution, self.class_weights
        batch = min(recipe.batching.batch, len(self.train))
        share = recipe.inputs.crop_side * (SMALL_CROP if self.small_crops else 1.0)
        of_all = recipe.loss.exit_weight
        low = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(execution.precision)
        kind = torch.device(execution.device).type
        dtype = torch.float64 if execution.precision == "fp64" else torch.float32
        vars(self).update(  # once, here: each step reads these, and the instance is frozen
            batch=batch,
            steps_per_epoch=len(self.train) // batch,
            crop_side=max(1, round(self.net.image[1] * share)),
            exit_weights={
                e.name: e.loss_weight if of_all is None else of_all for e in self.net.exits
            },
            layout=torch.channels_last if execution.channels_last else torch.contiguous_format,
            dtype=dtype,
            autocast=partial(torch.autocast, kind, low or torch.bfloat16, enabled=low is not None),
            reads_late=kind != "cpu",
            class_weights=None if weights is None else weights.to(execution.device, dtype),
        )

    def cropping(self, epoch: int) -> Cropping:
        """Which crops an epoch sees."""
        how = self.recipe.augmentation
        return Cropping(how=how, side=self.crop_side, seed=self.seed, epoch=epoch)

    def at(self, progress: float) -> TrainConfig:
        """The configuration at a share of the schedule, with the crops that it then has."""
        return replace(self, small_crops=progress < self.recipe.inputs.small_crops)


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
    steps_per_epoch: int = 0  # which `step` counts
    hold: bool = False  # set by who wants to save: the next event finds the state whole

    @property
    def kept(self) -> InceptionNet:
        """The network that the run is for: the best average where that counts, else the last."""
        return self.average if self.best is None else self.best


def new_state(config: TrainConfig) -> TrainState:
    """First weights, from the seed."""
    model, recipe = build(config.net, seed=config.seed), config.recipe
    precision = config.execution.precision
    model.to(config.execution.device, config.dtype, memory_format=config.layout)  # type: ignore[call-overload]
    if recipe.init != Initialization():
        initialize(model, recipe.init)
    average = copy.deepcopy(model).eval()
    model.train()
    if recipe.freezing.frozen is not None or isinstance(recipe.norms, FrozenNorms):
        freeze(model, recipe)
    scaler = torch.amp.GradScaler(  # small gradients would vanish in fp16
        torch.device(config.execution.device).type, enabled=precision == "fp16"
    )
    return TrainState(
        model,
        average,
        make_optimizer(model, recipe, low=torch.bfloat16 if precision == "bf16" else None),
        scaler,
        network=model,
        steps_per_epoch=config.steps_per_epoch,
    )


@torch.no_grad()
def initialize(model: InceptionNet, init: Initialization) -> None:
    """What a recipe changes in the weights that were drawn, and which of them do not learn.

    Partial identities: convolutions begin by passing channels on, output i is input i, for as many
    as there are. Those whose window has a center and is more than one cell; outputs beyond the
    inputs stay as they were drawn. Not the first one, and none that treats channels apart.

    Sources:
        Jordan 2024, arXiv:2404.00498, sections 3.1 and 3.2.
    """
    places = [step.at for step in steps(model.spec) if isinstance(step.op, Conv)]
    first, *others = (cast(nn.Conv2d, model.get_submodule(f"{at}.conv")) for at in places)
    if isinstance(init.first_layer, Whitened):
        first.weight.requires_grad = False
        if first.bias is not None:
            first.bias.requires_grad_(init.first_layer.bias_share > 0)
    for layer in others if init.identity else ():
        centered = max(layer.kernel_size) > 1 and all(side % 2 for side in layer.kernel_size)
        if centered and layer.groups == 1:
            nn.init.dirac_(layer.weight[: layer.in_channels])


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


def make_optimizer(
    model: InceptionNet, recipe: Recipe, *, low: torch.dtype | None = None
) -> Optimizer:
    """The optimizer of a recipe; weight decay on weights only, frozen parameters left out.

    Weights are the parameters of two dimensions or more: biases, gammas and betas do not decay.

    Args:
        model: whose parameters it changes.
        recipe: says how.
        low: type of an optimizer's own large products; None for that of the weights.
    """
    groups = _parameter_groups(model, recipe)
    lr = recipe.optimizer.lr
    match recipe.optimizer:
        case SGD(momentum=momentum, nesterov=nesterov):
            nesterov = nesterov and momentum > 0
            made = torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)
            # the fused one makes its momenta in its first step, unless a scaler skips that step
            for parameter in model.parameters() if momentum else ():
                if parameter.requires_grad:
                    made.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
            return made
        case RMSProp(momentum=momentum, alpha=alpha, eps=eps):
            return torch.optim.RMSprop(
                groups, lr=lr, momentum=momentum, alpha=alpha, eps=eps, foreach=True
            )
        case RMSPropTF(momentum=momentum, alpha=alpha, eps=eps):
            return RMSPropTensorFlow(groups, lr=lr, momentum=momentum, alpha=alpha, eps=eps)
        case AdamW(beta1=beta1, beta2=beta2, eps=eps):
            return torch.optim.AdamW(groups, lr=lr, betas=(beta1, beta2), eps=eps, foreach=True)
        case Muon(nesterov=nesterov, newton_schulz=iterations):
            return MuonOptimizer(groups, lr=lr, nesterov=nesterov, iterations=iterations, low=low)


def _parameter_groups(model: InceptionNet, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameters by what becomes of them, in a fixed order."""
    optimizer, norms = recipe.optimizer, recipe.norms
    shares = {} if recipe.freezing.layer_decay == 1 else rate_shares(model, recipe)
    betas = norms.norm_bias_rate if isinstance(norms, TrainedNorms) else 1.0
    muon = optimizer if isinstance(optimizer, Muon) else None
    kernels = hidden_kernels(model.spec) if muon else {}
    groups: dict[tuple[float, bool, bool, bool], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            share = shares.get(name, 1.0) * (betas if name.endswith(".bn.bias") else 1.0)
            share *= muon.sgd_lr / muon.lr if muon and name not in kernels else 1.0
            unit = kernels.get(name, False)
            of = share, parameter.ndim > 1 and not unit, name in kernels, unit
            groups.setdefault(of, []).append(parameter)
    made = []
    for (share, decays, kernel, unit), found in sorted(
        groups.items(), key=itemgetter(0), reverse=True
    ):
        group = {"params": found, "share": share, "weight_decay": optimizer.weight_decay * decays}
        if muon:
            momentum = muon.momentum if kernel else muon.sgd_momentum
            group |= {"kernels": kernel, "unit": unit, "momentum": momentum}
        made.append(group)
    return made


def moments(optimizer: Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """State of the optimizer: "momentum_buffer.NAME" and so on."""
    return {
        f"{kind}.{name}": value
        for name, parameter in model.named_parameters()
        for kind, value in optimizer.state.get(parameter, {}).items()
        if value is not None
    }


def set_moments(optimizer: Optimizer, model: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Put back what `moments` gave."""
    parameters = dict(model.named_parameters())
    optimizer.state.clear()
    for key, value in values.items():
        kind, _, name = key.partition(".")
        parameter = parameters[name]
        like = parameter if value.shape == parameter.shape else value  # in memory too
        optimizer.state[parameter][kind] = torch.empty_like(like, dtype=value.dtype).copy_(value)
