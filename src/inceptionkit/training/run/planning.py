"""Planning a run: how many steps its budget allows, before the first and as it goes on.

With small crops first, a step costs less at the beginning of a run than at its end.

Sources:
    Tan & Le 2021, arXiv:2104.00298, section 4 (progressive learning).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from math import nan
from time import monotonic

import torch

from inceptionkit.derive import cost
from inceptionkit.errors import RunError
from inceptionkit.machine import busy_elsewhere
from inceptionkit.records import from_json, to_json
from inceptionkit.spec import with_input
from inceptionkit.training.autotune import (
    ProbeLimits,
    candidates,
    time_evaluation,
    time_steps,
)
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
from inceptionkit.training.execution import fastest
from inceptionkit.training.heads import refit_images
from inceptionkit.training.loop import Event, StepEnded
from inceptionkit.training.pace import Pace
from inceptionkit.training.run.record import Record
from inceptionkit.training.schedule import Plan, active_plan, progress
from inceptionkit.training.state import TrainConfig, TrainState

_PROBE_AGAIN = ProbeLimits(seconds=5.0)
CROWDED, _CALM = 0.5, 0.25  # cores that other processes keep busy: at least, at most
_WORTH_A_PROBE = 60.0  # seconds of a run without a time budget that must be left for a probe
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
    """Plans the rest of a run again as it goes on.

    The length changes where the budget is a time. How steps are computed is looked at again where
    they take far from what was expected for long, and where other processes kept the machine busy
    when the last probe chose, and no longer do.

    Attributes:
        budget: of the whole command.
        config: what the run computes.
        start_time: of the run, as `monotonic` counts.
        pace: what its steps and its evaluations took.
        small: cost of a step with small crops; 1 is that of one at the end of the run.
        threads: that the run may use.
        precision: as asked for.
        crowded: whether other processes kept cores busy when the last probe chose.
        before: when a window began in which they are watched, and their core-seconds then.
    """

    budget: Budget
    config: TrainConfig
    start_time: float
    pace: Pace
    small: float
    threads: int
    precision: str
    crowded: bool = False
    before: tuple[float, float] = (0.0, nan)
    _remaining: float = 0.0  # seconds of a run without a time budget

    def due(self, event: Event, state: TrainState) -> bool:
        """Take note of an event, and answer whether to check the plan again.

        A plan that was made for a later step, before the run was interrupted, is kept. At the last
        step of an epoch its evaluation is awaited.
        """
        now, last, per_epoch = monotonic(), state.plans[-1], self.config.steps_per_epoch
        self._remaining = (last.steps - state.step) * self.pace.known.step
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
        left, config, plan = self._left(), self.config, None
        speed = self.pace.speed(left)
        if isinstance(self.budget, Time):
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
        """Whether a probe is cheap, and steps strayed for long or the machine became calm."""
        alone = self.config.processes.count == 1 and self.config.execution.device == "cpu"
        whole = left + monotonic() - self.start_time
        calm = self.crowded and self._others() < _CALM
        long = self.pace.strayed(left) > _LONG * whole
        cheap = _PROBE_STEPS * step < _PROBE_COST * left
        enough = isinstance(self.budget, Time) or left > _WORTH_A_PROBE
        return alone and (long or calm) and cheap and enough

    def _probed(self, state: TrainState, plan: Plan | None) -> Plan | None:
        """A plan with another precision or number of threads, if that is clearly faster now.

        The memory layout stays: a resumed run would have to change it at the same step.
        """
        last, expected, crowded = state.plans[-1], self.pace.expected, self.crowded
        own = last.execution or self.config.execution
        known = candidates(own.device, self.threads, self.precision)
        known.append(replace(own, threads=max(1, own.threads - 1)))
        tried = [own, *(one for one in known if one.channels_last == own.channels_last)]
        share = progress(state.plans, state.step)
        config = self.config.at(share)
        trials = time_steps(config, list(dict.fromkeys(tried)), _PROBE_AGAIN)
        torch.set_num_threads(own.threads)
        self.crowded = self._others() > CROWDED
        best = fastest(trials)
        if best.step_seconds * _CLEARLY > trials[0].step_seconds:
            best = trials[0]
        usual = best.step_seconds / (self.small if config.small_crops else 1.0)
        self.pace.expect(usual, monotonic())
        if best == trials[0]:
            return plan
        why = f"steps took far from the {1e3 * expected:.0f} ms expected"
        if crowded and not self.crowded:
            why = "the machine became calmer"
        return replace(
            plan or last,
            step=state.step,
            progress=share,
            images_per_second=self.config.batch / (usual * mean_step_cost(self.config, share)),
            seconds_left=self._left() if isinstance(self.budget, Time) else None,
            execution=best.execution,
            why=f"{why}; fastest now: {best}",
        )

    def _others(self) -> float:
        """Cores that other processes kept busy since the last call; NaN where nobody knows."""
        (then, took), now = self.before, (monotonic(), busy_elsewhere())
        self.before = now
        return (now[1] - took) / max(now[0] - then, 1e-9)

    def _left(self) -> float:
        """Seconds of the budget, or about so many of a run that has another one."""
        if isinstance(self.budget, Time):
            return self.budget.seconds - (monotonic() - self.start_time)
        return self._remaining


def replanner(  # noqa: PLR0913 - what was planned, what is known
    budget: Budget,
    record: Record,
    config: TrainConfig,
    state: TrainState,
    start_time: float,
    *,
    scored: int,
    crowded: bool,
) -> Replanner:
    """What plans the rest of a run again, from what the last plan supposed."""
    plan = active_plan(state.plans, state.step)
    step = config.batch / plan.images_per_second / mean_step_cost(config, plan.progress)
    probed = {t.execution: t.step_seconds for t in record.probe if plan.execution is None}
    if not isinstance(budget, Time):
        per_image = 0.0  # what evaluations take decides nothing
    elif state.rows:
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
        crowded=crowded,
    )


def _speed(config: TrainConfig, step: float, per_image: float, *, scored: int) -> Speed:
    """What planning needs, from seconds per step and per scored image."""
    return Speed(
        step=step,
        evaluation=per_image * len(config.val),
        scored=per_image * (scored + refit_images(config)),
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
