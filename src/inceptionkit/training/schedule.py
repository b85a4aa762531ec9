"""The learning rate as a function of progress, and progress as a function of the plans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from inceptionkit.training.execution import Execution
from inceptionkit.training.recipe import Recipe
from inceptionkit.training.updates import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    MultiStep,
    Schedule,
    Step,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long the run will be, decided at a step and followed from there on."""

    step: int  # steps done when it was made
    steps: int  # steps in all
    progress: float  # share of the schedule done when it was made, 0 to 1
    images_per_second: float  # the speed it is based on, evaluation not included
    seconds_left: float | None  # of the budget; None without one
    why: str
    steps_per_epoch: int = 0  # where it was made: other images make others; 0 for those of now
    execution: Execution | None = None  # of its steps; None for that which the probe chose

    def scaled(self, steps_per_epoch: int) -> Plan:
        """The plan for as many epochs of another number of steps."""
        old = self.steps_per_epoch or steps_per_epoch
        step, steps = (count * steps_per_epoch // old for count in (self.step, self.steps))
        return replace(self, step=step, steps=steps, steps_per_epoch=steps_per_epoch)


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
    """Learning rate after a `share` of the schedule: a linear climb, then the recipe's schedule.

    Schedules that count epochs count those of the recipe: however long the run is, it comes as far
    as a run of `recipe.epochs` would.
    """
    schedule = recipe.schedule
    if share < schedule.warmup:
        return recipe.optimizer.lr * share / schedule.warmup
    fall = (share - schedule.warmup) / (1.0 - schedule.warmup)
    return recipe.optimizer.lr * _scale(schedule, fall, share * recipe.epochs)


def _scale(schedule: Schedule, fall: float, epoch: float) -> float:
    """Learning rate after a share of the fall, at an epoch of the recipe; the peak is 1."""
    match schedule:
        case Constant():
            return 1.0
        case Linear():
            return 1.0 - fall
        case Cosine():
            return 0.5 * (1.0 + math.cos(math.pi * fall))
        case Exponential(factor=factor, decay_epochs=every):
            return math.pow(factor, epoch / every)
        case Step(factor=factor, decay_epochs=every, shift_epochs=shift):
            return math.pow(factor, math.floor((epoch + shift) / every))
        case MultiStep(factor=factor, milestones=milestones):
            return math.pow(factor, sum(epoch >= at for at in milestones))
