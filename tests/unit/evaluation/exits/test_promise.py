"""A policy keeps what it promises: drawn again and again, it breaks it as rarely as stated."""

import re
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from inceptionkit.derive import NetCost, cost
from inceptionkit.errors import RecipeError
from inceptionkit.evaluation.early_exit import exit_index
from inceptionkit.evaluation.exits import tuning
from inceptionkit.evaluation.exits.goals import Goal, MaxMeanMacs, MaxTop1Drop, MinTop1, is_met
from inceptionkit.evaluation.exits.promise import choose_policy, images_for
from inceptionkit.evaluation.exits.tuning import ExitStatistics
from inceptionkit.model import ExitPolicy
from inceptionkit.spec import Net

Answered = tuple[dict[str, NDArray[np.float32]], NDArray[np.int64]]
CLASSES = 4


def drawn(seed: int, images: int, noise: tuple[float, float, float] = (1.6, 1.1, 0.9)) -> Answered:
    """Two exits and main that see the same class through less and less noise, partly shared."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, images)
    shared = random.normal(size=(images, CLASSES))
    found = {}
    for name, level in zip(("first", "second", "main"), noise, strict=True):
        own = random.normal(size=(images, CLASSES))
        scores = 4 * np.eye(CLASSES)[labels] + level * (shared + 0.6 * own)
        powers = np.exp(1.3 * (scores - scores.max(1, keepdims=True)))
        found[name] = (powers / powers.sum(1, keepdims=True)).astype(np.float32)
    return found, labels


@cache
def others() -> Answered:
    """So many that what is counted on them is the truth."""
    return drawn(10**6, 20_000)


def measured(policy: ExitPolicy, answered: Answered, net_cost: NetCost, goal: Goal) -> bool:
    """Whether a policy meets its goal on these images."""
    gates = {gate.exit: gate for gate in policy.gates}
    heats = [gates[n].temperature if n in gates else 1.0 for n in ("first", "second")]
    judging = tuning.collect(*answered, net_cost, policy.measure, [*heats, policy.temperature])
    thresholds = tuple(gates[n].confidence if n in gates else None for n in ("first", "second"))
    found, main = tuning.outcome(judging, thresholds), tuning.outcome(judging, (None, None))
    return is_met(goal, top1=found.top1, mean_macs=found.mean_macs, main_top1=main.top1)


@pytest.mark.parametrize(
    ("goal", "images"),
    [
        (MaxTop1Drop(0.02, 0.8), 160),  # lost answers alone are counted
        pytest.param(MaxTop1Drop(0.02, 0.8), 500, marks=pytest.mark.slow),  # and what is gained
        pytest.param(MinTop1(0.95, 0.8), 200, marks=pytest.mark.slow),
        pytest.param("half way", 120, marks=pytest.mark.slow),  # of the MACs
    ],
    ids=str,
)
def test_a_promise_is_kept_at_least_as_often_as_stated(
    goal: Goal | str, images: int, tiny: Net
) -> None:
    """Of 60 draws at 80 %, more than 19 broken promises would have a chance of 1 in 100."""
    net_cost = cost(tiny)
    if isinstance(goal, str):
        ends = net_cost.exits[0].macs_to_here, net_cost.without_exits.macs
        goal = MaxMeanMacs(sum(ends) / 2, 0.8)
    draws, kept, chosen = 60, 0, 0
    for seed in range(draws):
        try:
            policy = choose_policy(*drawn(seed, images), net_cost, goal, "probability").policy
        except RecipeError:
            kept += 1  # nothing is promised
            continue
        chosen += 1
        kept += measured(policy, others(), net_cost, goal)

    assert chosen > draws / 3, "else nothing is tested"
    assert stats.binomtest(kept, draws, goal.level, alternative="less").pvalue > 0.01


@pytest.mark.slow
def test_without_the_bound_it_would_be_broken_far_more_often(tiny: Net) -> None:
    net_cost, goal, broken = cost(tiny), MaxTop1Drop(0.005), 0
    for seed in range(20):
        statistics = choose_policy(
            *drawn(seed, 400), net_cost, MaxTop1Drop(0.3), "margin"
        ).statistics
        main = tuning.outcome(statistics, (None, None))
        point = next(p for p in tuning.frontier(statistics) if p.top1 >= main.top1 - goal.share)
        guess = tuning.policy(statistics, point, "margin")
        broken += not measured(guess, others(), net_cost, goal)

    assert broken > 5


def refused(images: int, goal: Goal, tiny: Net) -> str:
    with pytest.raises(RecipeError) as error:
        choose_policy(*drawn(0, images), cost(tiny), goal, "probability")
    return str(error.value)


@pytest.mark.parametrize("goal", [MaxTop1Drop(0.01), MaxTop1Drop(0.03, 0.95), MinTop1(0.9)])
def test_too_few_images_are_refused_with_the_number_that_would_do(goal: Goal, tiny: Net) -> None:
    """A model that is always right gets a policy with so many, and not with one less."""
    said = refused(20, goal, tiny)
    found = re.search(r": ([0-9,]+) would do; give more images, or use --goal (-?[0-9.]+)%$", said)
    assert found
    needed = int(found[1].replace(",", ""))

    def perfect(images: int) -> Answered:
        return drawn(0, images, (0.1, 0.1, 0.1))

    assert choose_policy(*perfect(needed), cost(tiny), goal, "probability").policy.gates
    with pytest.raises(RecipeError, match="too few images"):
        choose_policy(*perfect(needed - 1), cost(tiny), goal, "probability")


def test_the_goal_that_is_proposed_is_one_that_can_be_promised(tiny: Net) -> None:
    said = refused(100, MaxTop1Drop(0.01), tiny)

    assert said == (
        "too few images choose the policy to promise a loss of at most 1 points of top-1 with "
        "90 % confidence: 306 would do; give more images, or use --goal -3.1%"
    )
    perfect = drawn(0, 100, (0.1, 0.1, 0.1))
    assert choose_policy(*perfect, cost(tiny), MaxTop1Drop(0.031), "probability").policy.gates
    with pytest.raises(RecipeError):
        choose_policy(*perfect, cost(tiny), MaxTop1Drop(0.03), "probability")


def test_nothing_can_be_promised_never_to_happen(tiny: Net) -> None:
    assert refused(400, MaxTop1Drop(0.0), tiny).startswith(
        "no number of images can promise a loss of at most 0 points of top-1 with 90 % confidence"
    )


def test_a_policy_that_loses_too_much_says_what_it_loses_and_how_many_would_do(tiny: Net) -> None:
    """The exits guess: whoever stops there loses."""
    found, labels = drawn(0, 400)
    random = np.random.default_rng(1)
    for name in ("first", "second"):
        found[name] = random.dirichlet(np.ones(CLASSES) / 50, 400).astype(np.float32)
    with pytest.raises(RecipeError) as error:
        choose_policy(found, labels, cost(tiny), MaxTop1Drop(0.01), "probability")

    assert re.fullmatch(
        r"no policy can promise a loss of at most 1 points of top-1 with 90 % confidence: the most "
        r"careful one that saves work loses \d+ and gains \d+ of 300 images; give more images, or "
        r"use --goal -[0-9.]+%",
        str(error.value),
    )


def test_the_images_that_design_are_not_those_that_show(tiny: Net) -> None:
    choice = choose_policy(*drawn(0, 400), cost(tiny), MaxTop1Drop(0.05), "entropy")
    origin = choice.policy.origin

    assert (origin["images"], origin["shown_on"]) == (400, 300)
    assert origin["goal"] == {"MaxTop1Drop": 0.05}
    assert origin["confidence_level"] == 0.9
    assert origin["main_top1"] - origin["top1"] == pytest.approx(
        (origin["only_main"] - origin["only_policy"]) / 300
    )


@pytest.mark.parametrize("shown_on", range(1, 40))
def test_a_quarter_designs_and_the_rest_shows(shown_on: int) -> None:
    images = images_for(shown_on)

    assert images - images // 4 >= shown_on
    assert images == 4 or images - 1 - (images - 1) // 4 < shown_on


def test_separable_images_make_nobody_certain(tiny: Net) -> None:
    """45 images, all right: the confidence was exactly 1, and the first exit answered all."""
    found, labels = drawn(0, 45, (0.3, 0.3, 0.3))
    policy = choose_policy(found, labels, cost(tiny), MaxTop1Drop(0.1), "probability").policy
    statistics: ExitStatistics = tuning.collect(
        found, labels, cost(tiny), "probability", [g.temperature for g in policy.gates] + [1.0]
    ) if len(policy.gates) == 2 else pytest.fail("an exit is not used")  # fmt: skip

    assert all(gate.temperature > 0.2 for gate in policy.gates)
    assert statistics.confidence.max() < 1
    assert exit_index(statistics.confidence, (1.0, 1.0)).tolist() == [2] * 45
