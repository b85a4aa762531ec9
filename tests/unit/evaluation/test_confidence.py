"""Intervals and paired tests against scipy, and against what must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inceptionkit.errors import DataError
from inceptionkit.evaluation.confidence import bootstrap, mcnemar, paired, wilson


@pytest.mark.parametrize(
    ("right", "images", "low", "high"),
    [
        pytest.param(81, 263, 0.2553, 0.3662, id="81 of 263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="15 of 148"),
        pytest.param(0, 20, 0.0, 0.1611, id="none of 20"),
        pytest.param(1, 29, 0.0061, 0.1718, id="1 of 29"),
    ],
)
def test_the_interval_is_wilsons(right: int, images: int, low: float, high: float) -> None:
    """Values: Newcombe 1998, Statistics in Medicine 17, pages 857-872, table I, method 3."""
    found = wilson(right / images, images)

    assert found == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("kind", ["right", "costs"])
def test_scipy_draws_the_same_interval(kind: str) -> None:
    random = np.random.default_rng(1)
    values = random.random(300) < 0.8 if kind == "right" else random.gamma(2.0, 3.0, 300)
    found = bootstrap(values)
    expected = stats.bootstrap(
        (values.astype(float),), np.mean, method="percentile", n_resamples=10_000, rng=2
    ).confidence_interval

    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(expected.low, rel=0.02)
    assert found.high == pytest.approx(expected.high, rel=0.02)


def test_the_interval_is_that_of_the_binomial() -> None:
    """900 of 1,000: a standard error of sqrt(0.9 * 0.1 / 1000) = 0.0095."""
    found = bootstrap(np.arange(1000) < 900)

    assert (found.low, found.high) == pytest.approx((0.9 - 0.0186, 0.9 + 0.0186), abs=0.0015)


def test_equal_values_leave_no_doubt() -> None:
    found = bootstrap(np.ones(5, bool))

    assert (found.mean, found.low, found.high) == (1.0, 1.0, 1.0)


@given(st.integers(0, 60), st.integers(0, 60))
def test_scipy_agrees_on_mcnemar(only_first: int, only_second: int) -> None:
    both = only_first + only_second
    expected = stats.binomtest(only_first, both).pvalue if both else 1.0

    assert mcnemar(only_first, only_second) == pytest.approx(expected)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_exchanging_the_models_turns_the_difference(rights: list[tuple[bool, bool]]) -> None:
    first, second = np.array(rights).T
    found, turned = paired(first, second), paired(second, first)

    assert (found.only_first, found.only_second) == (turned.only_second, turned.only_first)
    assert found.difference.mean == pytest.approx(-turned.difference.mean)
    assert found.difference.mean == pytest.approx(second.mean() - first.mean())
    assert found.p_value == turned.p_value


def test_pairing_sees_what_two_intervals_do_not() -> None:
    """The second model is right wherever the first is, and on ten images more of 500."""
    first = np.arange(500) < 450
    second = np.arange(500) < 460
    found = paired(first, second)
    apart = bootstrap(first), bootstrap(second)

    assert apart[0].high > apart[1].low
    assert found.difference.low > 0.005
    assert found.p_value == pytest.approx(2 / 2**10)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(DataError, match=r"^a paired test needs the same images, got 3 and 4$"):
        paired(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(DataError, match=r"^an interval needs values, got none"):
        bootstrap(np.ones(0))
    with pytest.raises(DataError, match=r"^an interval needs values, got none"):
        wilson(0.0, 0)
