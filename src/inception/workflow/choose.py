"""Choosing what the user left open: the architecture and its input size, from the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inception.catalog import architecture
from inception.data import Source
from inception.spec import Net, with_classes, with_input
from inception.training import recipe as recipes
from inception.training.recipe import Recipe

SIDES = (32, 48, 64, 96, 128)  # inputs of the compact network
LARGE = 192  # pixels: short side from which GoogLeNet's own input is worth its cost on a GPU


@dataclass(frozen=True, slots=True)
class Choice:
    """A network and why it was taken."""

    net: Net
    reasons: tuple[str, ...]


def choose_net(
    name: str | Net | None, side: int | None, *, classes: int, short_side: int, gpu: bool
) -> Choice:
    """Take the network asked for, or the one that suits the images.

    Args:
        name: of the architecture, or a spec; None to choose.
        side: of the input, pixels, None to choose.
        classes: of the data.
        short_side: median over the images, pixels.
        gpu: whether training runs on one.

    Raises:
        UnknownNameError, SpecError: as `architecture` raises.
    """
    reasons: list[str] = []
    if isinstance(name, Net):
        net = with_classes(name, classes)
        return Choice(net if side is None else with_input(net, side), ())
    if name is None:
        large = gpu and short_side >= LARGE and (side is None or side > SIDES[-1])
        name = "googlenet:bn" if large or (side or 0) > 2 * SIDES[-1] else "compact"
        reasons.append(f"architecture {name}: {because(name, short_side, gpu=gpu)}")
    if side is None:
        side = input_side(name, short_side)
        reasons.append(f"input {side}x{side}: the images are {short_side} px (median short side)")
    net = architecture(name, classes=classes, input=side)
    missing = [
        e.name for e in architecture(name).exits if e.name not in {x.name for x in net.exits}
    ]
    if missing:
        reasons.append(f"without {' and '.join(missing)}, which {side} px images are too small for")
    return Choice(net, tuple(reasons))


def because(name: str, short_side: int, *, gpu: bool) -> str:
    """Why this architecture suits these images."""
    if name != "compact":
        return f"the images are large ({short_side} px)"
    if short_side > SIDES[-1] and not gpu:
        return "made for 32 to 128 px, and without a GPU a larger input is slow"
    return "made for images of 32 to 128 px"


def input_side(name: str, short_side: int) -> int:
    """The architecture's own input; of the compact network the nearest of its sides."""
    if name != "compact":
        return architecture(name).image[1]
    return min(SIDES, key=lambda side: (abs(side - short_side), side))


def choose_recipe(
    source: Source, settings: Sequence[str], batch: int | None
) -> tuple[Recipe, tuple[str, ...]]:
    """The default recipe, suited to the images, with the user's settings on top.

    Args:
        source: of the images.
        settings: key=value.
        batch: images in an update, None for the recipe's.

    Returns:
        The recipe, and why it differs from the default.

    Raises:
        RecipeError: as `override` raises.
    """
    suited, reasons = [], []
    if not source.mirror:
        suited.append("mirror=none")
        reasons.append("no mirroring: a mirrored image of these classes means something else")
    recipe = recipes.override(recipes.MODERN, [*suited, *settings])
    if batch is not None:
        recipe = recipes.override(recipe, [f"batch={batch}"])
    return recipe, tuple(reasons)
