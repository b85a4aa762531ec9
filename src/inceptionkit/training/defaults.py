"""What the user left open, chosen for the images: the architecture, its input, and the recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.catalog import DEFAULT, family_member, find
from inceptionkit.data.loading.sets import SplitDataset
from inceptionkit.data.transforms.augmentation import (
    Balance,
    PaddedCrop,
    RandomCrop,
    TrivialAugment,
)
from inceptionkit.derive.design.timed import scaled
from inceptionkit.errors import RecipeError, SpecError
from inceptionkit.evaluation.latency import Clock
from inceptionkit.progress import Listener
from inceptionkit.spec import (
    Conv,
    Net,
    NetChoice,
    refit,
    steps,
    tensors,
    with_chosen_exits,
    with_input,
)
from inceptionkit.training.freezing import check_frozen
from inceptionkit.training.recipe import (
    MODERN,
    AdaptedKey,
    Drawn,
    Recipe,
    Whitened,
    override,
    whitened_layer,
)
from inceptionkit.training.recipes import FAST, FINETUNE, OURS
from inceptionkit.training.state import SMALL_CROP

SIDES = (16, 32, 48, 64, 96, 128)  # inputs of the default network
_LARGE_IMAGES = 192  # pixels: short side from which GoogLeNet's input is worth its cost on a GPU

SMALL, SMALL_AREA = 48, 0.5  # input up to so many pixels; the smallest crop then, share
ENOUGH, CROP_SIDE = 96, 0.75  # input from so many pixels; side of a crop then, share
_SMALL_CROPS = 0.55  # share of the run: see benchmarks/README.md
FEW, FEW_BATCH, FEW_MIXUP = 10_000, 64, 0.2  # training images below which these are taken
LONG, LONG_OF_MANY = 80, 160  # planned epochs from which few, or many, images are varied more
_LONG_CUTMIX = 1.0  # half of the steps of such a run then mix by squares, the others as before
_PART_OF: Mapping[AdaptedKey, str] = MappingProxyType(
    {
        "lr": "optimizer",
        "clip_grad_norm": "optimizer",
        "flip": "augmentation",
        "crop": "augmentation",
        "first_layer": "init",
        "area_low": "augmentation",
        "balance": "batching",
        "batch": "batching",
        "crop_side": "inputs",
        "small_crops": "inputs",
        "mixup": "mixing",
    }
)  # of a recipe
_STEPS = ("lr", "clip_grad_norm")  # what is adapted of the optimizer of `MODERN` alone
DEEP, DEEP_LR = 40, 0.2  # convolutions beyond which the rate of `MODERN` makes the loss leap
PLAIN_LR, PLAIN_NORM = 0.05, 1.0  # of a network without norms: see docs/explanation/convergence.md
_OF_RANDOM_CROP = ("area_low", "area_high", "aspect")  # settings that say which crop is wanted
_UNBALANCED = 3.0  # times as many images in the largest class as in the smallest: worth balancing


def choose_net(  # noqa: PLR0913 - what is asked, what is known
    name: str | Net | None,
    side: int | None,
    exits: Sequence[str] | None = None,
    *,
    classes: int,
    short_side: int,
    gpu: bool,
    pooled_exits: bool = False,
) -> NetChoice:
    """Take the network asked for, or the one that suits the images.

    Args:
        name: of the architecture, or a spec; None to choose.
        side: of the input, pixels, None to choose.
        exits: blocks to attach exits to; None for those of the architecture.
        classes: of the data.
        short_side: median over the images, pixels.
        gpu: whether training runs on one.
        pooled_exits: whether exits get global-average-pooling heads, so that any input works.

    Raises:
        UnknownNameError, SpecError: as `find` and `with_exits` raise.
    """
    if isinstance(name, Net):
        return with_chosen_exits(refit(name, side, classes, pooled=pooled_exits), name, exits)
    name, side, reasons = _default_net(name, side, short_side, gpu=gpu)
    net = find(name, classes=classes, side=side, pooled_exits=pooled_exits)
    return with_chosen_exits(net, find(name), exits, reasons)


def choose_scaled(  # noqa: PLR0913 - what is asked, what is known, who hears
    costs: Sequence[str],
    name: str | Net | None,
    side: int | None,
    exits: Sequence[str] | None = None,
    *,
    classes: int,
    short_side: int,
    device: str,
    listener: Listener,
) -> NetChoice:
    """Scale the network asked for, or the one that suits the images, to what it may cost to run.

    Args:
        costs: one or more, as `scaled` takes them.
        name: of the architecture, or a spec; None to choose.
        side: of the input, pixels, None to choose.
        exits: blocks to attach exits to; None for those of the architecture.
        classes: of the data.
        short_side: median over the images, pixels.
        device: where training runs, and a time is measured.
        listener: is told what is measured.

    Raises:
        UnknownNameError, SpecError: as `scaled` and `with_exits` raise.
    """
    reasons: list[str] = []
    if isinstance(name, Net):
        member, side = name, side or name.image[1]
    else:
        name, side, reasons = _default_net(name, side, short_side, gpu=device.startswith("cuda"))
        member = family_member(name, side)
    clock = partial(Clock, device, listener)
    design = scaled(member, costs, side=side, classes=classes, clock=clock)
    takes = [f"scaled from {design.family.name}: {sentence}" for sentence in design.takes]
    return with_chosen_exits(design.net, design.net, exits, [*reasons, *takes, *design.reasons])


def _default_net(
    name: str | None, side: int | None, short_side: int, *, gpu: bool
) -> tuple[str, int, list[str]]:
    """Architecture and input, and why they were chosen where they were not asked for."""
    reasons: list[str] = []
    if name is None:
        large = gpu and short_side >= _LARGE_IMAGES and (side is None or side > SIDES[-1])
        name = "googlenet:bn" if large or (side or 0) > 2 * SIDES[-1] else DEFAULT
        why = "made for images of 16 to 160 px"
        if name != DEFAULT:
            why = f"the images are large ({short_side} px)"
        elif short_side > SIDES[-1] and not gpu:
            why = "made for 16 to 160 px, and without a GPU a larger input is slow"
        reasons.append(f"architecture {name}: {why}")
    if side is None:
        nearest = min(SIDES, key=lambda own: (abs(own - short_side), own))
        side = nearest if name in {DEFAULT, "compact"} else find(name).image[1]
        reasons.append(f"input {side}x{side}: the images are {short_side} px (median short side)")
    return name, side, reasons


def choose_recipe(
    opened: SplitDataset,
    net: Net,
    settings: Sequence[str],
    base: Recipe | None = None,
    *,
    started: bool = False,
) -> tuple[Recipe, tuple[str, ...]]:
    """A recipe adapted to the images, with the user's settings on top.

    Args:
        opened: the images.
        net: the network.
        settings: key=value.
        base: the recipe; None for the one of ours that suits the network. One that is not ours
            stays as it is but for flips, where a flipped image means something else.
        started: whether the network has learned something already.

    Returns:
        The recipe, and why it differs from `base`.

    Raises:
        RecipeError: as `override` raises, training crops of that side do not fit the network or
            their padding, it freezes up to a block which the network does not have, or whitens in a
            first layer that cannot.
    """
    given = {setting.partition("=")[0].rpartition(".")[2] for setting in settings}
    others = {setting for setting in settings if setting.startswith("optimizer=")}
    muon = others <= {f"optimizer={FAST.optimizer.TAG}"}  # others have the rates of `MODERN`
    own = FAST if net.name.startswith(DEFAULT) and muon else MODERN
    base = base or (FINETUNE if started else own)
    recipe, reasons = override(base, settings), []
    for key, (value, why) in _adapt_recipe(opened, net, base, started=started).items():
        ours = base in OURS or (key == "flip" and base.augmentation.flip != "none")
        if key in _STEPS and (base != MODERN or recipe.optimizer.TAG != MODERN.optimizer.TAG):
            continue
        if key == "crop" and not given.isdisjoint(_OF_RANDOM_CROP):
            continue
        if ours and key not in given and (adapted := _adapted(recipe, key, value)) is not None:
            recipe = adapted
            reasons.append(f"{key}={getattr(value, 'TAG', value)}: {why}")
    _check_crops(net, recipe)
    if recipe.freezing.frozen is not None:
        check_frozen(net, recipe)
    if isinstance(recipe.init.first_layer, Whitened) and not started:
        whitened_layer(net)
    return recipe, tuple(reasons)


def settle_flip(
    opened: SplitDataset, recipe: Recipe, settings: Sequence[str], listener: Listener
) -> tuple[Recipe, tuple[str, ...]]:
    """Take flips out of a recipe where the images do not allow them, unless the user wants them.

    Returns:
        The recipe, and what was seen and said, where it has flips and the images were looked at.
    """
    flip, why = recipe.augmentation.flip, "mirrored images look like those of their own class"
    if flip == "none" or opened.allows_flip is None:
        return recipe, ()
    if not opened.allows_flip:
        why = "mirrored images of one class look like those of another"
        if any(setting.partition("=")[0].rpartition(".")[2] == "flip" for setting in settings):
            why = f"as asked for, although {why}"
        else:
            flip = "none"
    reason = f"flip={flip}: {why}"
    listener.say(reason)
    return replace(recipe, augmentation=replace(recipe.augmentation, flip=flip)), (reason,)


def _adapted(recipe: Recipe, key: AdaptedKey, value: Any) -> Recipe | None:  # noqa: ANN401 - of a field
    """A recipe with one setting; None if what was asked for leaves it no room."""
    part, crop = _PART_OF[key], recipe.augmentation.crop
    try:
        changed: dict[str, Any] = {key: value}
        if key == "area_low":
            if not isinstance(crop, RandomCrop):
                return None
            changed = {"crop": replace(crop, area_low=value)}
        return replace(recipe, **{part: replace(getattr(recipe, part), **changed)})
    except RecipeError:
        return None


def _adapt_recipe(  # noqa: C901 - a setting after the other
    opened: SplitDataset, net: Net, base: Recipe, *, started: bool
) -> dict[AdaptedKey, tuple[Any, str]]:
    """Settings that suit the images: key -> value and why."""
    found: dict[AdaptedKey, tuple[Any, str]] = {}
    side = net.image[1]
    if base == FAST and side <= SMALL:
        found["crop"] = (PaddedCrop(padding=2), f"{side} px show objects at one size")
    if base == FAST and not started:
        try:
            whitened_layer(net)
            found["first_layer"] = (Whitened(), "the first convolution has no norm")
        except RecipeError as error:
            found["first_layer"] = (Drawn(), str(error).partition(": ")[2])
    if not opened.dataset.allows_flip:
        found["flip"] = (
            "none",
            "by their names, flipping would change the meaning of these classes",
        )
    if side <= SMALL:
        found["area_low"] = (SMALL_AREA, f"a smaller part of {side} px shows too little")
    elif side >= ENOUGH and same_weights(net, CROP_SIDE):
        why = "crops enlarge what they show, so that in training a smaller side does"
        found["crop_side"] = (CROP_SIDE, why)
        if same_weights(net, CROP_SIDE * SMALL_CROP):
            why = "crops of two thirds the side are as good early on, and more than twice as fast"
            found["small_crops"] = (_SMALL_CROPS, why)
    how, why = choose_balance(opened.train_counts)
    if how != "none":
        found["balance"] = (how, why)
    convolutions = [step.op for step in steps(net) if isinstance(step.op, Conv)]
    if all(one.norm is None for one in convolutions):
        why = "without norms, steps must be small"
        found["lr"], found["clip_grad_norm"] = (PLAIN_LR, why), (PLAIN_NORM, why)
    elif len(convolutions) > DEEP:
        why = f"the network is deep: {len(convolutions)} convolutions"
        found["lr"] = (DEEP_LR, why)
    if len(opened.sets.train) < FEW:
        why = f"there are fewer than {FEW:,} images to train on"
        found["batch"] = (FEW_BATCH, why)
        found["mixup"] = (FEW_MIXUP, why)
    return found


def vary_more(
    recipe: Recipe, settings: Sequence[str], *, epochs: float, images: int
) -> tuple[Recipe, tuple[str, ...]]:
    """Vary images more in a run that sees each of them very often, unless the user says how.

    Where a flipped image means something else, a turned one may too: it is mixed only.

    Args:
        recipe: settled but for this; one that is not ours stays as it is.
        settings: key=value, as the user gave them.
        epochs: as planned.
        images: to train on.

    Returns:
        The recipe, and why it was changed.
    """
    few = images < FEW
    if epochs < (LONG if few else LONG_OF_MANY) or recipe.name not in {own.name for own in OURS}:
        return recipe, ()
    given = {setting.partition("=")[0].rpartition(".")[2] for setting in settings}
    augmentation, mixing, changed = recipe.augmentation, recipe.mixing, []
    if augmentation.policy is None and augmentation.flip != "none" and "policy" not in given:
        augmentation = replace(augmentation, policy=TrivialAugment())
        changed.append(f"policy={TrivialAugment.TAG}")
    if not mixing.cutmix and "cutmix" not in given:
        mixing = replace(mixing, cutmix=_LONG_CUTMIX)
        changed.append(f"cutmix={_LONG_CUTMIX:g}")
    why = f"{epochs:.0f} epochs would teach it these {images:,} images by heart"
    return replace(recipe, augmentation=augmentation, mixing=mixing), tuple(
        f"{setting}: {why}" for setting in changed
    )


def choose_balance(counts: NDArray[np.int64]) -> tuple[Balance, str]:
    """What suits classes of these sizes, and why."""
    ratio = counts.max() / max(1, counts.min())
    times = f"the largest class has {ratio:.1f} times the images of the smallest"
    if ratio < _UNBALANCED:
        return "none", f"{times}, which needs no balancing"
    return "sample", f"{times}, so that each comes equally often"


def smallest_crop(net: Net, recipe: Recipe) -> int:
    """Side of the smallest training crops, pixels."""
    share = recipe.inputs.crop_side * (SMALL_CROP if recipe.inputs.small_crops else 1.0)
    return max(1, round(net.image[1] * share))


def _check_crops(net: Net, recipe: Recipe) -> None:
    """Refuse training crops of a side that the network, or their padding, does not fit.

    Raises:
        RecipeError: they do not fit.
    """
    smallest, small_crops = recipe.inputs.crop_side, recipe.inputs.small_crops
    if smallest != 1 and not same_weights(net, smallest):
        msg = f"crop_side={smallest:g}: {net.name} has other weights at that side; use 1"
        raise RecipeError(msg)
    if small_crops:
        smallest *= SMALL_CROP
        if not same_weights(net, smallest):
            msg = f"small_crops={small_crops:g}: {net.name} has other weights at two thirds "
            raise RecipeError(msg + "of its side; use 0")
    crop, most = recipe.augmentation.crop, round(net.image[1] * smallest) // 2
    if isinstance(crop, PaddedCrop) and crop.padding > most:
        msg = f"padding={crop.padding}: crops of {2 * most} px are moved by at most {most}"
        raise RecipeError(msg)


def same_weights(net: Net, share: float) -> bool:
    """Whether `net` has the same tensors at a `share` of its input's side."""
    try:
        smaller = with_input(net, max(1, round(net.image[1] * share)))
    except SpecError:
        return False
    return dict(tensors(smaller)) == dict(tensors(net))
