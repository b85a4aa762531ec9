"""Suiting a recipe to the images: what the user left open of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.loading.sampling import choose_balance, class_counts
from inceptionkit.data.loading.sets import SplitDataset
from inceptionkit.derive import tensors
from inceptionkit.errors import RecipeError, SpecError
from inceptionkit.spec import Net, with_input
from inceptionkit.training.freezing import check_frozen
from inceptionkit.training.recipe import MODERN, Recipe, Suited, override
from inceptionkit.training.recipes import OURS
from inceptionkit.training.state import SMALL_CROP

SMALL, SMALL_AREA = 48, 0.5  # input up to so many pixels; the smallest crop then, share
ENOUGH, CROP_SIDE = 96, 0.75  # input from so many pixels; side of a crop then, share
SMALL_CROPS = 0.55  # share of the run: see benchmarks/README.md
FEW, FEW_BATCH, FEW_MIXUP = 10_000, 64, 0.2  # training images below which these are taken


def choose_recipe(
    opened: SplitDataset, net: Net, settings: Sequence[str], base: Recipe = MODERN
) -> tuple[Recipe, tuple[str, ...]]:
    """A recipe, suited to the images, with the user's settings on top.

    Args:
        opened: the images.
        net: the network.
        settings: key=value.
        base: the recipe. One that is not ours stays as it is but for mirroring, where a mirrored
            image means something else.

    Returns:
        The recipe, and why it differs from `base`.

    Raises:
        RecipeError: as `override` raises, training crops of that side do not fit the network or
            their padding, or it freezes up to a block which the network does not have.
    """
    asked, own = {setting.partition("=")[0] for setting in settings}, override(base, settings)
    suited = {
        key: found
        for key, found in suit(opened, net).items()
        if key not in asked and goes_with(own, f"{key}={found[0]}")
    }
    if base not in OURS:
        suited = {
            key: found for key, found in suited.items() if key == "mirror" and base.mirror != "none"
        }
    changes = [f"{key}={value}" for key, (value, _) in suited.items()]
    reasons = tuple(f"{key}={value}: {why}" for key, (value, why) in suited.items())
    recipe = override(base, [*changes, *settings])
    check_crops(net, recipe)
    check_frozen(net, recipe)
    return recipe, reasons


def goes_with(recipe: Recipe, setting: str) -> bool:
    """Whether a recipe may have a setting: what was asked for may leave it no room."""
    try:
        override(recipe, [setting])
    except RecipeError:
        return False
    return True


def suit(opened: SplitDataset, net: Net) -> dict[Suited, tuple[str, str]]:
    """Settings that suit the images: key -> value and why."""
    found: dict[Suited, tuple[str, str]] = {}
    side = net.image[1]
    if not opened.dataset.allows_flip:
        found["mirror"] = ("none", "a mirrored image of these classes means something else")
    if side <= SMALL:
        found["area_low"] = (f"{SMALL_AREA}", f"a smaller part of {side} px shows too little")
    elif side >= ENOUGH and same_weights(net, CROP_SIDE):
        why = "crops enlarge what they show, so that in training a smaller side does"
        found["crop_side"] = (f"{CROP_SIDE}", why)
        if same_weights(net, CROP_SIDE * SMALL_CROP):
            why = "crops of two thirds the side teach as much at first, in less than half the time"
            found["small_crops"] = (f"{SMALL_CROPS}", why)
    how, why = choose_balance(train_counts(opened))
    if how != "none":
        found["balance"] = (how, why)
    if len(opened.sets.train) < FEW:
        why = f"there are fewer than {FEW:,} images to train on"
        found["batch"] = (f"{FEW_BATCH}", why)
        found["mixup"] = (f"{FEW_MIXUP}", why)
    return found


def check_crops(net: Net, recipe: Recipe) -> None:
    """Refuse training crops of a side that the network, or their padding, does not fit.

    Raises:
        RecipeError: they do not fit.
    """
    if not same_weights(net, recipe.crop_side):
        msg = f"crop_side={recipe.crop_side:g}: {net.name} has other weights at that side; use 1"
        raise RecipeError(msg)
    smallest = recipe.crop_side
    if recipe.small_crops:
        smallest *= SMALL_CROP
        if not same_weights(net, smallest):
            msg = f"small_crops={recipe.small_crops:g}: {net.name} has other weights at two thirds "
            raise RecipeError(msg + "of its side; use 0")
    if recipe.padding > (most := round(net.image[1] * smallest) // 2):
        msg = f"padding={recipe.padding}: crops of {2 * most} px are moved by at most {most}"
        raise RecipeError(msg)


def train_counts(opened: SplitDataset) -> NDArray[np.int64]:
    """Training images of each class."""
    labels = opened.dataset.samples.labels[opened.sets.train]
    return class_counts(labels, len(opened.dataset.classes))


def same_weights(net: Net, share: float) -> bool:
    """Whether `net` has the same tensors at a `share` of its input's side."""
    try:
        smaller = with_input(net, max(1, round(net.image[1] * share)))
    except SpecError:
        return False
    return dict(tensors(smaller)) == dict(tensors(net))
