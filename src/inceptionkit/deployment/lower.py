"""From spec and weights to the graph that is deployed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.graph import (
    FEATURES,
    IMAGE,
    ONWARD,
    PROBABILITIES,
    AcrossChannels,
    Array,
    Convolve,
    Dense,
    Graph,
    Join,
    Line,
    Mean,
    Normalise,
    Operator,
    Rectify,
    Resample,
    Slide,
    Softmax,
)
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import (
    AdaptivePool,
    Block,
    Conv,
    Dropout,
    GlobalPool,
    Linear,
    LocalNorm,
    Net,
    Pair,
    Pool,
    Step,
    blocks,
    border,
)

Tensors: TypeAlias = Mapping[str, NDArray[Any]]


def whole(net: Net, tensors: Tensors, preprocessing: Preprocessing) -> Graph:
    """The network from image to the main classifier's probabilities; exits are left out.

    Args:
        net: the architecture; its input is square and RGB.
        tensors: its weights, as a model folder holds them.
        preprocessing: what happens to an image before the network.
    """
    ((_, graph),) = staged(net, tensors, preprocessing, exits=())
    return graph


def staged(
    net: Net, tensors: Tensors, preprocessing: Preprocessing, exits: Collection[str]
) -> Iterator[tuple[str, Graph]]:
    """The network cut after every block that has one of these exits, one graph per classifier.

    Yields:
        Name of an exit, or "main", and the graph up to its answer. It gives probabilities and, but
        for the last, the features that the next graph reads.
    """
    size = preprocessing.size
    writer, reads = Writer(tensors, IMAGE), (size, size, 3)
    x = writer.add("normalised", normalise(preprocessing), IMAGE)
    for block in blocks(net):
        kind, _, name = block.at.partition(".")
        if kind == "trunk":
            x = writer.block(block, x)
        elif kind == "head" or name in exits:
            writer.add(PROBABILITIES, Softmax(), writer.block(block, x))
            gives = {PROBABILITIES: PROBABILITIES} | ({} if kind == "head" else {ONWARD: x})
            yield name or "main", Graph(net.name, reads, tuple(writer.lines), gives)
            writer, x = Writer(tensors, FEATURES), FEATURES
            reads = (block.x.channels, *block.x.size)


def traced(net: Net, tensors: Tensors, preprocessing: Preprocessing) -> Graph:
    """The network as a graph that gives what every block of trunk and head gives, by address."""
    size = preprocessing.size
    writer = Writer(tensors, IMAGE)
    x = writer.add("normalised", normalise(preprocessing), IMAGE)
    ends = {}
    for block in blocks(net):
        if not block.at.startswith("exits."):
            ends[block.at] = x = writer.block(block, x)
    return Graph(net.name, (size, size, 3), tuple(writer.lines), ends)


def normalise(preprocessing: Preprocessing) -> Normalise:
    """Preprocessing after its resize."""
    scale, shift = (
        np.array(values, np.float32) for values in (preprocessing.scale, preprocessing.shift)
    )
    return Normalise(preprocessing.size, scale, shift)


class Writer:
    """Writes the lines of one graph.

    Attributes:
        lines: written so far.
    """

    def __init__(self, tensors: Tensors, start: str) -> None:
        self.tensors = tensors
        self.start = start
        self.lines: list[Line] = []

    def add(self, name: str, operator: Operator, *reads: str) -> str:
        """Write a line; its name, for the lines that read it."""
        self.lines.append(Line(name, operator, reads))
        return name

    def block(self, block: Block | Step, x: str) -> str:
        """Write a part of the walk that reads `x`; the name of its result."""
        if isinstance(block, Step):
            return self.step(block, x)
        if block.parallel:
            return self.add(block.at, Join(), *(self.block(path, x) for path in block.parts))
        match block.parts:
            case [Step(op=Pool() as pool) as first, Step(op=Conv() as conv) as last] if (
                turns_around(first, last)
            ):
                return self.mixed_first(sliding(first, pool), self.convolution(last, conv), last, x)
        for part in block.parts:
            x = self.block(part, x)
        return x

    def mixed_first(self, mean: Slide, mixed: Convolve, last: Step, x: str) -> str:
        """Write an average pool and the 1x1 convolution behind it, the convolution first.

        Both are linear and may change places; then the average has fewer channels to go over. What
        the convolution adds and the ReLU stay last. An average that counts its zero padding is a
        convolution of every channel by itself; one that does not is no convolution at the border,
        but lets what was added before pass unchanged.
        """
        at, out = last.at, len(mixed.bias)
        if not mean.count_padding:
            x = self.add(f"{at}.mixed", replace(mixed, relu=False), x)
            x = self.add(f"{at}.averaged", mean, x)
            return self.add(at, Rectify(), x) if mixed.relu else x
        x = self.add(f"{at}.mixed", replace(mixed, bias=np.zeros_like(mixed.bias), relu=False), x)
        height, width = mean.kernel
        each = np.full((out, 1, height, width), 1 / (height * width), np.float32)
        average = Convolve(each, mixed.bias, 1, mean.before, mean.after, out, mixed.relu)
        return self.add(at, average, x)

    def step(self, step: Step, x: str) -> str:
        """Write one operator; dropout is nothing in use."""
        if isinstance(step.op, Dropout):
            return x
        return self.add(step.at, self.operator(step), x)

    def operator(self, step: Step) -> Operator:
        """The operator of a step, with its weights."""
        match step.op:
            case Conv():
                return self.convolution(step, step.op)
            case Linear():
                weight, bias = (self.tensors[f"{step.at}.fc.{part}"] for part in ("weight", "bias"))
                return Dense(weight, bias, step.op.relu)
            case Pool() as pool:
                return sliding(step, pool)
            case AdaptivePool(grid):
                (height, width), (rows, columns) = step.x.size, grid
                return Resample(averaging(height, rows), averaging(width, columns).T)
            case GlobalPool():
                return Mean()
            case LocalNorm(size, alpha, beta, k):
                return AcrossChannels(size, alpha, beta, k)
            case Dropout():
                msg = f"{step.at}: dropout computes nothing in use"
                raise AssertionError(msg)
            case _:
                assert_never(step.op)

    def convolution(self, step: Step, op: Conv) -> Convolve:
        """A convolution with the norm behind it folded in."""
        weight = self.tensors[f"{step.at}.conv.weight"].astype(np.float64)
        bias = np.zeros(op.out)
        if op.bias:
            bias += self.tensors[f"{step.at}.conv.bias"]
        if op.norm:
            shift, mean, variance = (
                self.tensors[f"{step.at}.bn.{part}"].astype(np.float64)
                for part in ("bias", "running_mean", "running_var")
            )
            gamma = self.tensors[f"{step.at}.bn.weight"] if op.norm.gamma else 1.0
            factor = gamma / np.sqrt(variance + op.norm.eps)
            weight *= factor[:, None, None, None]
            bias = (bias - mean) * factor + shift
        before, after = borders(step, op)
        return Convolve(
            weight.astype(np.float32),
            bias.astype(np.float32),
            op.stride,
            before,
            after,
            op.groups_of(step.x.channels),
            op.relu,
        )


def turns_around(pool: Step, pointwise: Step) -> bool:
    """Whether it is an average pool, window by window, and a 1x1 convolution to fewer channels."""
    match pool.op, pointwise.op:
        case Pool("avg", stride=1), Conv(kernel=(1, 1), stride=1, groups=1) as conv:
            same_grid = pool.x.size == pool.y.size == pointwise.y.size
            return same_grid and conv.out < pool.x.channels
        case _:
            return False


def sliding(step: Step, pool: Pool) -> Slide:
    """A pool with its borders in cells; what hangs over the grid in ceil mode never counts."""
    before, after = borders(step, pool)
    counts = pool.count_padding and pool.padding != "ceil"
    return Slide(pool.kind, pool.kernel, pool.stride, before, after, counts)


def borders(step: Step, op: Conv | Pool) -> tuple[Pair, Pair]:
    """Cells padded (above, left) and (below, right), such that every window lies on the grid."""
    before: list[int] = []
    after: list[int] = []
    for n, k, out in zip(step.x.size, op.kernel, step.y.size, strict=True):
        first, last = border(n, k, op.stride, op.padding)
        over = (out - 1) * op.stride + k - n - first  # what windows need: ceil mode made explicit
        before.append(first)
        after.append(max(over, 0) if op.padding == "ceil" else last)
    return (before[0], before[1]), (after[0], after[1])


def averaging(n: int, out: int) -> Array:
    """Matrix (out, n) that averages `n` cells onto the `out` windows of `AdaptivePool`."""
    matrix = np.zeros((out, n), np.float32)
    for i in range(out):
        start, stop = i * n // out, -(-(i + 1) * n // out)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix
