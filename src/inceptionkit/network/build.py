"""From spec to module, with first weights as a function of a seed; and the devices for it.

Input widths come from the walk, addresses are the spec's addresses.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, assert_never

import torch
from torch import Generator, Tensor, nn
from torch.overrides import TorchFunctionMode

from inceptionkit.errors import RecipeError, UnknownNameError, did_you_mean
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
    TensorFlowMax,
    TensorFlowPad,
)
from inceptionkit.spec import (
    AdaptivePool,
    Conv,
    Dropout,
    GlobalPool,
    Init,
    Linear,
    LocalNorm,
    Net,
    Node,
    Op,
    Pool,
    Split,
    Step,
    averages_then_projects,
    borders,
    groups_of,
    steps,
)

_HE = Init()  # keeps the variance through ReLUs
_LINEAR = Init(gain=1.0)  # keeps it where none follows
SMALL = Init(std=0.01)  # of classifiers: the first predictions are nearly uniform
_TORCH_DRAWS = (nn.init.kaiming_uniform_, nn.init.uniform_)  # of weights and biases


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
            {e.name: module(f"exits.{e.name}", e.head, plan, scores=True) for e in net.exits}
        )
        self.head = module("head", net.head, plan, scores=True)

    def forward(self, images: Tensor, exits: Collection[str] = ()) -> Logits:
        """Scores before softmax, of the head and of the exits asked for.

        Args:
            images: (batch, channels, height, width), float, normalized.
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


class SkipInit(TorchFunctionMode):
    """Within it, layers are made without first weights: ours are drawn later, or others follow.

    torch's meta device would do it too, but imports sympy when it is left: 0.6 s.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - what `func` gives
        """Call `func`, unless it is one of those with which torch's layers draw."""
        del types
        if func in _TORCH_DRAWS:  # the layers do not look at what these return
            return None
        return func(*args, **(kwargs or {}))


def build(net: Net, *, seed: int = 0, weights_follow: bool = False) -> InceptionNet:
    """Build the module of `net`.

    Args:
        net: the description.
        seed: of the initial weights; the same seed gives the same weights.
        weights_follow: leave the weights zero, since others will be loaded.

    Raises:
        SpecError: `net` cannot exist at its input size.
    """
    with SkipInit():
        model = InceptionNet(net)
    _initialize(model, net, None if weights_follow else seed)
    return model


def module(at: str, node: Node, plan: Mapping[str, Step], *, scores: bool = False) -> nn.Module:
    """Build the module that lives at address `at`.

    Args:
        at: its address.
        node: what it is.
        plan: the steps of the network by their addresses.
        scores: whether it is a classifier, which gives (batch, classes).
    """
    match node:
        case Split(paths):
            return Concat({name: module(f"{at}.{name}", path, plan) for name, path in paths})
        case tuple():
            parts = (module(f"{at}.{i}", child, plan) for i, child in enumerate(node))
            if scores:
                return Scores(*parts)
            match node:
                case (Pool(), Conv(bias=False), *_) if averages_then_projects(
                    plan[f"{at}.0"], plan[f"{at}.1"]
                ):
                    return ProjectedAverage(*parts)
            return nn.Sequential(*parts)
        case _:
            return operator(node, plan[at])


def operator(op: Op, step: Step) -> nn.Module:  # noqa: C901, PLR0911 - a case for each kind
    """Build one operator, with the input width the walk found for it."""
    match op:
        case Conv():
            return convolution(op, step)
        case Pool():
            return pool(op, step)
        case Linear(out, relu):
            fc = nn.Linear(step.input.cells, out)
            tail: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten(), fc=fc)
            if relu:
                tail["relu"] = nn.ReLU(inplace=True)
            return nn.Sequential(tail)
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
    uneven = rows[0] != rows[1] or columns[0] != columns[1]
    fixed = op.padding != "tensorflow" or (op.stride == 1 and not uneven)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if not fixed:
        parts["pad"] = TensorFlowPad(op.kernel, op.stride)
    parts["conv"] = nn.Conv2d(
        step.input.channels,
        op.out,
        op.kernel,
        op.stride,
        (rows[0], columns[0]) if fixed else 0,
        groups=groups_of(op, step.input.channels),
        bias=op.bias,
    )
    if op.norm:
        norm = nn.BatchNorm2d if op.norm.gamma else BatchNormWithoutGamma
        parts["bn"] = norm(op.out, eps=op.norm.eps)
    if op.relu:
        parts["relu"] = nn.ReLU(inplace=True)
    return nn.Sequential(parts)


