"""Choosing what the user left open: the architecture and its input size, from the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inceptionkit.api.design import design
from inceptionkit.catalog.files import find
from inceptionkit.derive.describe import left_out
from inceptionkit.errors import SpecError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener
from inceptionkit.spec import (
    Net,
    classes_of,
    with_classes,
    with_exits,
    with_input,
    with_pooled_exits,
)
from inceptionkit.training.run.initial_weights import Start, start_from

SIDES = (32, 48, 64, 96, 128)  # inputs of the compact network
LARGE = 192  # pixels: short side from which GoogLeNet's own input is worth its cost on a GPU


@dataclass(frozen=True, slots=True)
class Choice:
    """A network and why it was taken."""

    net: Net
    reasons: tuple[str, ...]
    preprocessing: Preprocessing
    start: Start | None = None  # the model whose weights it takes over


def choose_net(  # noqa: PLR0913 - what is asked, what is known
    name: str | Net | None,
    side: int | None,
    exits: Sequence[str] | None = None,
    *,
    classes: int,
    short_side: int,
    gpu: bool,
    pooled_exits: bool = False,
) -> Choice:
    """Take the network asked for, or the one that suits the images.

    Args:
        name: of the architecture, or a spec; None to choose.
        side: of the input, pixels, None to choose.
        exits: blocks after which exits stand; None for those of the architecture.
        classes: of the data.
        short_side: median over the images, pixels.
        gpu: whether training runs on one.
        pooled_exits: whether exits average over the whole grid, so that any input serves.

    Raises:
        UnknownNameError, SpecError: as `architecture` and `with_exits` raise.
    """
    if isinstance(name, Net):
        return choice_of(refitted(name, side, classes, pooled=pooled_exits), name, exits)
    name, side, reasons = suited(name, side, short_side, gpu=gpu)
    net = find(name, classes=classes, side=side, pooled_exits=pooled_exits)
    return choice_of(net, find(name), exits, reasons)


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
) -> Choice:
    """Scale the network asked for, or the one that suits the images, to what it may cost to run.

    Args:
        costs: one or more, as `design` takes them.
        name: of the architecture, or a spec; None to choose.
        side: of the input, pixels, None to choose.
        exits: blocks after which exits stand; None for those of the architecture.
        classes: of the data.
        short_side: median over the images, pixels.
        device: where training runs, and a time is measured.
        listener: hears what is measured.

    Raises:
        UnknownNameError, SpecError: as `design` and `with_exits` raise.
    """
    reasons: list[str] = []
    if isinstance(name, Net):
        side = side or name.image[1]
    else:
        name, side, reasons = suited(name, side, short_side, gpu=device.startswith("cuda"))
    made = design(costs, input=side, classes=classes, family=name, device=device, listener=listener)
    said = [f"scaled from {made.family.name}: {sentence}" for sentence in made.takes]
    return choice_of(made.net, made.net, exits, [*reasons, *said, *made.reasons])


def choose_start(
    model: str | Path,
    side: int | None,
    exits: Sequence[str] | None,
    *,
    classes: tuple[str, ...],
    pooled_exits: bool = False,
) -> Choice:
    """The network of a trained model, for these classes.

    Args:
        model: its folder, or that of a run.
        side: of the input, pixels; None for the model's.
        exits: blocks after which exits stand; None for those of the model.
        classes: of the data.
        pooled_exits: whether exits average over the whole grid; then their heads are new.

    Raises:
        WeightsError: there is no such model.
        SpecError: it does not fit the input, or has no such block.
    """
    start, card = start_from(model, classes)
    own = card.architecture
    net = refitted(own, side, len(classes), pooled=pooled_exits)
    reasons = [f"starts from {start.model}: {own.name}, {net.image[1]} px"]
    if not start.same_classes:
        reasons.append("every classifier is new: the model has other classes than the images")
    preprocessing = replace(card.preprocessing, size=net.image[1])
    choice = choice_of(net, own, exits, reasons)
    return replace(choice, preprocessing=preprocessing, start=start)


def suited(
    name: str | None, side: int | None, short_side: int, *, gpu: bool
) -> tuple[str, int, list[str]]:
    """Architecture and input, and why they were chosen where they were not asked for."""
    reasons: list[str] = []
    if name is None:
        large = gpu and short_side >= LARGE and (side is None or side > SIDES[-1])
        name = "googlenet:bn" if large or (side or 0) > 2 * SIDES[-1] else "compact"
        reasons.append(f"architecture {name}: {because(name, short_side, gpu=gpu)}")
    if side is None:
        side = input_side(name, short_side)
        reasons.append(f"input {side}x{side}: the images are {short_side} px (median short side)")
    return name, side, reasons


def refitted(net: Net, side: int | None, classes: int, *, pooled: bool) -> Net:
    """The network for other classes and, where they are asked for, another input and exits."""
    net = with_classes(with_pooled_exits(net) if pooled else net, classes)
    return net if side is None or net.image[1:] == (side, side) else with_input(net, side)


def choice_of(
    net: Net, own: Net, exits: Sequence[str] | None, reasons: Sequence[str] = ()
) -> Choice:
    """A choice of `net`, which is `own` refitted, with other exits where they were asked for."""
    if exits is not None:
        net = with_exits(net, exits)
    elif missing := left_out(own, net):
        reasons = [*reasons, missing]
    return Choice(trainable(net), tuple(reasons), Preprocessing(size=net.image[1]))


def trainable(net: Net) -> Net:
    """The network itself, if images as we read them can train it.

    Raises:
        SpecError: it does not take square RGB images, or has no classifier.
    """
    channels, height, width = net.image
    if channels != 3 or height != width:
        msg = (
            f"{net.name}: reads {channels}x{height}x{width}, but images come square and RGB; "
            "choose another architecture"
        )
        raise SpecError(msg)
    classes_of(net)
    return net


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
        return find(name).image[1]
    return min(SIDES, key=lambda side: (abs(side - short_side), side))
