"""Planning a run: how many updates its budget allows, written down before they are made."""

from __future__ import annotations

from dataclasses import asdict

from inceptionkit.spec import with_input
from inceptionkit.training.budget import (
    Epochs,
    Speed,
    Time,
    Work,
    first_plan,
    flop_per_image,
    next_plan,
    work_plan,
)
from inceptionkit.training.probe import time_evaluation
from inceptionkit.training.progressive_resizing import mean_work, work
from inceptionkit.training.run.run import Run
from inceptionkit.training.schedule import Plan, progress
from inceptionkit.training.state import Job, State

ENDING = 5.0  # seconds for the model folder, the report and leaving, beside scoring images


def plan_run(run: Run, job: Job, state: State) -> Plan:
    """How long the run will be."""
    mean = mean_work(job, 0.0)
    step = mean * min(t.step_seconds for t in run.record.probe if t.execution == job.execution)
    per_epoch = job.steps_per_epoch
    match run.record.budget:
        case Time() as budget:
            speed = measured(run, step, time_evaluation(job, state) / run.processes.count)
            left = run.processes.told(budget.seconds - run.seconds())
            speed = Speed(**run.processes.told(asdict(speed)))
            return first_plan(budget, speed, left, batch=job.batch, steps_per_epoch=per_epoch)
        case Work() as allowed:
            return work_plan(
                allowed,
                mean * flop_per_image(with_input(job.net, job.crop_side)),
                batch=job.batch,
                steps_per_epoch=per_epoch,
                speed=job.batch / step,
            )
        case Epochs(epochs):
            return Plan(
                step=0,
                steps=epochs * per_epoch,
                progress=0.0,
                images_per_second=job.batch / step,
                seconds_left=None,
                why="as asked for",
            )


def replan(run: Run, job: Job, state: State) -> None:
    """At the end of an epoch, plan the rest anew if the time budget asks for it.

    A plan made for this update before the run was interrupted is kept.
    """
    budget, plans = run.record.budget, run.record.plans
    if not isinstance(budget, Time) or plans[-1].step >= state.step:
        return
    row = state.rows[-1]
    per_image = row["evaluation_seconds"] / max(1, len(job.val))
    began = (state.step - 1) // job.steps_per_epoch * job.steps_per_epoch
    step = job.batch / row["images_per_second"] / work(job, progress(plans, began))
    mean = step * mean_work(job, progress(plans, state.step))
    plan = next_plan(
        plans,
        measured(run, mean, per_image),
        budget.seconds - run.seconds(),
        step=state.step,
        batch=job.batch,
        steps_per_epoch=job.steps_per_epoch,
    )
    told = run.processes.told(plan and asdict(plan))
    if told is not None:
        add_plan(run, job, Plan(**told))


def measured(run: Run, step: float, per_image: float) -> Speed:
    """What planning needs, from seconds per update and per scored image."""
    scored = len(run.ready.test) or len(run.ready.val)
    return Speed(
        step=step,
        evaluation=per_image * len(run.ready.val),
        ending=ENDING + per_image * scored,
    )


def add_plan(run: Run, job: Job, plan: Plan) -> None:
    """Write a plan down, then let it be followed."""
    run.record.plans.append(plan)
    run.write_record()
    left = "" if plan.seconds_left is None else f", {plan.seconds_left:.0f} s left"
    run.listener.say(
        f"plan: {plan.steps / job.steps_per_epoch:.1f} epochs, {plan.steps:,} updates of "
        f"{job.batch} images at {plan.images_per_second:,.0f} images/s{left} ({plan.why})"
    )