def pool(op: Pool, step: Step) -> nn.Module:
    """Pooling; TensorFlow's padding is worked out from each input, unless it is even for all."""
    rows, columns = borders(step, op)
    pad, uneven = (rows[0], columns[0]), rows[0] != rows[1] or columns[0] != columns[1]
    if op.padding == "tensorflow" and (op.stride > 1 or uneven):
        if op.kind == "max":
            return TensorFlowMax(op.kernel, op.stride)
        if not op.count_padding:
            return PaddedAverage(op.kernel, op.stride)
        return nn.Sequential(
            TensorFlowPad(op.kernel, op.stride), nn.AvgPool2d(op.kernel, op.stride)
        )
    hangs = op.padding == "ceil"
    if op.kind == "max":
        return nn.MaxPool2d(op.kernel, op.stride, pad, ceil_mode=hangs)
    return nn.AvgPool2d(
        op.kernel, op.stride, pad, ceil_mode=hangs, count_include_pad=op.count_padding
    )


def _initialize(model: nn.Module, net: Net, seed: int | None) -> None:
    """Draw the weights of every convolution and linear layer of `model`, built from `net`.

    Each operator's `init` says how. Where it says nothing, classifiers without a ReLU get normal
    weights of a standard deviation of 0.01, other operators such that keep the variance: 2 / fan-in
    where a ReLU follows, 1 / fan-in where none does. Biases become 0.

    Args:
        model: the module.
        net: what it was built from.
        seed: of the draws; None sets every weight and bias to 0.

    Sources:
        He et al. 2015, arXiv:1502.01852, section 2.2. Small classifiers: Caffe's and TF-slim's
        Inception files.
    """
    generator = None if seed is None else Generator().manual_seed(seed)
    operators = {step.at: step.op for step in steps(net)}
    with torch.no_grad():
        for at, part in model.named_modules():
            op = operators.get(at)
            if not isinstance(op, Conv | Linear):
                continue
            layer = part.get_submodule("conv" if isinstance(op, Conv) else "fc")
            init = op.init or (_HE if op.relu else SMALL if op.classifier else _LINEAR)
            for name, tensor in layer.named_parameters():
                if generator is None:
                    tensor.zero_()
                elif name == "bias":
                    tensor.fill_(init.bias)
                else:
                    draw(tensor, init, generator)


def draw(weight: Tensor, init: Init, generator: Generator) -> None:
    """Fill `weight`, (out, in, ...), with random numbers."""
    fan_in = weight[0].numel()
    std = init.std if init.std is not None else (init.gain / fan_in) ** 0.5
    match init.distribution:
        case "normal":
            weight.normal_(0.0, std, generator=generator)
        case "uniform":
            weight.uniform_(-std * 3**0.5, std * 3**0.5, generator=generator)
        case "truncated":  # by the inverse of the distribution function: no rejection, no loop
            inside = math.erf(2.0 / 2**0.5)
            weight.uniform_(-inside, inside, generator=generator).erfinv_()
            weight.mul_(std * 2**0.5).clamp_(-2.0 * std, 2.0 * std)


def named_device(name: str | None) -> str:
    """The device that is asked for: "gpu" is the first GPU, None that or else the CPU."""
    gpu = torch.cuda.is_available()
    if name is None or (name == "gpu" and gpu):
        return "cuda" if gpu else "cpu"
    return name


def check_device(name: str) -> None:
    """Refuse a device that torch does not know, or that this machine does not have."""
    kinds = ("cpu", *(("cuda",) if torch.cuda.is_available() else ()))
    if name == "gpu":
        msg = "this machine, or this torch, has no GPU; leave --device out to compute on the CPU"
        raise RecipeError(msg)
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        known = name.partition(":")[0] in {"cuda", "mps", "xpu"}
        wrong = "this machine, or this torch, has no" if known else "there is no"
        msg = f"{wrong} device {name!r}; {did_you_mean(name, kinds)}"
        raise RecipeError(msg) from error
