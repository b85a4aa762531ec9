"""The same network with other classes, another input size, or other exits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from inceptionkit.errors import SpecError, UnknownNameError, did_you_mean
from inceptionkit.spec.nodes import Conv, Exit, GlobalPool, Linear, Net, Node, Op, Split
from inceptionkit.spec.walk import blocks, ordered_exits, steps

LARGEST_INPUT = 4096  # pixels; beyond it no network of the family is of use


@dataclass(frozen=True, slots=True)
class NetChoice:
    """A network and why it was chosen."""

    net: Net
    reasons: tuple[str, ...] = ()


def with_classes(net: Net, classes: int) -> Net:
    """Give every classifier of `net`, in the head and in the exits, `classes` outputs.

    Raises:
        SpecError: fewer than two classes.
    """
    if classes < 2:
        msg = f"{net.name}: a classifier needs at least 2 classes, got {classes}"
        raise SpecError(msg)

    heads = (net.head, *(e.head for e in net.exits))
    if {op.out for head in heads for op in operators(head) if is_classifier(op)} == {classes}:
        return net

    def widen(op: Op) -> Op:
        return replace(op, out=classes) if is_classifier(op) else op

    exits = tuple(replace(e, head=rewrite(e.head, widen)) for e in net.exits)
    return replace(net, head=rewrite(net.head, widen), exits=exits)


def is_classifier(op: Op) -> TypeGuard[Conv | Linear]:
    """Whether an operator's outputs are the scores of the classes."""
    return isinstance(op, Conv | Linear) and op.classifier


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


def classes_of(net: Net) -> int:
    """Number of classes that `net` tells apart.

    Raises:
        SpecError: its head has no classifier.
    """
    found = [op.out for op in operators(net.head) if is_classifier(op)]
    if not found:
        msg = (
            f"{net.name}: no operator is marked as its classifier; set classifier=True on the last"
        )
        raise SpecError(msg)
    return found[-1]


