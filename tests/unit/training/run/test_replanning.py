"""A machine that is slow for long is probed again, and the run goes on as is fastest then."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import nan

import numpy as np
import pytest
import torch

from inceptionkit.data.loading.in_memory import Images
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net
from inceptionkit.training.budget import Budget, Epochs, Speed, Time
from inceptionkit.training.execution import Execution, Trial
from inceptionkit.training.loop import StepEnded
from inceptionkit.training.pace import Pace
from inceptionkit.training.recipe import MODERN, Batching
from inceptionkit.training.run import planning
from inceptionkit.training.run.planning import Replanner
from inceptionkit.training.schedule import Plan
from inceptionkit.training.state import TrainConfig, TrainState, new_state

BUDGET, STEP = 600.0, 0.2  # seconds
TWO = Execution(precision="bf16", threads=2)
ONE = replace(TWO, threads=1)
Clocked = Callable[..., list[Plan]]


@pytest.fixture
def planned(tiny: Net, monkeypatch: pytest.MonkeyPatch) -> Clocked:
    """The plans of a run whose steps take so long, on a machine where executions do."""
    images = Images(
        torch.zeros((4096, 3, 1, 1), dtype=torch.uint8),
        torch.zeros(4096, dtype=torch.int64),
        np.ones(4096),
        ("",) * 4096,
    )
    config = TrainConfig(
        net=tiny,
        recipe=replace(MODERN, batching=Batching(batch=2)),
        execution=TWO,
        preprocessing=Preprocessing(size=16),
        train=images,
        val=images,
        seed=0,
    )

    def run(
        steps: Iterator[float],
        probed: dict[Execution, float],
        *,
        budget: Budget | None = None,
        others: Callable[[float], float] | None = None,
    ) -> list[Plan]:
        now = 0.0

        def time_steps(_: TrainConfig, tried: Sequence[Execution], __: object) -> list[Trial]:
            return [Trial(one, probed.get(one, 9.0)) for one in tried]

        monkeypatch.setattr(planning, "monotonic", lambda: now)
        monkeypatch.setattr(planning, "time_steps", time_steps)
        state: TrainState = new_state(config)
        state.plans.append(
            Plan(
                step=0,
                steps=3000,
                progress=0.0,
                images_per_second=10.0,
                seconds_left=BUDGET,
                why="",
            )
        )
        speed = Speed(step=STEP, evaluation=1.0, scored=1.0)
        pace = Pace(speed, now, STEP)
        planner = Replanner(
            budget or Time(BUDGET),
            config,
            0.0,
            pace,
            1.0,
            threads=2,
            precision="auto",
            crowded=bool(others),
        )
        monkeypatch.setattr(planning, "busy_elsewhere", lambda: others(now) if others else nan)
        for seconds in steps:
            now += seconds
            state.step += 1
            if planner.due(StepEnded(state.step, 0.0, 0.0, 0.0, False, True), state):
                state.plans += [plan] if (plan := planner.plan(state)) else []
        return state.plans

    return run


def test_a_machine_that_stays_slow_is_probed_again(planned: Clocked) -> None:
    """Two threads of which one waits for a busy core: one alone is faster."""
    steps = iter([STEP] * 500 + [4 * STEP] * 200)
    plans = planned(steps, {TWO: 4 * STEP, ONE: 1.5 * STEP})
    switched = [plan for plan in plans if plan.execution is not None]

    assert [plan.execution for plan in switched] == [ONE] * len(switched)
    assert 500 + 0.05 * BUDGET / (4 * STEP) <= switched[0].step < 620
    assert "expected; fastest now: bf16, channels_last, 1 thread 300 ms" in switched[0].why
    assert all(plan.execution == ONE for plan in plans if plan.step >= switched[0].step)


@pytest.mark.parametrize(
    ("steps", "probed"),
    [
        ([STEP] * 900, {ONE: STEP / 2, TWO: STEP}),
        ([STEP] * 500 + [4 * STEP] * 20 + [STEP] * 200, {ONE: STEP / 2, TWO: STEP}),
        ([STEP] * 500 + [4 * STEP] * 200, {ONE: 3.8 * STEP, TWO: 4 * STEP}),
    ],
    ids=["steady", "a busy moment", "nothing is clearly faster"],
)
def test_a_run_goes_on_as_it_began(
    planned: Clocked, steps: list[float], probed: dict[Execution, float]
) -> None:
    assert all(plan.execution is None for plan in planned(iter(steps), probed))


@pytest.mark.parametrize("budget", [Time(BUDGET), Epochs(3)], ids=["a time", "epochs"])
def test_a_choice_made_on_a_busy_machine_is_looked_at_again_when_it_is_calm(
    planned: Clocked, budget: Budget
) -> None:
    """Another process kept a core busy for 60 s."""
    plans = planned(
        iter([STEP] * 900),
        {TWO: STEP, ONE: STEP / 2},
        budget=budget,
        others=lambda now: min(now, 60.0),
    )
    (switched,) = [plan for plan in plans if plan.execution is not None]

    assert 60 / STEP < switched.step < 120 / STEP
    assert switched.execution == ONE
    assert switched.why.startswith("the machine became calmer; fastest now: ")
    assert isinstance(budget, Time) or switched.steps == 3000


def test_on_a_machine_that_stays_busy_nothing_is_looked_at_again(planned: Clocked) -> None:
    steps, probed = iter([STEP] * 900), {TWO: STEP, ONE: STEP / 2}

    assert all(plan.execution is None for plan in planned(steps, probed, others=lambda now: now))
