"""Recipes: everything that decides a training run besides data and architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal, get_type_hints

from inceptionkit.data.transforms.augmentation import (
    Augmentation,
    Balance,
    InceptionColors,
    Mirror,
    Mixing,
    Policy,
    RandAugment,
    TrivialAugment,
)
from inceptionkit.errors import RecipeError, did_you_mean
from inceptionkit.preprocess import Resampler
from inceptionkit.training.settings import from_plain, parse, shown, written

Augment = Literal["none", "inception", "trivial", "rand"]
Optimiser = Literal["nesterov", "sgd", "rmsprop", "rmsprop_tf", "adamw"]
AdaptedKey = Literal[
    "mirror", "area_low", "crop_side", "small_crops", "balance", "batch", "mixup"
]  # what of a recipe suits some images and not others
Decay = Literal["cosine", "linear", "exponential", "step", "constant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Plain data, saved with the run. Rates are per update; shares go from 0 to 1."""

    name: str = "modern"
    source: str = "ours: SGD, a linear fall to zero, and the average of the last updates"
    departs: tuple[str, ...] = ()  # where it is not what its source says
    epochs: int = 40  # passes over the training images, unless a budget decides
    batch: int = 128
    lr: float = 0.6  # peak rate of an update of `lr_batch` images; in proportion for others
    lr_batch: int = 256
    accumulate: int = 1  # parts in which the batch of an update is computed, one after the other
    decay: Decay = "linear"  # cosine, linear: from the peak to zero; the others as below
    decay_factor: float | None = None  # exponential, step: what the rate is multiplied by
    decay_epochs: float | None = None  # ... after so many of the recipe's epochs, again and again
    decay_at: tuple[float, ...] = ()  # step: ... or at each of these, in the recipe's epochs
    decay_shift: float = 0.0  # step: epochs by which a fall every so many comes early
    warmup: float = 0.1  # share of the run in which the rate climbs to its peak
    optimiser: Optimiser = "nesterov"
    momentum: float = 0.9  # of AdamW the first beta
    square_decay: float | None = None  # rmsprop, adamw: of the mean square; the optimiser's own
    epsilon: float | None = None  # rmsprop, adamw: added to its root or, in TensorFlow's, inside
    weight_decay: float = 5e-4  # on weights only: not on biases, gammas and betas
    smoothing: float = 0.1  # label smoothing (arXiv:1512.00567, section 7)
    exit_weight: float | None = None  # of every exit's loss; each exit's own if none
    ema: float | None = 0.05  # the moving average that is kept remembers this share of the run
    ema_decay: float | None = None  # instead: it keeps this share of itself at every update
    polyak: float | None = None  # instead: the mean of the weights over this last share of the run
    average_every: int = 8  # updates from one move of the average to the next
    norm_decay: float | None = None  # of batch norm's running statistics; 0.9 if none
    norm_batches: int = 0  # batches that give the average new statistics before it is scored
    clip: float | None = None  # largest norm of the gradient
    patience: int | None = None  # epochs without a lower val loss after which the run stops
    frozen: str | None = None  # last block of the trunk that does not learn; "trunk" for all
    frozen_norms: bool = False  # batch norms keep their statistics, gammas and betas
    layer_decay: float = 1.0  # the rate of a block of the trunk is that of the next times this
    pixel_std: float = 0.5  # pixels, 0 to 1, less 0.5, are divided by this; part of the model
    area_low: float = 0.08  # smallest crop, share of the image (arXiv:1409.4842, section 6)
    area_high: float = 1.0
    crop_side: float = 1.0  # of a training crop, share of the input's (arXiv:1906.06423)
    small_crops: float = 0.0  # share of the run in which they are 2/3 as large (arXiv:2104.00298)
    aspect: float = 4 / 3  # largest width / height of a crop; the smallest is its inverse
    padding: int = 0  # the whole image, moved by up to so many pixels, takes the place of a crop
    interpolation: Literal[Resampler, "random"] = "bilinear"  # of crops
    photometric: float = 0.0  # brightness, contrast, saturation vary by this share
    augment: Augment = "none"  # colours as for Inception, TrivialAugment, or RandAugment
    operations: int = 2  # of RandAugment, one after the other
    magnitude: float = 0.9  # of RandAugment, share of the strongest; 0.9 is the paper's 9 of 10
    erasing: float = 0.0  # share of the images that lose a rectangle (arXiv:1708.04896)
    mixup: float = 0.0  # images are mixed in pairs by Beta(mixup, mixup) (arXiv:1710.09412)
    cutmix: float = 0.0  # a square shows another image, area by Beta(cutmix, cutmix)
    mirror: Mirror = "alternating"  # left-right: none, random, or each side in turn
    balance: Balance = "none"  # classes of unequal size: weighed in the loss, or sampled alike

    @property
    def augmentation(self) -> Augmentation:
        """How each training image is varied."""
        return Augmentation(
            area=(self.area_low, self.area_high),
            aspect=(1 / self.aspect, self.aspect),
            padding=self.padding,
            interpolation=self.interpolation,
            mirror=self.mirror,
            photometric=self.photometric,
            policy=self.policy,
            erasing=self.erasing,
        )

    @property
    def policy(self) -> Policy | None:
        """What `augment` names."""
        match self.augment:
            case "none":
                return None
            case "inception":
                return InceptionColors()
            case "trivial":
                return TrivialAugment()
            case "rand":
                return RandAugment(self.operations, self.magnitude)

    @property
    def mixing(self) -> Mixing:
        """How training images are mixed in pairs."""
        return Mixing(mixup=self.mixup, cutmix=self.cutmix)


