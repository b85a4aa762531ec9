"""Optimizers: from a recipe, and their state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from inceptionkit.network import InceptionNet
from inceptionkit.training.freezing import rate_shares
from inceptionkit.training.recipe import SGD, AdamW, Recipe, RMSProp, RMSPropTF
from inceptionkit.training.rmsprop_tf import RMSPropTensorFlow


def make_optimizer(model: InceptionNet, recipe: Recipe) -> Optimizer:
    """The optimizer of a recipe; weight decay on weights only, frozen parameters left out.

    Weights are the parameters of two dimensions or more: biases, gammas and betas do not decay.
    """
    groups = _parameter_groups(model, recipe)
    lr = recipe.lr
    match recipe.optimizer:
        case SGD(momentum=momentum, nesterov=nesterov):
            nesterov = nesterov and momentum > 0
            made = torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)
            return _with_momenta(made)
        case RMSProp(momentum=momentum, alpha=alpha, eps=eps):
            return torch.optim.RMSprop(
                groups, lr=lr, momentum=momentum, alpha=alpha, eps=eps, foreach=True
            )
        case RMSPropTF(momentum=momentum, alpha=alpha, eps=eps):
            return RMSPropTensorFlow(groups, lr=lr, momentum=momentum, alpha=alpha, eps=eps)
        case AdamW(beta1=beta1, beta2=beta2, eps=eps):
            return torch.optim.AdamW(groups, lr=lr, betas=(beta1, beta2), eps=eps, foreach=True)


def _with_momenta(made: torch.optim.SGD) -> torch.optim.SGD:
    """Give SGD its momenta, zero, before the first step.

    torch's fused one makes them in its first step, and leaves them unset where a scaler skips that
    step.
    """
    for group in made.param_groups:
        for parameter in group["params"] if group["momentum"] else ():
            made.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return made


def _parameter_groups(model: InceptionNet, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameters by weight decay and by share of the learning rate, in a fixed order."""
    shares = {} if recipe.freezing.layer_decay == 1 else rate_shares(model, recipe)
    groups: dict[tuple[float, bool], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((shares.get(name, 1.0), parameter.ndim > 1), []).append(parameter)
    return [
        {"params": found, "share": share, "weight_decay": recipe.optimizer.weight_decay * decays}
        for (share, decays), found in sorted(groups.items(), key=lambda item: item[0], reverse=True)
    ]


def moments(optimizer: Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """State of the optimizer: "momentum_buffer.NAME" and so on."""
    return {
        f"{kind}.{name}": value
        for name, parameter in model.named_parameters()
        for kind, value in optimizer.state.get(parameter, {}).items()
        if value is not None
    }


def set_moments(optimizer: Optimizer, model: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Put back what `moments` gave."""
    parameters = dict(model.named_parameters())
    optimizer.state.clear()
    for key, value in values.items():
        kind, _, name = key.partition(".")
        parameter = parameters[name]
        like = parameter if value.shape == parameter.shape else value  # in memory too
        optimizer.state[parameter][kind] = torch.empty_like(like, dtype=value.dtype).copy_(value)
