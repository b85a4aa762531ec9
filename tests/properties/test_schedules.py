"""Schedules and budgets: no jump, an end that is the end, and never more than there is time for."""

import math
import sys
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inceptionkit.errors import RecipeError
from inceptionkit.training.budget import (
    Speed,
    Time,
    affordable,
    first_plan,
    next_plan,
    parse_budget,
)
from inceptionkit.training.recipe import MODERN
from inceptionkit.training.schedule import Plan, learning_rate, progress
from inceptionkit.training.updates import SGD, Constant, Cosine, Exponential, Linear, Schedule, Step

ROUNDING = 1e-9


def plan(step: int, steps: int, share: float) -> Plan:
    return Plan(
        step=step, steps=steps, progress=share, images_per_second=1.0, seconds_left=None, why=""
    )


@st.composite
def planned(draw: st.DrawFn) -> list[Plan]:
    """A run that was planned anew any number of times, longer or shorter."""
    plans = [plan(0, draw(st.integers(1, 500)), 0.0)]
    for _ in range(draw(st.integers(0, 5))):
        last = plans[-1]
        if last.steps - last.step < 2:
            break
        step = draw(st.integers(last.step + 1, last.steps - 1))
        steps = draw(st.integers(step + 1, step + 500))
        plans.append(plan(step, steps, progress(plans, step)))
    return plans


@given(plans=planned())
def test_progress_never_jumps_never_falls_and_ends_at_one(plans: list[Plan]) -> None:
    end = plans[-1].steps
    shares = [progress(plans, step) for step in range(end + 1)]
    fastest = max(
        (1 - one.progress) / (one.steps - one.step) for one in plans
    )  # of the schedule, in an update

    assert shares[0] == 0.0
    assert shares[-1] == pytest.approx(1.0, abs=ROUNDING)
    for before, after in pairwise(shares):
        assert -ROUNDING <= after - before <= fastest + ROUNDING
    for number, one in enumerate(plans[1:], 1):
        assert progress(plans, one.step) == pytest.approx(progress(plans[:number], one.step))


recipes = st.builds(
    lambda kind, warmup, lr: replace(MODERN, schedule=kind(warmup=warmup), optimizer=SGD(lr=lr)),
    st.sampled_from([Cosine, Linear]),
    st.sampled_from([0.0, 0.05, 0.3, 0.9]),
    st.floats(1e-3, 10),
)


@given(plans=planned(), recipe=recipes)
def test_the_rate_climbs_to_its_peak_and_ends_at_zero(plans: list[Plan], recipe: object) -> None:
    rates = [learning_rate(recipe, progress(plans, step)) for step in range(plans[-1].steps + 1)]
    top = rates.index(max(rates))

    assert rates[-1] == pytest.approx(0.0, abs=1e-9 * recipe.optimizer.lr)
    assert max(rates) <= recipe.optimizer.lr * (1 + ROUNDING)
    assert all(a <= b for a, b in pairwise(rates[: top + 1]))
    assert all(a + ROUNDING >= b for a, b in pairwise(rates[top:]))


@pytest.mark.parametrize("kind", [Cosine, Linear])
def test_the_rate_on_the_way(kind: type[Cosine | Linear]) -> None:
    recipe = replace(MODERN, schedule=kind(warmup=0.2), optimizer=SGD(lr=1.0))
    shares = [0.0, 0.1, 0.2, 0.6, 1.0]

    assert [learning_rate(recipe, s) for s in shares] == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0])
    assert learning_rate(recipe, 0.4) == pytest.approx(
        0.75 if kind is Linear else 0.5 + 0.5 * math.cos(math.pi / 4)
    )


@given(
    share=st.floats(0.0, 1.0),
    factor=st.floats(0.01, 1.0),
    every=st.floats(0.5, 50.0),
    epochs=st.integers(1, 300),
)
def test_decays_by_epochs(share: float, factor: float, every: float, epochs: int) -> None:
    """In the recipe's epochs, whatever the length of the run; a step is never above the slope."""

    def rate_of(schedule: Schedule) -> float:
        return learning_rate(
            replace(MODERN, schedule=schedule, epochs=epochs, optimizer=SGD(lr=2.0)), share
        )

    rate = rate_of(Exponential(factor=factor, decay_epochs=every, warmup=0.0))
    stairs = rate_of(Step(factor=factor, decay_epochs=every, warmup=0.0))

    assert rate == pytest.approx(2.0 * factor ** (share * epochs / every))
    below_exact = sys.float_info.min  # numbers smaller than this have fewer digits
    assert rate * (1 - ROUNDING) <= stairs <= rate / factor * (1 + ROUNDING) + below_exact
    assert rate_of(Constant(warmup=0.0)) == 2.0


