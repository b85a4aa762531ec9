"""Choosing exit policies, against every policy that there is."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inceptionkit.derive import cost
from inceptionkit.errors import RecipeError
from inceptionkit.evaluation.calibration import tempered
from inceptionkit.evaluation.early_exit import ExitMacs, exit_index
from inceptionkit.evaluation.exits import tuning as tune
from inceptionkit.evaluation.exits.goals import (
    MaxMeanMacs,
    MaxTop1Drop,
    MinTop1,
    choose,
    parse_goal,
)
from inceptionkit.evaluation.exits.tuning import (
    ExitStatistics,
    frontier,
    improved,
    macs_per_image,
    oracle,
    outcome,
)
from inceptionkit.spec import Net
from inceptionkit.text import percent, quantity

COSTS = ExitMacs(("first", "second"), np.array([100, 200, 400]), np.array([10, 20, 0]))


def by_hand(right: list[list[int]], confidence: list[list[float]]) -> ExitStatistics:
    """Two exits and main; what is expected is what was counted."""
    flags = np.array(right, bool)
    return ExitStatistics(
        right=flags,
        expected=flags.astype(float),
        confidence=np.array(confidence),
        temperatures=(1.0, 1.0, 1.0),
        macs=COSTS,
    )


EASY_TO_HARD = by_hand(
    right=[[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]],
    confidence=[[0.9, 0.8, 0.3, 0.2], [0.9, 0.9, 0.7, 0.1]],
)


def drawn(seed: int, images: int = 60) -> ExitStatistics:
    """Exits that are right the more often the surer they are, and the later they come."""
    random = np.random.default_rng(seed)
    confidence = random.random((2, images)).round(2)
    right = np.stack(
        [random.random(images) < 0.4 + 0.5 * c for c in confidence] + [random.random(images) < 0.9]
    )
    return by_hand(right.tolist(), confidence.tolist())


def test_who_leaves_where_and_what_it_costs() -> None:
    """The first exit's head is paid by all, the second's by those that come by."""
    point = outcome(EASY_TO_HARD, (0.8, 0.5))

    assert exit_index(EASY_TO_HARD.confidence, (0.8, 0.5)).tolist() == [0, 0, 1, 2]
    assert macs_per_image(EASY_TO_HARD, (0.8, 0.5)).tolist() == [110, 230, 430]
    assert (point.top1, point.mean_macs) == (1.0, (110 + 110 + 230 + 430) / 4)


def test_an_exit_without_threshold_costs_nothing() -> None:
    assert exit_index(EASY_TO_HARD.confidence, (None, 0.5)).tolist() == [1, 1, 1, 2]
    assert macs_per_image(EASY_TO_HARD, (None, 0.5)).tolist() == [100, 220, 420]
    assert outcome(EASY_TO_HARD, (None, None)).mean_macs == 400


def test_the_oracle_leaves_at_the_first_right_exit() -> None:
    found = oracle(EASY_TO_HARD)

    assert (found.top1, found.mean_macs) == (1.0, (110 + 110 + 220 + 400) / 4)


def test_nothing_that_is_hopeless_is_sent_on_by_the_oracle() -> None:
    hopeless = by_hand([[0, 1], [0, 1], [0, 1]], [[0.5, 0.5], [0.5, 0.5]])

    assert oracle(hopeless).mean_macs == 110


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), worth=st.floats(1.0, 1e5))
def test_no_threshold_can_be_moved_for_the_better(seed: int, worth: float) -> None:
    judged = drawn(seed, 25)

    def value(thresholds: tuple[float | None, ...]) -> float:
        point = outcome(judged, thresholds)
        return worth * point.top1 - point.mean_macs

    found = improved(judged, (None, None), worth)
    for number in range(2):
        for other in [None, 0.0, *(judged.confidence[number] + 0.0).tolist()]:
            moved = (*found[:number], other, *found[number + 1 :])
            assert value(moved) <= value(found) + 1e-6


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_frontier_is_near_the_best_of_all_policies(seed: int) -> None:
    """Every pair of thresholds is tried: none beats the frontier by more than two images in 25."""
    judged = drawn(seed, 25)
    points = frontier(judged)
    levels = [[None, *np.unique(row).tolist()] for row in judged.confidence]
    for thresholds in product(*levels):
        rival = outcome(judged, tuple(thresholds))
        cheap = [p for p in points if p.mean_macs <= rival.mean_macs + 1e-9]
        assert max((p.top1 for p in cheap), default=0) >= rival.top1 - 2 / 25 - 1e-9


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_frontier_rises(seed: int) -> None:
    judged = drawn(seed)
    points = frontier(judged)
    best = oracle(judged)

    assert [p.mean_macs for p in points] == sorted(p.mean_macs for p in points)
    assert [p.expected for p in points] == sorted({p.expected for p in points})
    assert points[0].mean_macs >= 100
    assert max(p.top1 for p in points) <= best.top1 + 1e-9


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.0, 0.3))
def test_goals_are_met_as_cheaply_or_as_well_as_the_frontier_can(seed: int, share: float) -> None:
    judged = drawn(seed)
    points, main = frontier(judged), outcome(judged, (None, None))
    lost = choose(points, MaxTop1Drop(share), main)
    cheap = choose(points, MaxMeanMacs(points[0].mean_macs + 50), main)

    assert lost.expected >= main.expected - share - 1e-9
    assert lost.mean_macs <= main.mean_macs + 1e-9
    assert cheap.mean_macs <= points[0].mean_macs + 50
    assert choose(points, MinTop1(lost.expected), main) == lost


def test_a_goal_out_of_reach_says_the_best_there_is() -> None:
    points, main = frontier(drawn(0)), outcome(drawn(0), (None, None))
    with pytest.raises(RecipeError) as accuracy:
        choose(points, MinTop1(1.0), main)
    with pytest.raises(RecipeError) as work:
        choose(points, MaxMeanMacs(5), main)

    assert str(accuracy.value) == (
        f"no policy can be expected to get 100 % right; the best gets "
        f"{percent(points[-1].expected)} for {quantity(points[-1].mean_macs, 'MAC')} an image, "
        f"main alone {percent(main.expected)} for 400 MAC"
    )
    assert str(work.value) == (
        f"no exit answers for 5 MAC an image; the cheapest policy spends "
        f"{quantity(points[0].mean_macs, 'MAC', up=True)} and gets {percent(points[0].top1)} right"
    )


@pytest.mark.parametrize("text", ["", "97", "101%", "-2", "3Mparams", "4MiB", "nan%", "1e3MMAC"])
def test_what_is_no_goal(text: str) -> None:
    with pytest.raises(RecipeError, match=r"^a goal must be a top-1 like 97\.5%, "):
        parse_goal(text)


def test_costs_are_those_of_the_cost_table(tiny: Net) -> None:
    net_cost = cost(tiny)
    random = np.random.default_rng(0)
    found = {
        name: random.dirichlet(np.ones(10), 60).astype(np.float32)
        for name in ("first", "second", "main")
    }
    labels = random.integers(0, 10, 60)
    judged = tune.collect(found, labels, net_cost, "probability", (1.0, 1.0, 1.0))
    both = macs_per_image(judged, (0.5, 0.5)).tolist()

    assert (judged.macs.reach + judged.macs.head).tolist() == [
        *(row.macs_to_here for row in net_cost.exits), net_cost.without_exits.macs,
    ]  # fmt: skip
    assert both[-1] == net_cost.with_exits.macs
    assert judged.right.tolist() == [(p.argmax(1) == labels).tolist() for p in found.values()]


def test_expected_is_half_counted_and_half_promised(tiny: Net) -> None:
    random = np.random.default_rng(1)
    one = random.dirichlet(np.ones(10), 60).astype(np.float32)
    labels = random.integers(0, 10, 60)
    found = {"first": one, "second": one, "main": one}
    judged = tune.collect(found, labels, cost(tiny), "margin", (1.0, 2.0, 3.0))

    for number, temperature in enumerate((1.0, 2.0, 3.0)):
        promised = tempered(one, temperature).max(1)
        counted = one.argmax(1) == labels
        assert judged.expected[number] == pytest.approx((promised + counted) / 2)


@pytest.mark.parametrize("text", ["97.5%", "-0.2%", "-1%", "12MMAC", "0.5MMAC"])
def test_a_goal_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_goal(text, 0.95)) == text
    assert parse_goal(text, 0.95).level == 0.95


def test_statistics_of_some_images_are_theirs() -> None:
    found = EASY_TO_HARD.of(np.array([3, 0]))

    assert found.right.tolist() == [[False, True], [False, True], [True, True]]
    assert found.confidence.tolist() == [[0.2, 0.9], [0.1, 0.9]]
    assert outcome(found, (0.8, 0.5)).mean_macs == (110 + 430) / 2
