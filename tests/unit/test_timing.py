"""Ways are timed in turn, fairly, and the good batch is found, by a clock that the tests wind."""

from collections.abc import Callable

import pytest

from inceptionkit import timing
from inceptionkit.deployment.benchmark import good_batch
from inceptionkit.timing import TimingBudget, time_interleaved


class Clock:
    """Stands still but for what the work says it takes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.heard: list[str] = []

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, seconds: float) -> Callable[[], None]:
        def call() -> None:
            self.heard.append(name)
            self.now += seconds

        return call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(timing, "_PAUSE", 0.0)
    return Clock()


def test_each_round_begins_one_way_further_and_warms_every_way_up(clock: Clock) -> None:
    calls = {name: [clock.work(name, 1.0)] for name in "abc"}
    taken = time_interleaved(calls, TimingBudget(least=3, most=3, warm_up=0, settle=True), clock)

    assert "".join(clock.heard) == "aabbccbbccaaccaabb"
    assert taken == {name: [1.0] * 3 for name in "abc"}


def test_every_call_of_a_way_is_timed_equally_often(clock: Clock) -> None:
    each = [clock.work(str(number), float(number)) for number in range(4)]
    taken = time_interleaved(
        {"way": each}, TimingBudget(least=4, most=4, calls=3, warm_up=0), clock
    )

    assert sorted(taken["way"]) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 2), (7.0, 4), (1e9, 5)])
def test_rounds_end_when_the_time_is_up_but_not_before_the_least(
    clock: Clock, seconds: float, rounds: int
) -> None:
    plan = TimingBudget(least=2, most=5, seconds=seconds, settle=True)
    taken = time_interleaved({"way": [clock.work("way", 1.0)]}, plan, clock)

    assert len(taken["way"]) == rounds


@pytest.mark.parametrize(("seconds", "calls"), [(0.0, 3), (2.0, 3), (5.0, 5)])
def test_what_warms_up_is_not_timed(clock: Clock, seconds: float, calls: int) -> None:
    plan = TimingBudget(least=1, most=1, warm_up=3, warm_up_seconds=seconds)
    taken = time_interleaved({name: clock.work(name, 1.0) for name in "ab"}, plan, clock)

    assert "".join(clock.heard) == "a" * calls + "b" * calls + "ab"
    assert taken == {"a": [1.0], "b": [1.0]}


@pytest.mark.parametrize(
    ("seconds", "best", "tried"),
    [
        pytest.param(lambda n: n, 1, 32, id="every batch alike: the smallest"),
        pytest.param(lambda _: 1.0, 32, 32, id="large ones for nothing: the largest"),
        pytest.param(lambda n: 1.0 + 0.01 * n**2, 8, 32, id="a best one between"),
        pytest.param(lambda n: n**1.5, 1, 2, id="worse at once: no more are tried"),
        pytest.param(lambda n: n + (n == 2) * 0.5, 1, 32, id="a little worse once: others are"),
    ],
)
def test_the_good_batch_is_the_one_that_gets_most_images_through(
    clock: Clock, seconds: Callable[[int], float], best: int, tried: int
) -> None:
    found = good_batch(lambda batch: clock.work(str(batch), seconds(batch)), clock)

    assert found == best
    assert clock.heard[-1] == str(tried)
