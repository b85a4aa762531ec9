"""Recipes: everything that decides a training run besides data and architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, TypeAlias, cast

import inceptionkit.settings as texts
from inceptionkit.data.transforms.augmentation import Augmentation, Balance, Mixing
from inceptionkit.errors import RecipeError
from inceptionkit.records import Between
from inceptionkit.spec import Conv, Net, Step, steps
from inceptionkit.training.updates import (
    EMA,
    SGD,
    Average,
    Linear,
    MultiStep,
    Optimizer,
    Schedule,
    Share,
)

AdaptedKey = Literal[
    "lr",
    "clip_grad_norm",
    "flip",
    "crop",
    "area_low",
    "first_layer",
    "crop_side",
    "small_crops",
    "balance",
    "batch",
    "mixup",
    "policy",
    "cutmix",
]  # what of a recipe suits some images and not others
PIXEL_STD = Between(0.001, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNorms:
    """Batch norms learn.

    Attributes:
        norm_decay: share of their running statistics that they keep at a step; None for 0.9. It
            grows to that as (1 + step) / (10 + step), so that the statistics fit short runs.
        norm_batches: batches that give the average new statistics before it is scored.
        norm_bias_rate: times the learning rate of others, that of betas (arXiv:2404.00498,
            section 3.3).
    """

    TAG: ClassVar[str] = "trained"
    norm_decay: Annotated[float | None, Between(0.0, 0.999999)] = None
    norm_batches: Annotated[int, Between(0, 10_000)] = 0
    norm_bias_rate: Annotated[float, Between(0.0, 1_000.0)] = 1.0


@dataclass(frozen=True, slots=True)
class FrozenNorms:
    """Batch norms keep their statistics, gammas and betas."""

    TAG: ClassVar[str] = "frozen"


Norms: TypeAlias = TrainedNorms | FrozenNorms


@dataclass(frozen=True, slots=True, kw_only=True)
class Freezing:
    """Blocks of the trunk that learn slower than others, or not at all.

    Attributes:
        frozen: the last block that does not learn; "trunk" for all.
        layer_decay: the learning rate of a block is that of the next times this.
    """

    frozen: str | None = None
    layer_decay: Annotated[float, Between(0.01, 1.0)] = 1.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """The first convolution begins like all others, and learns."""

    TAG: ClassVar[str] = "drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whitened:
    """The first convolution whitens patches of training images, and stays so.

    Attributes:
        bias_share: share of the run in which its bias learns (arXiv:2404.00498, section 3.1).
    """

    TAG: ClassVar[str] = "whitened"
    bias_share: Share = 0.375


FirstLayer: TypeAlias = Drawn | Whitened


def whitened_layer(net: Net) -> Step:
    """The first convolution, which `Whitened` asks for whitening kernels.

    Raises:
        RecipeError: it has a norm or no bias, or too many channels or an odd number.
    """
    step = next(step for step in steps(net) if isinstance(step.op, Conv))
    op = cast(Conv, step.op)
    most = 2 * step.input.channels * op.kernel[0] * op.kernel[1]
    msg = f"first_layer=whitened: {step.at} of {net.name} "
    if op.norm is not None or not op.bias:
        msg += "must have a bias and no norm; use an architecture with such a first convolution"
    elif op.groups != 1:
        msg += "must read all channels together"
    elif op.out > most or op.out % 2:
        msg += f"must have an even number of channels, at most {most}; it has {op.out}"
    else:
        return step
    raise RecipeError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialization:
    """First weights; those of a model that a run starts from take their place.

    Attributes:
        first_layer: of the first convolution.
        identity: whether larger convolutions begin by passing channels on (arXiv:2404.00498,
            section 3.2).
    """

    first_layer: FirstLayer = Drawn()
    identity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a mistake costs.

    Attributes:
        label_smoothing: share of the target that is spread over all classes (arXiv:1512.00567,
            section 7).
        exit_weight: of every exit's loss; None for each exit's own.
        refit_exits: whether classifiers of exits are refitted at the end of the run, on frozen
            features, to what the main classifier answers.
    """

    label_smoothing: Annotated[float, Between(0.0, 0.99)] = 0.1
    exit_weight: Annotated[float | None, Between(0.0, 100.0)] = None
    refit_exits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How training images form batches.

    Attributes:
        batch: images per step.
        grad_accum: parts in which a batch is computed, one after the other.
        balance: classes of unequal size: weighted in the loss, or drawn equally often.
    """

    batch: Annotated[int, Between(2, 65_536)] = 128
    grad_accum: Annotated[int, Between(1, 65_536)] = 1
    balance: Balance = "none"

    def __post_init__(self) -> None:
        if self.grad_accum > self.batch:
            msg = f"grad_accum must not exceed batch, got {self.grad_accum} and {self.batch}"
            raise RecipeError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the network is fed in training.

    Attributes:
        pixel_std: pixels (0 to 1), minus 0.5, are divided by this; part of the model.
        crop_side: side of training crops, share of the input's side (arXiv:1906.06423).
        small_crops: share of the run in which they are 2/3 as large (arXiv:2104.00298).
    """

    pixel_std: Annotated[float, PIXEL_STD] = 0.5
    crop_side: Annotated[float, Between(0.25, 1.0)] = 1.0
    small_crops: Annotated[float, Between(0.0, 0.9)] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Plain data, saved with the run.

    Attributes:
        name: what it is called.
        source: where it comes from.
        departs: where it differs from its source.
        epochs: passes over the training images, unless a budget decides.
        patience: epochs without a lower validation loss after which the run stops.
        batching: how training images form batches.
        schedule: the learning rate over the run.
        optimizer: what changes the weights, and how fast.
        loss: what a mistake costs.
        average: of the weights: what is scored and kept; None for the weights themselves.
        norms: whether batch norms learn, and how fast.
        freezing: blocks that learn slower than others, or not at all.
        init: first weights.
        inputs: the scale of pixels, and the side of training crops.
        augmentation: how each training image is varied.
        mixing: how training images are mixed in pairs.
    """

    name: str = "modern"
    source: str = "ours: SGD, a linear fall to zero, and the average of the last updates"
    departs: tuple[str, ...] = ()
    epochs: Annotated[int, Between(1, 1_000_000)] = 40
    patience: Annotated[int | None, Between(1, 1_000_000)] = None
    batching: Batching = Batching()
    schedule: Schedule = Linear()  # noqa: RUF009 - frozen
    optimizer: Optimizer = SGD()  # noqa: RUF009 - frozen
    loss: Loss = Loss()
    average: Average | None = EMA()  # noqa: RUF009 - frozen
    norms: Norms = TrainedNorms()
    freezing: Freezing = Freezing()
    init: Initialization = Initialization()
    inputs: Inputs = Inputs()
    augmentation: Augmentation = Augmentation()  # noqa: RUF009 - frozen
    mixing: Mixing = Mixing()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        if isinstance(self.schedule, MultiStep) and (
            late := [epoch for epoch in self.schedule.milestones if epoch >= self.epochs]
        ):
            msg = f"milestone {late[0]:g} is never reached with epochs={self.epochs}"
            raise RecipeError(msg)


MODERN = Recipe()
OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "learning_rate": "lr",
        "lr0": "lr",
        "base_lr": "lr",
        "batch_size": "batch",
        "wd": "weight_decay",
        "opt": "optimizer",
        "optim": "optimizer",
        "scheduler": "schedule",
        "lr_scheduler": "schedule",
        "smoothing": "label_smoothing",
        "warmup_epochs": "warmup",
        "clip_grad": "clip_grad_norm",
        "max_grad_norm": "clip_grad_norm",
        "hflip": "flip",
        "ema": "average",
        "early_stopping": "patience",
        "grad_accum_steps": "grad_accum",
        "budget": "--budget",
        "arch": "--arch",
        "model": "--arch",
        "input": "--input",
        "device": "--device",
        "seed": "--seed",
        "out": "--out",
        "precision": "--precision",
        "pretrained": "--from",
    }
)
"""What others call a setting, or what is an option -> how it is written here."""

LABELS = ("name", "source", "departs")  # say what a recipe is, and decide nothing


def override(recipe: Recipe, words: Sequence[str]) -> Recipe:
    """Apply settings written as key=value.

    >>> override(MODERN, ["lr=0.05", "schedule=cosine", "warmup=0"]).optimizer.lr
    0.05

    Raises:
        RecipeError: no "=", an unknown key, a value of the wrong type or outside its limits, or a
            key that applies only with another choice.
    """
    if not words:
        return recipe
    return texts.override(recipe, words, fixed=LABELS, also=OTHERS, error=RecipeError)


def settings(recipe: Recipe, base: Recipe) -> list[str]:
    """What turns `base` into `recipe`, as `override` takes it.

    >>> settings(override(MODERN, ["clip_grad_norm=2"]), MODERN)
    ['clip_grad_norm=2.0']
    """
    base = replace(base, name=recipe.name, source=recipe.source, departs=recipe.departs)
    return texts.settings(recipe, base)
