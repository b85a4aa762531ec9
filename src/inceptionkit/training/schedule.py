"""The learning rate as a function of progress, and progress as a function of the plans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inceptionkit.training.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long the run will be, decided at a step and followed from there on."""

    step: int  # steps done when it was made
    steps: int  # steps in all
    progress: float  # share of the schedule done when it was made, 0 to 1
    images_per_second: float  # the speed it is based on, evaluation not included
    seconds_left: float | None  # of the budget; None without one
    why: str


def active_plan(plans: Sequence[Plan], step: float) -> Plan:
    """The plan that is followed after `step` steps: a later one may be written down already."""
    return next(plan for plan in reversed(plans) if plan.step <= step)


def progress(plans: Sequence[Plan], step: float) -> float:
    """Share of the schedule done after `step` steps, from 0 to 1; it never jumps at a new plan.

    A whole and a half is the middle of a step.

    Each plan spends what was left of the schedule evenly on the steps that it has left.
    """
    plan = active_plan(plans, step)
    done = (step - plan.step) / max(1, plan.steps - plan.step)
    return plan.progress + (1.0 - plan.progress) * min(1.0, done)


def learning_rate(recipe: Recipe, share: float) -> float:
    """Learning rate after a `share` of the schedule: a linear climb, then the recipe's decay.

    Decays that count epochs count those of the recipe: however long the run is, it comes as far as
    a run of `recipe.epochs` would.
    """
    if share < recipe.warmup:
        return recipe.lr * share / recipe.warmup
    fall = (share - recipe.warmup) / (1.0 - recipe.warmup)
    match recipe.decay:
        case "linear":
            return recipe.lr * (1.0 - fall)
        case "cosine":
            return recipe.lr * 0.5 * (1.0 + math.cos(math.pi * fall))
        case "exponential" | "step":
            factor = recipe.decay_factor or 1.0
            return recipe.lr * math.pow(factor, _decay_count(recipe, share * recipe.epochs))
        case "constant":
            return recipe.lr


def _decay_count(recipe: Recipe, epoch: float) -> float:
    """How often the rate was multiplied by its factor until `epoch`, which may be in the middle."""
    if recipe.decay_at:
        return sum(epoch >= at for at in recipe.decay_at)
    turns = (epoch + recipe.decay_shift) / (recipe.decay_epochs or 1.0)
    return math.floor(turns) if recipe.decay == "step" else turns
