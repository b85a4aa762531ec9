"""Planning a run: how many steps its budget allows, before the first and as it goes on.

With small crops first, a step costs less at the beginning of a run than at its end.

Sources:
    Tan & Le 2021, arXiv:2104.00298, section 4 (progressive learning).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from time import monotonic

import torch

from inceptionkit.derive import cost
from inceptionkit.errors import RunError
from inceptionkit.records import from_json, to_json
from inceptionkit.spec import with_input
from inceptionkit.timing import TimingBudget
from inceptionkit.training.autotune import candidates, time_evaluation, time_steps
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
from inceptionkit.training.execution import fastest
from inceptionkit.training.loop import Event, StepEnded
from inceptionkit.training.pace import Pace
from inceptionkit.training.run.record import Record
from inceptionkit.training.schedule import Plan, active_plan, progress
from inceptionkit.training.state import TrainConfig, TrainState

PROBE_AGAIN = TimingBudget(least=2, most=4, seconds=2.0)
_LONG = 0.05  # share of the budget for which steps must be far from what was expected,
_PROBE_STEPS, _PROBE_COST = 12, 0.1  # and so many of them less than this share of the time left,
_CLEARLY = 1.2  # before a probe looks for an execution that is so many times as fast


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
    if config.recipe.inputs.small_crops:
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


def plan_for_others(record: Record, state: TrainState) -> Plan:
    """How long a run goes on after its images changed: for the epochs, or the work, it had left.

    Args:
        record: has the budget, and the plans as they were made.
        state: has the plans for as many epochs of the new images.
    """
    made, plan = record.plans[-1], state.plans[-1]
    steps = plan.steps
    if isinstance(record.budget, Work):
        done = state.step * made.steps_per_epoch // state.steps_per_epoch
        steps = state.step + made.steps - done
    share = progress(state.plans, state.step)
    why = "the images changed"
    return replace(plan, step=state.step, steps=steps, progress=share, why=why)


@dataclass(slots=True)
class Replanner:
    """Plans the rest of a time budget again as the run goes on.

    Attributes:
        budget: of the whole command.
        config: what the run computes.
        start_time: of the run, as `monotonic` counts.
        pace: what its steps and its evaluations took.
        small: cost of a step with small crops; 1 is that of one at the end of the run.
        threads: that the run may use.
        precision: as asked for.
    """

    budget: Time
    config: TrainConfig
    start_time: float
    pace: Pace
    small: float
    threads: int
    precision: str

    def due(self, event: Event, state: TrainState) -> bool:
        """Take note of an event, and answer whether to check the plan again.

        A plan that was made for a later step, before the run was interrupted, is kept. At the last
        step of an epoch its evaluation is awaited.
        """
        now, last, per_epoch = monotonic(), state.plans[-1], self.config.steps_per_epoch
        if isinstance(event, StepEnded):
            begun = progress(state.plans, (event.step - 1) // per_epoch * per_epoch)
            small = begun < self.config.recipe.inputs.small_crops
            self.pace.end_step(now, self.small if small else 1.0)
            if state.step % per_epoch == 0:
                return False
        else:
            self.pace.end_epoch(now, self._left())
        return last.step < state.step < last.steps and self.pace.due(
            self._left(), step=state.step, steps=last.steps
        )

    def plan(self, state: TrainState) -> Plan | None:
        """How long the rest of the run will be, if the time left asks for another plan."""
        left, config = self._left(), self.config
        speed = self.pace.speed(left)
        mean = mean_step_cost(config, progress(state.plans, state.step))
        plan = next_plan(
            state.plans,
            self.budget,
            replace(speed, step=speed.step * mean),
            left,
            step=state.step,
            batch=config.batch,
            steps_per_epoch=config.steps_per_epoch,
        )
        if self._worth_a_probe(speed.step, left):
            plan = self._probed(state, plan)
        known = config.processes.broadcast_json(to_json(plan))
        return known and from_json(Plan, known, at="plan", error=RunError)

    def _worth_a_probe(self, step: float, left: float) -> bool:
        """Whether steps have been far from what was expected for long, and a probe is cheap."""
        alone = self.config.processes.count == 1 and self.config.execution.device == "cpu"
        long = self.pace.strayed(left) > _LONG * self.budget.seconds
        return alone and long and _PROBE_STEPS * step < _PROBE_COST * left

    def _probed(self, state: TrainState, plan: Plan | None) -> Plan | None:
        """A plan with another precision or number of threads, if that is clearly faster now.

        The memory layout stays: a resumed run would have to change it at the same step.
        """
        last, expected = state.plans[-1], self.pace.expected
        own = last.execution or self.config.execution
        others = candidates(own.device, self.threads, self.precision)
        others.append(replace(own, threads=max(1, own.threads - 1)))
        tried = [own, *(one for one in others if one.channels_last == own.channels_last)]
        share = progress(state.plans, state.step)
        config = self.config.at(share)
        trials = time_steps(config, list(dict.fromkeys(tried)), PROBE_AGAIN)
        torch.set_num_threads(own.threads)
        best = fastest(trials)
        if best.step_seconds * _CLEARLY > trials[0].step_seconds:
            best = trials[0]
        usual = best.step_seconds / (self.small if config.small_crops else 1.0)
        self.pace.expect(usual, monotonic())
        if best == trials[0]:
            return plan
        return replace(
            plan or last,
            step=state.step,
            progress=share,
            images_per_second=self.config.batch / (usual * mean_step_cost(self.config, share)),
            seconds_left=self._left(),
            execution=best.execution,
            why=f"steps took far from the {1e3 * expected:.0f} ms expected; fastest now: {best}",
        )

    def _left(self) -> float:
        """Seconds of the budget."""
        return self.budget.seconds - (monotonic() - self.start_time)


def replanner(
    budget: Time,
    record: Record,
    config: TrainConfig,
    state: TrainState,
    start_time: float,
    *,
    scored: int,
) -> Replanner:
    """What plans the rest of a run again, from what the last plan supposed."""
    plan = active_plan(state.plans, state.step)
    step = config.batch / plan.images_per_second / mean_step_cost(config, plan.progress)
    probed = {t.execution: t.step_seconds for t in record.probe if plan.execution is None}
    if state.rows:
        per_image = state.rows[-1]["evaluation_seconds"] / max(1, len(config.val))
    else:
        per_image = time_evaluation(config, state) / config.processes.count
    speed = _speed(config, step, per_image, scored=scored)
    return Replanner(
        budget=budget,
        config=config,
        start_time=start_time,
        pace=Pace(speed, monotonic(), probed.get(config.execution, step)),
        small=relative_step_cost(config, 0.0),
        threads=record.threads,
        precision=record.request.precision,
    )


def _speed(config: TrainConfig, step: float, per_image: float, *, scored: int) -> Speed:
    """What planning needs, from seconds per step and per scored image."""
    return Speed(
        step=step,
        evaluation=per_image * len(config.val),
        scored=per_image * scored,
    )


def relative_step_cost(config: TrainConfig, share: float) -> float:
    """Cost of a step after a `share` of the schedule; 1 at the end of the run."""
    if share >= config.recipe.inputs.small_crops:
        return 1.0
    small, large = (
        cost(with_input(config.net, config.at(share).crop_side)).with_exits.macs
        for share in (0.0, 1.0)
    )
    return small / large


def mean_step_cost(config: TrainConfig, share: float) -> float:
    """Mean cost of the steps that are left after a `share` of the schedule."""
    if share >= config.recipe.inputs.small_crops:
        return 1.0
    small = (config.recipe.inputs.small_crops - share) / (1.0 - share)
    return small * relative_step_cost(config, share) + 1.0 - small
