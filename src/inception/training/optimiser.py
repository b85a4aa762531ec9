"""The optimiser and the moving average of the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import SGD

from inception.training.recipe import Recipe


def sgd(model: nn.Module, recipe: Recipe) -> SGD:
    """SGD with Nesterov momentum; weight decay on weights only.

    Weights are the parameters of two dimensions or more: biases, gammas and betas do not decay.
    """
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    nesterov = recipe.momentum > 0
    return SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=nesterov, foreach=True)


def momenta(optimiser: SGD, model: nn.Module) -> dict[str, Tensor]:
    """Parameter name -> its momentum; empty before the first update."""
    found = {}
    for name, parameter in model.named_parameters():
        momentum = optimiser.state[parameter].get("momentum_buffer")
        if momentum is not None:
            found[name] = momentum
    return found


def set_momenta(optimiser: SGD, model: nn.Module, values: dict[str, Tensor]) -> None:
    """Put back what `momenta` gave."""
    for name, parameter in model.named_parameters():
        if name in values:
            momentum = torch.empty_like(parameter).copy_(values[name])
            optimiser.state[parameter]["momentum_buffer"] = momentum


def floats(model: nn.Module) -> list[Tensor]:
    """Every parameter and every running statistic, in a fixed order."""
    state = model.state_dict(keep_vars=True).values()
    return [value.detach() for value in state if value.is_floating_point()]


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, *, horizon: float, step: int) -> None:
    """Move `average` towards `model`, running statistics included.

    Args:
        average: the moving average, changed in place.
        model: what it follows.
        horizon: updates that it remembers, about; its decay is 1 - 1 / horizon, but grows to that
            as (1 + step) / (10 + step), so that the first weights are soon forgotten.
        step: updates done before this one.

    Sources:
        The growing decay is that of TensorFlow's ExponentialMovingAverage with `num_updates`.
    """
    now = min(1.0 - 1.0 / max(1.0, horizon), (1 + step) / (10 + step))
    torch._foreach_lerp_(floats(average), floats(model), 1.0 - now)
