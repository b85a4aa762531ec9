"""RMSProp as TensorFlow computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

foreach_add = torch._foreach_add  # noqa: SLF001 - torch's only name for it


class RMSPropTensorFlow(Optimizer):
    """RMSProp whose mean square starts at one and whose eps is inside the root.

    For a gradient g: s = alpha s + (1 - alpha) g^2; m = momentum m + lr g / sqrt(s + eps);
    w = w - m. `torch.optim.RMSprop` starts s at zero, adds eps to the root, and multiplies m by the
    current learning rate. With an eps of one these are very different optimizers.

    Args:
        params: groups of parameters, or parameters.
        lr: learning rate.
        alpha: decay of the mean square.
        momentum: of the step, in which past learning rates are remembered.
        eps: added to the mean square.
        weight_decay: times the weights, added to their gradient.

    Sources:
        tensorflow/core/kernels/training_ops.cc, ApplyRMSProp; tf.compat.v1.train.RMSPropOptimizer.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        alpha: float = 0.9,
        momentum: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        usual = {
            "lr": lr,
            "alpha": alpha,
            "momentum": momentum,
            "eps": eps,
            "weight_decay": weight_decay,
        }
        super().__init__(params, usual)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient; closures are not called."""
        del closure
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                update(params, [self.moments(p) for p in params], group)

    def moments(self, parameter: Tensor) -> dict[str, Tensor]:
        """The mean square and the step of one parameter."""
        state: dict[str, Tensor] = self.state[parameter]
        if not state:
            state["square_avg"] = torch.ones_like(parameter)
            state["momentum_buffer"] = torch.zeros_like(parameter)
        return state


def update(params: list[Tensor], states: list[dict[str, Tensor]], group: dict[str, Any]) -> None:
    """Apply the rule to parameters of one group at once."""
    gradients = [p.grad for p in params if p.grad is not None]
    squares = [state["square_avg"] for state in states]
    buffers = [state["momentum_buffer"] for state in states]
    if group["weight_decay"]:
        gradients = list(foreach_add(gradients, params, alpha=group["weight_decay"]))
    torch._foreach_mul_(squares, group["alpha"])
    torch._foreach_addcmul_(squares, gradients, gradients, 1.0 - group["alpha"])
    roots = foreach_add(squares, group["eps"])
    torch._foreach_sqrt_(roots)
    torch._foreach_mul_(buffers, group["momentum"])
    torch._foreach_addcdiv_(buffers, gradients, roots, group["lr"])
    torch._foreach_sub_(params, buffers)
