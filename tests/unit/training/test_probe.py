"""The probe takes no longer than it may, and one candidate it always times."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from inceptionkit.timing import time_interleaved
from inceptionkit.training import autotune
from inceptionkit.training.autotune import ProbeLimits, candidates, time_steps
from inceptionkit.training.execution import Execution, fastest
from inceptionkit.training.recipe import MODERN

FAST, SLOW = Execution(precision="bf16"), Execution()
EVERY = (FAST, SLOW, replace(SLOW, channels_last=False), replace(FAST, threads=2))


class Machine:
    """Steps take so long; nothing else takes any time."""

    def __init__(self, **seconds: float) -> None:
        self.seconds, self.now, self.first = seconds, 0.0, set[Execution]()

    def step(self, config: Any, *_: object) -> None:
        one = config.execution
        self.now += self.seconds[one.precision] * (1.0 if one in self.first else 2.0)
        self.first.add(one)  # whose kernels are there


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Probes a machine; the trials, and how long it took."""

    def probe(machine: Machine, tried: Sequence[Execution], **limits: Any) -> tuple[list, float]:
        def clocked(calls: Any, budget: Any) -> Any:
            return time_interleaved(calls, budget, lambda: machine.now)

        monkeypatch.setattr(autotune, "time_interleaved", clocked)
        monkeypatch.setattr(autotune, "monotonic", lambda: machine.now)
        monkeypatch.setattr(autotune, "PROBE_SECONDS", 10.0)
        monkeypatch.setattr(autotune, "_step", machine.step)
        monkeypatch.setattr(autotune, "update_ema", lambda *_: None)
        state = SimpleNamespace(average=None, model=None)
        monkeypatch.setattr(autotune, "new_state", lambda _: state)
        monkeypatch.setattr(autotune, "replace", lambda _, execution: Job(execution))
        return time_steps(Job(SLOW), tried, ProbeLimits(**limits)), machine.now

    return probe


class Job:
    """What the probe needs of a run."""

    def __init__(self, execution: Execution) -> None:
        self.execution, self.recipe = execution, MODERN

    def cropping(self, _: int) -> None:
        """None."""


@pytest.mark.parametrize("step", [0.01, 0.4, 1.0, 3.0, 9.0])
def test_a_probe_takes_ten_seconds_at_most_or_one_step(probed: Any, step: float) -> None:
    trials, took = probed(Machine(bf16=step, fp32=2 * step), EVERY)

    assert took <= max(10.0, 2 * step) + 2 * step
    assert fastest(trials).execution.precision == "bf16"
    if step <= 0.4:
        assert len(trials) == len(EVERY)


def test_of_a_time_budget_it_takes_its_share(probed: Any) -> None:
    _, took = probed(Machine(bf16=0.1, fp32=0.1), EVERY, seconds=0.03 * 60)

    assert took <= 0.03 * 60 + 4 * 0.1


def test_of_a_run_of_few_steps_it_takes_a_tenth(probed: Any) -> None:
    trials, took = probed(Machine(bf16=0.1, fp32=0.1), EVERY, steps=30)
    _, short = probed(Machine(bf16=0.1, fp32=0.1), EVERY, steps=1)

    assert 0.2 <= took <= 0.1 * 30 * 0.2 + 0.2
    assert short == pytest.approx(0.2), "the first step, which has to build kernels"
    assert trials[0].execution == FAST


def test_the_first_step_of_all_does_not_decide_where_there_is_room_for_another(
    probed: Any,
) -> None:
    """bf16 is the fastest, and pays for new memory with its first step."""

    class Fresh(Machine):
        def step(self, config: Any, *_: object) -> None:
            self.now += 1.0 if not self.first else 0.0
            super().step(config)

    trials, took = probed(Fresh(bf16=0.5, fp32=1.2), (FAST, SLOW, EVERY[2]))

    assert trials[0].step_seconds == 0.5, "2 s at first"
    assert fastest(trials).execution == FAST
    assert took <= 10.0 + 0.5


def test_it_says_what_it_does_before_each_step(probed: Any) -> None:
    heard: list[tuple[int, int]] = []
    probed(Machine(bf16=0.1, fp32=0.1), EVERY, tick=lambda *at: heard.append(at))

    assert heard == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_what_the_processor_would_emulate_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "cpu_flags", lambda: frozenset({"avx2"}))

    assert {one.precision for one in candidates("cpu", 2)} == {"fp32"}
    assert candidates("cpu", 2, "bf16")[0].precision == "bf16", "asked for"
    assert candidates("cuda", 1)[0].precision == "bf16"


@pytest.mark.parametrize(("flags", "first"), [({"amx_bf16"}, "bf16"), (set(), "fp32")])
def test_the_most_promising_candidate_comes_first(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], first: str
) -> None:
    monkeypatch.setattr(autotune, "cpu_flags", lambda: frozenset(flags))
    found = candidates("cpu", 2)

    assert (found[0].precision, found[0].channels_last, found[0].threads) == (first, True, 2)
    assert len(found) == len(set(found)) == 4
