"""The one walk over a spec. Every table, picture, module and key map is read off it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

from inceptionkit.errors import SpecError
from inceptionkit.spec.nodes import (
    AdaptivePool,
    Conv,
    Dropout,
    Exit,
    GlobalPool,
    Linear,
    LocalNorm,
    Net,
    Node,
    Op,
    Padding,
    Pair,
    Pool,
    Split,
)

Shape: TypeAlias = tuple[int, ...]
STATISTICS = ("running_mean", "running_var")  # of batch norm: stored, not learned


@dataclass(frozen=True, slots=True)
class Signal:
    """What flows along an edge, for one image."""

    channels: int
    size: Pair  # (height, width), cells
    receptive_field: Pair = (1, 1)  # of one cell, input pixels
    stride: Pair = (1, 1)  # distance between neighboring cells, input pixels

    @property
    def cells(self) -> int:
        """Number of scalars."""
        return self.channels * self.size[0] * self.size[1]


@dataclass(frozen=True, slots=True)
class Step:
    """One operator: its address in the network, and its input and its output."""

    at: str
    op: Op
    input: Signal
    output: Signal

    @property
    def steps(self) -> tuple[Step, ...]:
        """Itself: a step is the smallest block."""
        return (self,)


@dataclass(frozen=True, slots=True)
class Block:
    """A chain of parts or, if `parallel`, paths that read the same input and are joined."""

    at: str
    input: Signal
    output: Signal
    parts: tuple[Block | Step, ...]
    parallel: bool

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every operator inside, in execution order."""
        return tuple(step for part in self.parts for step in part.steps)


def blocks(net: Net) -> Iterator[Block | Step]:
    """Yield the trunk block by block, each exit right after the block it reads, then the head.

    Raises:
        SpecError: a window does not fit, paths cannot be joined, or a classifier leaves a grid:
            what it gives are scores, so its grid must be one cell.
    """
    places: list[tuple[str, Node]] = []
    for name, node in net.trunk:
        places.append((f"trunk.{name}", node))
        places += [(f"exits.{e.name}", e.head) for e in net.exits if e.after == name]
    channels, height, width = net.image
    x = Signal(channels, (height, width))
    for at, node in (*places, ("head", net.head)):
        block = walk(at, node, x)
        if at.startswith("trunk."):
            x = block.output
        elif block.output.size != (1, 1):
            grid = "{}x{}".format(*block.output.size)
            msg = f"{at}: a classifier must leave one cell, got {grid}; end with GlobalPool"
            raise SpecError(msg)
        yield block


def ordered_exits(net: Net) -> tuple[Exit, ...]:
    """The exits in the order in which an image meets them, whatever order they were written in."""
    blocks = [name for name, _ in net.trunk]
    return tuple(sorted(net.exits, key=lambda exit_: blocks.index(exit_.after)))


def steps(net: Net) -> Iterator[Step]:
    """Yield every operator once, in execution order."""
    for block in blocks(net):
        yield from block.steps


def walk(at: str, node: Node, x: Signal) -> Block | Step:
    """Feed `x` to `node`, which lives at address `at`.

    Raises:
        SpecError: a window does not fit on the grid, or paths cannot be joined.
    """
    match node:
        case Split(paths):
            branches = tuple(walk(f"{at}.{name}", path, x) for name, path in paths)
            ends = [branch.output for branch in branches]
            if len({(end.size, end.stride) for end in ends}) != 1:
                grids = ", ".join(f"{end.size[0]}x{end.size[1]}" for end in ends)
                msg = f"{at}: paths must end on the same grid to be joined, got {grids}"
                raise SpecError(msg)
            rows, cols = zip(*(end.receptive_field for end in ends), strict=True)
            view = max(rows), max(cols)  # the join sees as far as its farthest-seeing path
            y = replace(ends[0], channels=sum(end.channels for end in ends), receptive_field=view)
            return Block(at, x, y, branches, parallel=True)
        case tuple():
            parts: list[Block | Step] = []
            y = x
            for i, child in enumerate(node):
                parts.append(walk(f"{at}.{i}", child, y))
                y = parts[-1].output
            return Block(at, x, y, tuple(parts), parallel=False)
        case _:
            return Step(at, node, x, after(at, node, x))


def after(at: str, op: Op, x: Signal) -> Signal:  # noqa: C901 - a case per operator
    """Signal that leaves `op` when `x` enters it: windows move over the grid.

    Raises:
        SpecError: the window does not fit on the grid, or groups do not divide the channels.
    """
    padding: Padding = "valid"
    channels, stride, (kh, kw) = x.channels, 1, x.size
    match op:
        case Conv():
            channels, stride, padding, (kh, kw) = op.out, op.stride, op.padding, op.kernel
            groups = groups_of(op, x.channels)
            if x.channels % groups or channels % groups:
                ends = f"{x.channels} channels in and {channels} out"
                msg = f"{at}: {groups} groups must divide {ends}"
                raise SpecError(msg)
        case Pool():
            stride, padding, (kh, kw) = op.stride, op.padding, op.kernel
        case Linear():
            channels = op.out
        case GlobalPool():
            pass
        case AdaptivePool():
            return _adapt(x, op.grid)
        case LocalNorm() | Dropout():
            return x
    (h, w), (vh, vw), (jh, jw) = x.size, x.receptive_field, x.stride
    size = (windows(h, kh, stride, padding), windows(w, kw, stride, padding))
    if min(size) < 1:
        msg = f"{at}: a {kh}x{kw} window does not fit on a {h}x{w} grid; use a larger image"
        raise SpecError(msg)
    view = (vh + (kh - 1) * jh, vw + (kw - 1) * jw)
    return Signal(channels, size, view, stride=(jh * stride, jw * stride))


