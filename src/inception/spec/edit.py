"""The same network with other classes, another input size, or fewer exits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from inception.errors import SpecError
from inception.spec.nodes import Conv, Exit, Linear, Net, Node, Op, Split
from inception.spec.walk import blocks

LARGEST_INPUT = 4096  # pixels; beyond it no network of the family is of use


def with_classes(net: Net, classes: int) -> Net:
    """Give every classifier of `net`, in the head and in the exits, `classes` outputs.

    Raises:
        SpecError: fewer than two classes.
    """
    if classes < 2:
        msg = f"{net.name}: a classifier needs at least 2 classes, got {classes}"
        raise SpecError(msg)

    def widen(op: Op) -> Op:
        if isinstance(op, Conv | Linear) and op.classifier:
            return replace(op, out=classes)
        return op

    exits = tuple(replace(e, head=rewrite(e.head, widen)) for e in net.exits)
    return replace(net, head=rewrite(net.head, widen), exits=exits)


def rewrite(node: Node, change: Callable[[Op], Op]) -> Node:
    """Apply `change` to every operator of `node`."""
    match node:
        case Split(paths):
            return Split(tuple((name, rewrite(path, change)) for name, path in paths))
        case tuple():
            return tuple(rewrite(child, change) for child in node)
        case _:
            return change(node)


def with_input(net: Net, side: int) -> Net:
    """Give `net` square images of `side` pixels; an exit that does not fit there is left out.

    Raises:
        SpecError: the trunk or the head does not fit; the smallest side that does is named.
    """
    plain = replace(net, image=(net.image[0], side, side), exits=())
    if not fits(plain):
        raise misfit(plain, smallest_input(replace(net, exits=())))
    kept = tuple(e for e in net.exits if fits(replace(plain, exits=(e,))))
    return replace(plain, exits=kept)


def misfit(net: Net, smallest: int) -> SpecError:
    """The error of a network that its own image does not fit."""
    side = net.image[1]
    if side < smallest:
        return SpecError(
            f"{net.name}: a {side}x{side} image is too small; the smallest is {smallest}"
        )
    try:
        blocks_of(net)
    except SpecError as error:  # paths that meet at some sizes and not at others
        return SpecError(f"{net.name}: a {side}x{side} image does not fit ({error})")
    return SpecError(f"{net.name}: a {side}x{side} image does not fit")


def smallest_input(net: Net) -> int:
    """Smallest side, in pixels, of a square image that `net` takes, exits included.

    Raises:
        SpecError: none up to 4096 pixels fits.
    """
    for side in range(1, LARGEST_INPUT + 1):
        if fits(replace(net, image=(net.image[0], side, side))):
            return side
    blocks_of(net)  # says which window does not fit
    msg = f"{net.name}: no square image up to {LARGEST_INPUT} pixels fits"
    raise SpecError(msg)


def fits(net: Net) -> bool:
    """Whether the walk reaches the end."""
    try:
        blocks_of(net)
    except SpecError:
        return False
    return True


def blocks_of(net: Net) -> None:
    """Walk to the end, for the errors on the way."""
    for _ in blocks(net):
        pass


def smallest_for_exit(net: Net, exit_: Exit) -> int:
    """Smallest side, in pixels, at which `exit_` can be trained."""
    return smallest_input(replace(net, exits=(exit_,)))
