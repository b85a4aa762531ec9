"""Averages of the weights over the run: what is scored and kept."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

import torch
from torch import Tensor, nn

from inceptionkit.network import InceptionNet
from inceptionkit.training.recipe import Recipe
from inceptionkit.training.updates import EMA, FixedEMA, Lookahead, Polyak


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, weight: float) -> None:
    """Move `average` by a share `weight` of its way to `model`, running statistics included."""
    states = (each.state_dict(keep_vars=True).values() for each in (average, model))
    own, new = ([v.detach() for v in state if v.is_floating_point()] for state in states)
    torch._foreach_lerp_(own, new, weight)


def ema_weight(recipe: Recipe, due: Iterable[int], *, steps: int) -> float:
    """By which share of its way the average moves to the weights, for several steps at once.

    The weights after the last of them stand for those after each: 1 - (1 - share) (1 - share) ...

    Args:
        recipe: says which average.
        due: steps, each the number of those before it.
        steps: of the run, as far as it is planned.

    Sources:
        pycls averages so: `EMA_UPDATE_PERIOD` of its `update_model_ema`.
    """
    return 1.0 - math.prod(1.0 - step_weight(recipe, step=step, steps=steps) for step in due)


def step_weight(recipe: Recipe, *, step: int, steps: int) -> float:
    """The same for the one step after `step` others."""
    match recipe.average:
        case None:
            return 1.0
        case EMA(ema_horizon=share):
            return moving(step, decay=1.0 - 1.0 / max(1.0, share * steps))
        case FixedEMA(ema_decay=decay):
            return moving(step, decay=decay)
        case Polyak(polyak_share=share):
            return polyak(step, begin=round((1.0 - share) * steps))
        case Lookahead(slow_decay=decay):
            return lookahead(step, steps=steps, decay=decay)


def moving(step: int, *, decay: float) -> float:
    """Of a moving average that keeps `decay` of itself.

    The decay grows to that as (1 + step) / (10 + step), so that the first weights are soon
    forgotten.

    Sources:
        The growing decay is that of TensorFlow's ExponentialMovingAverage with `num_updates`.
    """
    return 1.0 - min(decay, (1 + step) / (10 + step))


def polyak(step: int, *, begin: int) -> float:
    """Of the equal mean over all weights from step `begin` on; before, the weights themselves.

    Sources:
        Polyak and Juditsky 1992, doi:10.1137/0330046; GoogLeNet's final weights are such a mean
        (arXiv:1409.4842, section 6).
    """
    return 1.0 / max(1, step - begin + 1)


def lookahead(step: int, *, steps: int, decay: float) -> float:
    """Of slow weights that keep `decay` of themselves at the end, and at first nothing.

    Five steps keep decay^5 times the cube of the progress.

    Sources:
        Zhang et al. 2019, arXiv:1907.08610; the growing decay: Jordan 2024, arXiv:2404.00498,
        section 3.4.
    """
    return 1.0 - decay * math.pow(min(1.0, step / steps), 3 / 5)


@torch.no_grad()
def renew_norms(
    model: InceptionNet, batches: Iterable[Tensor], *, still: Collection[nn.Module] = ()
) -> None:
    """Give batch norms the statistics of some batches, seen by `model` with its weights of now.

    The mean of the batches' statistics takes the place of the running ones. The weights of an
    average were never run: their statistics are not the average of others'.

    Args:
        model: changed in place; left in evaluation mode.
        batches: (batch, channels, height, width), float, normalized.
        still: modules whose batch norms keep what they have.
    """
    kept = {id(part) for module in still for part in module.modules()}
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and id(m) not in kept]
    if not norms:
        return
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's word for the plain mean of all batches
        norm.train()
    for images in batches:
        model(images, exits=[exit_.name for exit_ in model.spec.exits])
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    model.eval()
