"""Designs whose answer takes as long as it may, by clocks that are functions of the network."""

from itertools import count

import pytest

from inceptionkit.derive import cost
from inceptionkit.derive.design.budget import Counted, Measured, Timing, parse
from inceptionkit.derive.design.timed import ENOUGH, TRIES, Clock, timed_design
from inceptionkit.errors import SpecError
from inceptionkit.spec import Net, steps
from inceptionkit.text import percent


def timing(ms: float) -> Timing:
    return Timing(median_ms=ms, quartiles_ms=(0.9 * ms, 1.2 * ms), runs=9, how="by a formula")


def steady(net: Net) -> Timing:
    """2 ms a hundred million MACs, and 20 us an operator."""
    return timing(2e-8 * cost(net).without_exits.macs + 0.02 * len(list(steps(net))))


def shaky() -> Clock:
    """The same, up to 8 % faster or slower, otherwise each time."""
    runs = count()
    return lambda net: timing(
        steady(net).median_ms * (1 + 0.08 * ((next(runs) * 0.618) % 1 * 2 - 1))
    )


class Watched:
    """A clock that remembers what it was asked to time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.times: list[float] = []

    def __call__(self, net: Net) -> Timing:
        found = self.clock(net)
        self.times.append(found.median_ms)
        return found


def to(ms: float) -> Measured:
    return Measured(ms, f"{ms:g}ms")


@pytest.mark.parametrize("ms", [1.5, 20])
@pytest.mark.parametrize(
    "family", ["googlenet", "compact", pytest.param("inception_v3", marks=pytest.mark.slow)]
)
def test_the_time_is_nearly_used_and_never_overrun(
    request: pytest.FixtureRequest, family: str, ms: float
) -> None:
    clock = Watched(steady)
    made = timed_design(request.getfixturevalue(family), [], to(ms), clock, side=96, classes=20)

    assert ENOUGH * ms <= steady(made.net).median_ms <= ms
    assert made.timing == steady(made.net)
    assert made.net.image == (3, 96, 96)
    assert len(clock.times) <= 8


@pytest.mark.parametrize("ms", [2, 7, 31])
def test_a_clock_that_shakes_is_asked_twice_and_its_slower_time_counts(
    compact: Net, ms: float
) -> None:
    clock = Watched(shaky())
    made = timed_design(compact, [], to(ms), clock, side=64, classes=10)

    assert made.timing is not None
    assert made.timing.median_ms <= ms
    assert 0.7 * ms <= steady(made.net).median_ms <= 1.08 * ms
    assert len(clock.times) <= 2 * TRIES


def test_counted_budgets_are_met_as_well(compact: Net) -> None:
    params = parse("300kparams")
    assert isinstance(params, Counted)

    slow = timed_design(compact, [params], to(1), steady, side=96, classes=20)
    fast = timed_design(compact, [params], to(1000), steady, side=96, classes=20)

    assert steady(slow.net).median_ms <= 1
    assert slow.taken(params) < 0.97 * params.most  # the time was tighter
    assert 0.97 * params.most <= fast.taken(params) <= params.most
    assert fast.timing == steady(fast.net)  # 1000 ms were not used up, and need not be


def test_the_design_is_named_after_the_time_and_says_what_was_measured(compact: Net) -> None:
    macs = parse("300MMAC")
    assert isinstance(macs, Counted)
    made = timed_design(compact, [macs], to(5), steady, side=96, classes=20)

    assert made.net.name == "compact-300MMAC-5ms-96"
    assert made.net.source == "this project; scaled to 300MMAC-5ms at 96x96"
    assert [budget.text for budget in made.budgets] == ["300MMAC", "5ms"]
    assert made.takes[1] == (
        f"takes {made.taken(to(5)):.2f} ms of 5ms ({percent(made.taken(to(5)) / 5)})"
    )
    assert made.reasons[0].startswith("measured here: median of 9 runs, quartiles ")
    assert made.reasons[0].endswith(" ms; by a formula, one image at a time")


@pytest.mark.parametrize(("ms", "says"), [(0.1, "as fast as 0.1ms"), (1e5, "as slow as 100000ms")])
def test_a_time_that_cannot_be_met_names_the_nearest_that_was_reached(
    compact: Net, ms: float, says: str
) -> None:
    clock = Watched(steady)
    with pytest.raises(SpecError) as error:
        timed_design(compact, [], to(ms), clock, side=32, classes=10)
    reached = min(clock.times) if ms < 1 else max(clock.times)
    said = parse(str(error.value).rpartition(" is ")[2])

    assert f"compact at 32x32 cannot be made {says} on this machine" in str(error.value)
    assert said.most == pytest.approx(reached, rel=0.005)


def test_a_time_that_nothing_explains_ends_all_the_same(compact: Net) -> None:
    """Every network takes 3 ms, or each one longer than the one before."""
    clock = Watched(lambda _: timing(3.0 + len(clock.times)))

    with pytest.raises(SpecError, match="as fast as 2ms"):
        timed_design(compact, [], to(2), lambda _: timing(3.0), side=32, classes=10)
    with pytest.raises(SpecError, match="as fast as 2ms"):
        timed_design(compact, [], to(2), clock, side=32, classes=10)
    assert len(clock.times) <= TRIES


def test_what_is_counted_and_cannot_be_met_is_told_before_anything_is_timed(compact: Net) -> None:
    clock = Watched(steady)
    with pytest.raises(SpecError, match="cannot be scaled down to 10params"):
        timed_design(
            compact, [Counted("params", 10, "10params")], to(5), clock, side=32, classes=10
        )

    assert clock.times == []