def classifiers(net: Net) -> list[str]:
    """Addresses of the operators that carry the classes, in the exits and in the head."""
    return [step.at for step in steps(net) if is_classifier(step.op)]


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

    A network that takes this side already stays as it is.

    Raises:
        SpecError: the trunk or the head does not fit; the nearest sides that do are named.
    """
    if net.image[1:] == (side, side):
        return net
    plain = _at_side(replace(net, exits=()), side)
    if not fits(plain):
        smallest = smallest_input(replace(net, exits=()))
        if side < smallest:
            msg = f"{net.name}: a {side}x{side} image is too small; the smallest is {smallest}"
            raise SpecError(msg)
        below = next(n for n in range(side, 0, -1) if fits(_at_side(plain, n)))
        above = next((n for n in range(side, 2 * side) if fits(_at_side(plain, n))), None)
        nearest = f"{below} and {above}" if above else str(below)
        msg = f"{net.name}: a {side}x{side} image does not fit; the nearest that do are {nearest}"
        raise SpecError(msg)
    kept = tuple(e for e in net.exits if fits(replace(plain, exits=(e,))))
    return replace(plain, exits=kept)


def left_out(own: Net, net: Net) -> str:
    """Say which exits of `own` the same network at another input has no room for; "" if none."""
    kept = {exit_.name for exit_ in net.exits}
    missing = " and ".join(exit_.name for exit_ in own.exits if exit_.name not in kept)
    return missing and f"without {missing}, which {net.image[1]} px images are too small for"


def _at_side(net: Net, side: int) -> Net:
    """Take square images of `side` pixels, whether they fit or not."""
    return replace(net, image=(net.image[0], side, side))


def with_pooled_exits(net: Net) -> Net:
    """Give every exit a head for any input size: the average over the grid, then a classifier.

    The papers' heads have fully connected layers, or windows, that fix the grid they read. The
    places, names, classes and loss weights stay.
    """
    exits = (replace(e, head=_pooled_head(f"exits.{e.name}", e.head)) for e in net.exits)
    return replace(net, exits=tuple(exits))


def with_exits(net: Net, after: Collection[str], *, loss_weight: float = 0.3) -> Net:
    """Give `net` exits after exactly these blocks.

    An exit that stands after one of them stays as it is; the others go. New ones average over the
    whole grid, so that any input serves, and bear the name of their block.

    Args:
        net: the network.
        after: blocks of the trunk.
        loss_weight: of a new exit's loss, beside that of main.

    Raises:
        SpecError: the trunk has no such block, or the head has not exactly one classifier to take
            the number of classes from.
    """
    trunk = [name for name, _ in net.trunk]
    for name in after:
        if name not in trunk:
            msg = f"{net.name}: no block is called {name!r}; {did_you_mean(name, trunk)}"
            raise SpecError(msg)
    kept = [exit_ for exit_ in net.exits if exit_.after in after]
    head = _pooled_head("head", net.head)
    added = [
        Exit(name=name, after=name, head=head, loss_weight=loss_weight)
        for name in trunk
        if name in after and name not in {exit_.after for exit_ in kept}
    ]
    found = replace(net, exits=(*kept, *added))
    return replace(found, exits=ordered_exits(found))


def _pooled_head(at: str, head: Node) -> Node:
    """A head that averages over the whole grid, with as many classes as another one.

    Raises:
        SpecError: that has not exactly one classifier.
    """
    return (GlobalPool(), Linear(outputs(at, head), classifier=True))


def cut_at(net: Net, exit_name: str) -> Net:
    """The network that ends at one of its exits, whose head becomes the head.

    Raises:
        UnknownNameError: there is no such exit.
    """
    names = [exit_.name for exit_ in net.exits]
    if exit_name not in names:
        msg = f"{net.name} has no exit {exit_name!r}; {did_you_mean(exit_name, names)}"
        raise UnknownNameError(msg)
    at = net.exits[names.index(exit_name)]
    trunk = [name for name, _ in net.trunk]
    last = trunk.index(at.after)
    kept = (e for e in ordered_exits(net) if e.after in trunk[:last])
    return replace(
        net,
        name=f"{net.name}-{exit_name}",
        source=f"{net.source}; cut at its exit {exit_name}",
        trunk=net.trunk[: last + 1],
        head=at.head,
        exits=tuple(kept),
    )


def outputs(at: str, head: Node) -> int:
    """Number of classes of a head.

    Raises:
        SpecError: it has not exactly one classifier.
    """
    found = [op.out for op in operators(head) if is_classifier(op)]
    if len(found) != 1:
        msg = f"{at}: a head needs one classifier to be replaced, got {len(found)}"
        raise SpecError(msg)
    return found[0]


def operators(node: Node) -> Iterator[Op]:
    """Every operator of `node`, in order."""
    match node:
        case Split(paths):
            for _, path in paths:
                yield from operators(path)
        case tuple():
            for child in node:
                yield from operators(child)
        case _:
            yield node


def smallest_input(net: Net) -> int:
    """Smallest side, in pixels, of a square image that `net` takes, exits included.

    Raises:
        SpecError: none up to 4096 pixels fits.
    """
    for side in range(1, LARGEST_INPUT + 1):
        if fits(_at_side(net, side)):
            return side
    _blocks_of(net)  # says which window does not fit
    msg = f"{net.name}: no square image up to {LARGEST_INPUT} pixels fits"
    raise SpecError(msg)


def fits(net: Net) -> bool:
    """Whether the walk reaches the end."""
    try:
        _blocks_of(net)
    except SpecError:
        return False
    return True


def _blocks_of(net: Net) -> None:
    """Walk to the end, for the errors on the way."""
    for _ in blocks(net):
        pass


def smallest_for_exit(net: Net, exit_: Exit) -> int:
    """Smallest side, in pixels, at which `exit_` can be trained."""
    return smallest_input(replace(net, exits=(exit_,)))


def fitting_inputs(net: Net, exit_: Exit) -> range:
    """Sides, in pixels, at which the fully connected layers of `exit_` have the shapes of `net`'s.

    At these sides weights of the exit's head can be passed on. A head that averages over the whole
    grid first takes every side up to 4096 pixels.
    """
    with_exit = replace(net, exits=(exit_,))
    shapes = connected(with_exit)

    def same(side: int) -> bool:
        other = _at_side(with_exit, side)
        return fits(other) and connected(other) == shapes

    native = net.image[1]
    return range(_last_side(same, native, 0), _last_side(same, native, LARGEST_INPUT + 1) + 1)


def _last_side(holds: Callable[[int], bool], inside: int, outside: int) -> int:
    """The side nearest to `outside` for which something holds, that holds from `inside` on."""
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside


def connected(net: Net) -> list[int]:
    """Inputs of the exits' fully connected layers."""
    return [
        s.input.cells for s in steps(net) if isinstance(s.op, Linear) and s.at.startswith("exits.")
    ]
