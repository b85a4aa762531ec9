"""From spec to module: input widths come from the walk, addresses are the spec's addresses."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import NamedTuple, assert_never

from torch import Tensor, nn

from inception.errors import UnknownNameError, did_you_mean
from inception.network.initialise import initialise
from inception.network.modules import Concat, GlobalAverage, LocalResponseNorm
from inception.spec import (
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
    steps,
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
            {e.name: module(f"exits.{e.name}", e.head, plan) for e in net.exits}
        )
        self.head = module("head", net.head, plan)

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
        weights_follow: leave the weights as torch makes them, since others will be loaded.

    Raises:
        SpecError: `net` cannot exist at its input size.
    """
    model = InceptionNet(net)
    if not weights_follow:
        initialise(model, seed)
    return model


def module(at: str, node: Node, plan: Mapping[str, Step]) -> nn.Module:
    """Build the module that lives at address `at`."""
    match node:
        case Split(paths):
            return Concat({name: module(f"{at}.{name}", path, plan) for name, path in paths})
        case tuple():
            parts = (module(f"{at}.{i}", child, plan) for i, child in enumerate(node))
            return nn.Sequential(*parts)
        case _:
            return operator(plan[at])


def operator(step: Step) -> nn.Module:
    """Build one operator, with the input width the walk found for it."""
    match step.op:
        case Conv() as op:
            return convolution(op, step.x.channels)
        case Pool(kind, (kh, kw), stride, padding):
            pad = (kh // 2, kw // 2) if padding == "same" else (0, 0)
            pool = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
            return pool((kh, kw), stride, pad, ceil_mode=padding == "ceil")
        case LocalNorm(size, alpha, beta, k):
            return LocalResponseNorm(size, alpha, beta, k)
        case GlobalPool():
            return GlobalAverage()
        case Dropout(p):
            return nn.Dropout(p)
        case Linear(out, relu):
            fc = nn.Linear(step.x.cells, out)
            tail: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten(), fc=fc)
            if relu:
                tail["relu"] = nn.ReLU(inplace=True)
            return nn.Sequential(tail)
        case _:
            assert_never(step.op)


def convolution(op: Conv, channels: int) -> nn.Sequential:
    """Convolution, norm and ReLU under the names conv, bn and relu."""
    pad = (op.kernel[0] // 2, op.kernel[1] // 2) if op.padding == "same" else (0, 0)
    conv = nn.Conv2d(channels, op.out, op.kernel, op.stride, pad, bias=op.bias)
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
    if op.norm:
        parts["bn"] = nn.BatchNorm2d(op.out, eps=op.norm.eps)
    if op.relu:
        parts["relu"] = nn.ReLU(inplace=True)
    return nn.Sequential(parts)
