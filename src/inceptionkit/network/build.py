"""From spec to module: input widths come from the walk, addresses are the spec's addresses."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import NamedTuple, assert_never

from torch import Tensor, nn

from inceptionkit.errors import UnknownNameError, did_you_mean
from inceptionkit.network.initialize import Undrawn, initialise
from inceptionkit.network.layers import (
    AdaptiveAverage,
    BatchNormWithoutGamma,
    Concat,
    GlobalAverage,
    LocalResponseNorm,
    PaddedAverage,
    ProjectedAverage,
    SampleDropout,
    Scores,
)
from inceptionkit.spec import (
    AdaptivePool,
    Conv,
    Dropout,
    GlobalPool,
    Linear,
    LocalNorm,
    Net,
    Node,
    Pool,
    Split,
    Step,
    averages_then_projects,
    borders,
    steps,
    windows,
)


class Logits(NamedTuple):
    """What a forward pass gives, in training and in evaluation alike."""

    main: Tensor  # (batch, classes)
    exits: dict[str, Tensor]  # exit name -> (batch, classes); only the exits asked for


class InceptionNet(nn.Module):
    """A network built from a spec.

    Attributes:
        spec: the description it was built from.
        trunk: block name -> module, in order.
        exits: exit name -> the exit's head.
        head: the final classifier.
    """

    def __init__(self, net: Net) -> None:
        super().__init__()
        plan = {step.at: step for step in steps(net)}
        self.spec = net
        self.exit_after = {exit_.name: exit_.after for exit_ in net.exits}
        self.trunk = nn.ModuleDict({n: module(f"trunk.{n}", node, plan) for n, node in net.trunk})
        self.exits = nn.ModuleDict(
            {e.name: classifier(f"exits.{e.name}", e.head, plan) for e in net.exits}
        )
        self.head = classifier("head", net.head, plan)

    def forward(self, images: Tensor, exits: Collection[str] = ()) -> Logits:
        """Scores before softmax, of the head and of the exits asked for.

        Args:
            images: (batch, channels, height, width), float, normalised.
            exits: names of the exits to compute; the others cost nothing.

        Raises:
            UnknownNameError: the network has no exit of that name.
        """
        for name in exits:
            if name not in self.exit_after:
                hint = did_you_mean(name, self.exit_after)
                msg = f"{self.spec.name} has no exit {name!r}; {hint}"
                raise UnknownNameError(msg)
        early: dict[str, Tensor] = {}
        x = images
        for block_name, block in self.trunk.items():
            x = block(x)
            for name in exits:
                if self.exit_after[name] == block_name:
                    early[name] = self.exits[name](x)
        return Logits(self.head(x), early)


def build(net: Net, *, seed: int = 0, weights_follow: bool = False) -> InceptionNet:
    """Build the module of `net`.

    Args:
        net: the description.
        seed: of the initial weights; the same seed gives the same weights.
        weights_follow: leave the weights zero, since others will be loaded.

    Raises:
        SpecError: `net` cannot exist at its input size.
    """
    with Undrawn():
        model = InceptionNet(net)
    initialise(model, net, None if weights_follow else seed)
    return model


def classifier(at: str, node: Node, plan: Mapping[str, Step]) -> nn.Module:
    """Build the head that lives at address `at`: like `module`, but it gives (batch, classes)."""
    if isinstance(node, tuple):
        return Scores(*(module(f"{at}.{i}", child, plan) for i, child in enumerate(node)))
    return module(at, node, plan)


def module(at: str, node: Node, plan: Mapping[str, Step]) -> nn.Module:
    """Build the module that lives at address `at`."""
    match node:
        case Split(paths):
            return Concat({name: module(f"{at}.{name}", path, plan) for name, path in paths})
        case tuple():
            parts = (module(f"{at}.{i}", child, plan) for i, child in enumerate(node))
            match node:
                case (Pool(), Conv(bias=False), *_) if averages_then_projects(
                    plan[f"{at}.0"], plan[f"{at}.1"]
                ):
                    return ProjectedAverage(*parts)
            return nn.Sequential(*parts)
        case _:
            return operator(plan[at])


def operator(step: Step) -> nn.Module:
    """Build one operator, with the input width the walk found for it."""
    match step.op:
        case Conv() as op:
            return convolution(op, step)
        case Pool() as op:
            return pool(op, step)
        case Linear(out, relu):
            fc = nn.Linear(step.x.cells, out)
            tail: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten(), fc=fc)
            if relu:
                tail["relu"] = nn.ReLU(inplace=True)
            return nn.Sequential(tail)
        case _:
            return weightless(step.op)


def weightless(op: AdaptivePool | GlobalPool | LocalNorm | Dropout) -> nn.Module:
    """Build an operator that does not depend on its input and has nothing to learn."""
    match op:
        case AdaptivePool(grid):
            return AdaptiveAverage(grid)
        case GlobalPool():
            return GlobalAverage()
        case LocalNorm(size, alpha, beta, k):
            return LocalResponseNorm(size, alpha, beta, k)
        case Dropout(p):
            return SampleDropout(p)
        case _:
            assert_never(op)


def convolution(op: Conv, step: Step) -> nn.Sequential:
    """Convolution, norm and ReLU under the names conv, bn and relu; before them uneven padding."""
    rows, columns = borders(step, op)
    even = rows[0] == rows[1] and columns[0] == columns[1]
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if not even:
        parts["pad"] = nn.ZeroPad2d((*columns, *rows))
    parts["conv"] = nn.Conv2d(
        step.x.channels,
        op.out,
        op.kernel,
        op.stride,
        (rows[0], columns[0]) if even else 0,
        groups=op.groups_of(step.x.channels),
        bias=op.bias,
    )
    if op.norm:
        norm = nn.BatchNorm2d if op.norm.gamma else BatchNormWithoutGamma
        parts["bn"] = norm(op.out, eps=op.norm.eps)
    if op.relu:
        parts["relu"] = nn.ReLU(inplace=True)
    return nn.Sequential(parts)


def pool(op: Pool, step: Step) -> nn.Module:
    """Pooling; uneven padding is a module of its own, or a window that hangs over, where it can."""
    rows, columns = borders(step, op)
    even = rows[0] == rows[1] and columns[0] == columns[1]
    hangs = rows[0] == columns[0] == 0 and step.y.size == tuple(
        windows(n, k, op.stride, "ceil") for n, k in zip(step.x.size, op.kernel, strict=True)
    )
    if op.kind == "max":
        if even or hangs:
            pad = (rows[0], columns[0])
            return nn.MaxPool2d(
                op.kernel, op.stride, pad, ceil_mode=hangs and op.padding != "valid"
            )
        outside = nn.ConstantPad2d((*columns, *rows), float("-inf"))
        return nn.Sequential(outside, nn.MaxPool2d(op.kernel, op.stride))
    if not even and not op.count_padding:
        return PaddedAverage(op.kernel, op.stride, (*columns, *rows))
    if not even:
        return nn.Sequential(nn.ZeroPad2d((*columns, *rows)), nn.AvgPool2d(op.kernel, op.stride))
    return nn.AvgPool2d(
        op.kernel,
        op.stride,
        (rows[0], columns[0]),
        ceil_mode=op.padding == "ceil",
        count_include_pad=op.count_padding,
    )