MODERN = Recipe()
TOLD = ("name", "source", "departs")  # say what a recipe is, and decide nothing

LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "epochs": (1, 1_000_000),
        "batch": (2, 65_536),
        "accumulate": (1, 65_536),
        "lr": (1e-9, 1e3),
        "lr_batch": (1, 65_536),
        "decay_factor": (1e-6, 1.0),
        "decay_epochs": (1e-3, 1_000_000),
        "decay_at": (0.0, 1_000_000),
        "decay_shift": (0.0, 1_000_000),
        "warmup": (0.0, 0.9),
        "momentum": (0.0, 0.9999),
        "square_decay": (0.0, 0.999999),
        "epsilon": (0.0, 10.0),
        "weight_decay": (0.0, 1.0),
        "smoothing": (0.0, 0.99),
        "exit_weight": (0.0, 100.0),
        "ema": (0.0, 1.0),
        "ema_decay": (0.0, 0.9999999),
        "polyak": (0.0, 1.0),
        "average_every": (1, 10_000),
        "norm_decay": (0.0, 0.999999),
        "norm_batches": (0, 10_000),
        "clip": (1e-6, 1e6),
        "patience": (1, 1_000_000),
        "layer_decay": (0.01, 1.0),
        "pixel_std": (0.001, 1.0),
        "area_low": (0.0001, 1.0),
        "area_high": (0.0001, 1.0),
        "crop_side": (0.25, 1.0),
        "small_crops": (0.0, 0.9),
        "photometric": (0.0, 1.0),
        "padding": (0, 64),
        "operations": (1, 10),
        "magnitude": (0.0, 1.0),
        "erasing": (0.0, 1.0),
        "mixup": (0.0, 10.0),
        "cutmix": (0.0, 10.0),
        "aspect": (1.0, 10.0),
    }
)


