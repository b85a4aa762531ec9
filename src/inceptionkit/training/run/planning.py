"""Planning a run: how many steps its budget allows, before the first and after each epoch.

With small crops first, a step costs less at the beginning of a run than at its end.

Sources:
    Tan & Le 2021, arXiv:2104.00298, section 4 (progressive learning).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from inceptionkit.derive import cost
from inceptionkit.spec import with_input
from inceptionkit.training.autotune import time_evaluation
from inceptionkit.training.budget import (
    Budget,
    Epochs,
    Speed,
    Time,
    Work,
    first_plan,
    flop_per_image,
    next_plan,
    work_plan,
)
from inceptionkit.training.run.record import Record
from inceptionkit.training.schedule import Plan, progress
from inceptionkit.training.state import TrainConfig, TrainState

ENDING = 5.0  # seconds for the model folder, the report and leaving, beside scoring images


def plan_run(
    record: Record,
    config: TrainConfig,
    state: TrainState,
    seconds: Callable[[], float],
    *,
    scored: int,
) -> Plan:
    """How long the run will be.

    Args:
        record: has the budget, and what the probe measured.
        config: what the run computes.
        state: before its first step.
        seconds: that the run took so far.
        scored: images that are scored at its end.
    """
    mean, group = 1.0, config.processes
    if config.recipe.resizing.small_crops:
        mean = mean_step_cost(config, 0.0)
    step = mean * min(t.step_seconds for t in record.probe if t.execution == config.execution)
    match record.budget:
        case Time() as budget:
            per_image = time_evaluation(config, state) / group.count
            speed = _speed(config, step, per_image, scored=scored)
            left = group.broadcast_json(budget.seconds - seconds())
            speed = Speed(**group.broadcast_json(asdict(speed)))
            return first_plan(
                budget,
                speed,
                left,
                batch=config.batch,
                steps_per_epoch=config.steps_per_epoch,
            )
        case Work() as budget:
            return work_plan(
                budget,
                mean * flop_per_image(with_input(config.net, config.crop_side)),
                batch=config.batch,
                steps_per_epoch=config.steps_per_epoch,
                speed=config.batch / step,
            )
        case Epochs(epochs):
            return Plan(
                step=0,
                steps=epochs * config.steps_per_epoch,
                progress=0.0,
                images_per_second=config.batch / step,
                seconds_left=None,
                why="as asked for",
            )


def replan(
    budget: Budget, config: TrainConfig, state: TrainState, *, seconds: float, scored: int
) -> Plan | None:
    """At the end of an epoch, how long the rest will be, if a time budget asks for another plan.

    A plan made for this step before the run was interrupted is kept.
    """
    plans = state.plans
    if not isinstance(budget, Time) or plans[-1].step >= state.step:
        return None
    row, per_epoch = state.rows[-1], config.steps_per_epoch
    per_image = row["evaluation_seconds"] / max(1, len(config.val))
    first = (state.step - 1) // per_epoch * per_epoch
    relative = relative_step_cost(config, progress(plans, first))
    step = config.batch / row["images_per_second"] / relative
    step *= mean_step_cost(config, progress(plans, state.step))
    plan = next_plan(
        plans,
        _speed(config, step, per_image, scored=scored),
        budget.seconds - seconds,
        step=state.step,
        batch=config.batch,
        steps_per_epoch=per_epoch,
    )
    known = config.processes.broadcast_json(plan and asdict(plan))
    return known and Plan(**known)


def _speed(config: TrainConfig, step: float, per_image: float, *, scored: int) -> Speed:
    """What planning needs, from seconds per step and per scored image."""
    return Speed(
        step=step,
        evaluation=per_image * len(config.val),
        ending=ENDING + per_image * scored,
    )


def relative_step_cost(config: TrainConfig, share: float) -> float:
    """Cost of a step after a `share` of the schedule; 1 at the end of the run."""
    if share >= config.recipe.resizing.small_crops:
        return 1.0
    small, large = (
        cost(with_input(config.net, config.at(share).crop_side)).with_exits.macs
        for share in (0.0, 1.0)
    )
    return small / large


def mean_step_cost(config: TrainConfig, share: float) -> float:
    """Mean cost of the steps that are left after a `share` of the schedule."""
    if share >= config.recipe.resizing.small_crops:
        return 1.0
    small = (config.recipe.resizing.small_crops - share) / (1.0 - share)
    return small * relative_step_cost(config, share) + 1.0 - small
