"""The network of a run: one that was made for other classes or another input, refitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inceptionkit.errors import SpecError
from inceptionkit.spec import (
    Net,
    classes_of,
    left_out,
    with_classes,
    with_exits,
    with_input,
    with_pooled_exits,
)


@dataclass(frozen=True, slots=True)
class NetChoice:
    """A network and why it was chosen."""

    net: Net
    reasons: tuple[str, ...] = ()


def refit(net: Net, side: int | None, classes: int, *, pooled: bool) -> Net:
    """The network for other classes and, where they are asked for, another input and exits."""
    net = with_classes(with_pooled_exits(net) if pooled else net, classes)
    return net if side is None else with_input(net, side)


def with_chosen_exits(
    net: Net, own: Net, exits: Sequence[str] | None, reasons: Sequence[str] = ()
) -> NetChoice:
    """The choice of `net`, which is `own` refitted, with other exits where they were asked for.

    Raises:
        SpecError: it does not take square RGB images, or has no classifier.
    """
    if exits is not None:
        net = with_exits(net, exits)
    elif len(net.exits) < len(own.exits):
        reasons = [*reasons, left_out(own, net)]
    channels, height, width = net.image
    if channels != 3 or height != width:
        msg = (
            f"{net.name}: reads {channels}x{height}x{width}, but images come square and RGB; "
            "choose another architecture"
        )
        raise SpecError(msg)
    classes_of(net)
    return NetChoice(net, tuple(reasons))