def override(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Apply settings written as key=value.

    >>> override(MODERN, ["lr=0.05", "clip=none"]).lr
    0.05

    Raises:
        RecipeError: no "=", an unknown key, a value of the wrong type or outside its limits, or
            settings that exclude each other.
    """
    known = [field.name for field in fields(Recipe) if field.name not in TOLD]
    hints = get_type_hints(Recipe)
    changes: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            msg = f"a setting is written key=value, got {setting!r}; keys are {', '.join(known)}"
            raise RecipeError(msg)
        if key not in known:
            msg = f"a recipe has no key {key!r}; {did_you_mean(key, known)}"
            raise RecipeError(msg)
        changes[key] = parse(key, value, hints[key])
    changed = replace(recipe, **changes)
    if changed.padding and (idle := sorted({"area_low", "area_high", "aspect"} & changes.keys())):
        msg = (
            f"{idle[0]} has no use with padding={changed.padding}, which shows the whole image; "
            "set padding=0"
        )
        raise RecipeError(msg)
    return checked(changed)


def checked(recipe: Recipe) -> Recipe:
    """Refuse a recipe with a number outside its limits, or with settings that make no sense."""
    for key, (low, high) in LIMITS.items():
        found = getattr(recipe, key)
        for value in found if isinstance(found, tuple) else (found,):
            if value is not None and not low <= value <= high:
                msg = f"{key} must lie between {low:g} and {high:g}, got {shown(value)}"
                raise RecipeError(msg)
    for wrong in contradictions(recipe):
        raise RecipeError(wrong)
    return recipe


def contradictions(recipe: Recipe) -> list[str]:
    """What in a recipe excludes something else in it: a setting without effect is an error."""
    found = []
    if recipe.area_low > recipe.area_high:
        low, high = recipe.area_low, recipe.area_high
        found.append(f"area_low must not exceed area_high, got {low} and {high}")
    if recipe.accumulate > recipe.batch:
        parts, batch = recipe.accumulate, recipe.batch
        found.append(f"accumulate must not exceed batch, got {parts} and {batch}")
    averages = [k for k in ("ema", "ema_decay", "polyak") if getattr(recipe, k) is not None]
    if len(averages) != 1:
        said = " and ".join(averages) or "none"
        found.append(f"a run keeps one average, got {said}; leave one of ema, ema_decay, polyak")
    if recipe.frozen_norms:
        off = {"norm_decay": "none", "norm_batches": "0"}
        idle = [f"{key}={value}" for key, value in off.items() if getattr(recipe, key)]
        found += [f"with frozen_norms=true no statistics change; set {unset}" for unset in idle]
    found += contradicting_augmentation(recipe)
    return [*found, *contradicting_decay(recipe), *contradicting_optimiser(recipe)]


def contradicting_augmentation(recipe: Recipe) -> list[str]:
    """Settings of what varies images that do the same, or have no use."""
    found = []
    if recipe.photometric and recipe.augment == "inception":
        found.append("photometric and augment=inception both distort colours; set photometric=0")
    given = RandAugment(recipe.operations, recipe.magnitude)
    if recipe.augment != "rand" and given != RandAugment():
        found.append(f"operations and magnitude are of augment=rand, got augment={recipe.augment}")
    return found


def contradicting_decay(recipe: Recipe) -> list[str]:
    """Settings of the schedule that its kind needs, or has no use for."""
    kind = recipe.decay
    every, at = recipe.decay_epochs is not None, bool(recipe.decay_at)
    if kind not in {"exponential", "step"}:
        idle = [k for k in ("decay_factor", "decay_epochs") if getattr(recipe, k) is not None]
        idle += [k for k in ("decay_at", "decay_shift") if getattr(recipe, k)]
        return [f"{key} has no effect with decay={kind}; leave it out" for key in idle]
    if recipe.decay_factor is None:
        return [f"decay={kind} needs decay_factor, such as 0.94"]
    if kind == "exponential" and (at or recipe.decay_shift):
        return ["decay_at and decay_shift have no effect with decay=exponential; leave them out"]
    if every == at:
        alternative = " or decay_at, and not both" if kind == "step" else ""
        return [f"decay={kind} needs decay_epochs{alternative}"]
    late = [epoch for epoch in recipe.decay_at if epoch >= recipe.epochs]
    wrong = [f"decay_at={epoch:g} is never reached with epochs={recipe.epochs}" for epoch in late]
    if at and recipe.decay_shift:
        wrong.append("decay_shift has no effect with decay_at; leave it out")
    return wrong


def contradicting_optimiser(recipe: Recipe) -> list[str]:
    """Settings that the optimiser has no use for."""
    if recipe.optimiser not in {"nesterov", "sgd"}:
        return []
    idle = [key for key in ("square_decay", "epsilon") if getattr(recipe, key) is not None]
    return [f"{key} has no effect with optimiser={recipe.optimiser}; leave it out" for key in idle]


def settings(recipe: Recipe, base: Recipe) -> list[str]:
    """What turns `base` into `recipe`, as `override` takes it.

    >>> settings(override(MODERN, ["clip=2"]), MODERN)
    ['clip=2.0']
    """
    ours, theirs = to_json(recipe), to_json(base)
    return [
        f"{key}={written(value)}"
        for key, value in ours.items()
        if value != theirs[key] and key not in TOLD
    ]


def to_json(recipe: Recipe) -> dict[str, Any]:
    """Plain JSON types."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(recipe).items()}


def from_json(data: Mapping[str, Any]) -> Recipe:
    """Read what `to_json` wrote.

    Raises:
        RecipeError: a key is unknown or missing, as in a run of another version, or a value is
            wrong.
    """
    known = {field.name for field in fields(Recipe)}
    if wrong := sorted(known ^ data.keys()):
        msg = f"recipe: {wrong[0]!r} is unknown or missing; the run is of another version"
        raise RecipeError(msg)
    hints = get_type_hints(Recipe)
    return checked(Recipe(**{key: from_plain(key, data[key], hints[key]) for key in data}))