@pytest.mark.parametrize(
    "schedule",
    [
        Exponential(factor=0.5, decay_epochs=10.0, warmup=0.2),
        Step(factor=0.5, decay_epochs=10.0, warmup=0.2),
        Constant(warmup=0.2),
    ],
)
def test_every_schedule_may_begin_with_a_climb(schedule: Schedule) -> None:
    recipe = replace(MODERN, schedule=schedule, epochs=10, optimizer=SGD(lr=1.0))

    assert [learning_rate(recipe, share) for share in (0.0, 0.05, 0.1)] == [0.0, 0.25, 0.5]
    assert learning_rate(recipe, 0.2) == pytest.approx(
        0.5**0.2 if isinstance(schedule, Exponential) else 1.0
    )


speeds = st.builds(
    Speed,
    step=st.floats(1e-4, 5.0),
    evaluation=st.floats(0.0, 20.0),
    scored=st.floats(0.0, 30.0),
)


def takes(speed: Speed, steps: int, per_epoch: int, done: int) -> float:
    """Seconds of some updates after `done` others, and an evaluation for each epoch they are in."""
    epochs = math.ceil((done % per_epoch + steps) / per_epoch)
    return steps * speed.step + epochs * speed.evaluation


@given(
    speed=speeds,
    seconds=st.floats(0.0, 5_000.0),
    per_epoch=st.integers(1, 300),
    done=st.integers(0, 1_500),
)
def test_no_plan_takes_more_than_the_time_left(
    speed: Speed, seconds: float, per_epoch: int, done: int
) -> None:
    steps = affordable(speed, seconds, done=done, steps_per_epoch=per_epoch) - done

    assert steps >= 0
    assert steps == 0 or takes(speed, steps, per_epoch, done) <= seconds * (1 + ROUNDING)
    more = takes(speed, steps + 1, per_epoch, done)
    assert more > seconds * (1 - ROUNDING) - ROUNDING, "the time was not used"


@given(
    speed=speeds,
    seconds=st.floats(0.0, 500.0),
    per_epoch=st.integers(1, 300),
    batch=st.integers(2, 512),
)
def test_the_first_plan_holds_an_epoch_or_is_refused_with_the_smallest_budget_that_does(
    speed: Speed, seconds: float, per_epoch: int, batch: int
) -> None:
    """Seven seconds of the budget were spent before the plan is made."""

    def planned(budget: Time) -> Plan:
        left = budget.seconds - 7.0
        return first_plan(budget, speed, left, batch=batch, steps_per_epoch=per_epoch)

    try:
        first = planned(Time(seconds))
    except RecipeError as error:
        first = planned(parse_budget(str(error).rpartition(" is ")[2]))
    assert first.steps >= per_epoch
    assert (first.step, first.progress) == (0, 0.0)
    assert first.images_per_second == pytest.approx(batch / speed.step)


@given(
    speed=speeds,
    seconds=st.floats(0.0, 2_000.0),
    per_epoch=st.integers(1, 100),
    step=st.integers(1, 2_000),
    more=st.integers(1, 2_000),
)
def test_a_new_plan_goes_on_where_the_last_one_stands(
    speed: Speed, seconds: float, per_epoch: int, step: int, more: int
) -> None:
    """When time has run out a hundredth of the budget remains for the schedule to come down."""
    plans, budget = [plan(0, step + more, 0.0)], Time(2_000.0)
    new = next_plan(plans, budget, speed, seconds, step=step, batch=8, steps_per_epoch=per_epoch)
    usable = seconds - speed.ending - 0.01 * budget.seconds
    left = affordable(speed, usable, done=step, steps_per_epoch=per_epoch)
    left = max(left, min(step + more, step + math.ceil(20.0 / speed.step)))
    if new is None:
        worth = max(0.05 * more, 0.002 * plans[0].steps)  # of what is left, and of the whole
        assert abs(left - plans[0].steps) <= worth
        return
    assert (new.step, new.steps) == (step, left)
    assert new.progress == progress(plans, step)
    assert ("slower" in new.why) == (new.steps < plans[0].steps)


@given(speed=speeds, seconds=st.floats(0, 1_000), per_epoch=st.integers(1, 100))
def test_a_run_that_is_at_its_end_is_not_prolonged(
    speed: Speed, seconds: float, per_epoch: int
) -> None:
    plans, end = [plan(0, 3 * per_epoch, 0.0)], 3 * per_epoch
    budget = Time(1_000.0)
    new = next_plan(plans, budget, speed, seconds, step=end, batch=8, steps_per_epoch=per_epoch)

    assert new is None
