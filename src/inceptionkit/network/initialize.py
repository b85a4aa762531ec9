"""First weights, as a function of a seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.overrides import TorchFunctionMode

from inceptionkit.spec import Conv, Init, Linear, Net, steps

HE = Init()  # keeps the variance through ReLUs
SMALL = Init(std=0.01)  # of classifiers: the first predictions are nearly uniform
TORCH_DRAWS = (nn.init.kaiming_uniform_, nn.init.uniform_)  # of weights and biases


class Undrawn(TorchFunctionMode):
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
        if func in TORCH_DRAWS:  # the layers do not look at what these return
            return None
        return func(*args, **(kwargs or {}))


def initialise(model: nn.Module, net: Net, seed: int | None) -> None:
    """Draw the weights of every convolution and linear layer of `model`, built from `net`.

    Each operator's `init` says how. Where it says nothing, operators that a ReLU follows get normal
    weights of variance 2 / fan-in, the others, which are classifiers, a standard deviation of 0.01;
    biases become 0.

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
            init = op.init or (HE if op.relu else SMALL)
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