def groups_of(op: Conv, channels: int) -> int:
    """Number of groups of a convolution whose input has so many channels."""
    return channels if op.groups == "each" else op.groups


def windows(n: int, k: int, stride: int, padding: Padding) -> int:
    """How many windows of `k` cells, `stride` apart, lie on `n` cells; below 1 if none fits.

    With "ceil" the last window may hang over the border but must begin on the grid.
    """
    if padding == "ceil":
        return min(-(-(n - k) // stride), (n - 1) // stride) + 1
    return (n + sum(border(n, k, stride, padding)) - k) // stride + 1


def border(n: int, k: int, stride: int, padding: Padding) -> Pair:
    """Cells added before and after `n` cells."""
    match padding:
        case "same":
            return (k // 2, k // 2)
        case "valid" | "ceil":
            return (0, 0)
        case "tensorflow":
            total = max((-(-n // stride) - 1) * stride + k - n, 0)
            return (total // 2, total - total // 2)
        case _:
            return (padding, padding)


def borders(step: Step, op: Conv | Pool) -> tuple[Pair, Pair]:
    """Cells added (above, below) and (left, right) of the grid that a step's `op` goes over."""
    rows, columns = (
        border(n, k, op.stride, op.padding) for n, k in zip(step.input.size, op.kernel, strict=True)
    )
    return rows, columns


def averages_then_projects(pool: Step, conv: Step) -> bool:
    """Whether these two may change places, and the average then has fewer channels to go over.

    It is an average of every window and a 1x1 convolution: one is linear on the grid, the other on
    channels. What the convolution adds must stay last.
    """
    match pool.op, conv.op:
        case Pool("avg", stride=1), Conv(out, kernel=(1, 1), stride=1, groups=1):
            return (
                pool.input.size == pool.output.size == conv.output.size
                and out < pool.input.channels
            )
        case _:
            return False


def adaptive_windows(n: int, out: int) -> list[Pair]:
    """Start and stop of the `out` windows of an adaptive pool of `n` cells; they may overlap."""
    return [(i * n // out, -(-(i + 1) * n // out)) for i in range(out)]


def _adapt(x: Signal, grid: Pair) -> Signal:
    """Average onto a grid of a given size; the field is that of the largest window.

    Distances between uneven windows are rounded up.
    """
    largest = [
        max(stop - start for start, stop in adaptive_windows(n, out))
        for n, out in zip(x.size, grid, strict=True)
    ]
    (vh, vw), (jh, jw) = x.receptive_field, x.stride
    apart = [max(1, -(-n // out)) for n, out in zip(x.size, grid, strict=True)]
    return Signal(
        channels=x.channels,
        size=grid,
        receptive_field=(vh + (largest[0] - 1) * jh, vw + (largest[1] - 1) * jw),
        stride=(jh * apart[0], jw * apart[1]),
    )


def tensors(of: Net | Block | Step) -> Iterator[tuple[str, Shape]]:
    """Yield name and shape of every tensor that a model stores, of each operator the weight first.

    Those of a whole network are the entries of the built module's state dict, less batch norm's
    counter of batches.
    """
    for step in steps(of) if isinstance(of, Net) else of.steps:
        match step.op:
            case Conv() as conv:
                fan_in = step.input.channels // groups_of(conv, step.input.channels)
                yield f"{step.at}.conv.weight", (conv.out, fan_in, *conv.kernel)
                if conv.bias:
                    yield f"{step.at}.conv.bias", (conv.out,)
                if conv.norm:
                    gamma = ("weight",) if conv.norm.gamma else ()
                    for part in (*gamma, "bias", *STATISTICS):
                        yield f"{step.at}.bn.{part}", (conv.out,)
            case Linear(out):
                yield f"{step.at}.fc.weight", (out, prod((step.input.channels, *step.input.size)))
                yield f"{step.at}.fc.bias", (out,)
            case Pool() | AdaptivePool() | GlobalPool() | LocalNorm() | Dropout():
                pass


def misfits(net: Net, found: Mapping[str, Shape]) -> list[str]:
    """Everything in which the tensors `found` differ from those of `net`, a line each."""
    needed = dict(tensors(net))
    wrong = [
        f"{name}: got {found[name]}, {net.name} needs {shape}"
        for name, shape in needed.items()
        if name in found and found[name] != shape
    ]
    wrong += [f"{name}: missing" for name in needed if name not in found]
    wrong += [f"{name}: not in {net.name}" for name in found if name not in needed]
    return sorted(wrong)
