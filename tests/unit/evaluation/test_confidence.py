"""Intervals and paired tests against scipy, and against what must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inceptionkit.errors import DataError
from inceptionkit.evaluation.confidence import Z95, mcnemar, paired, tango, wilson


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


def test_all_right_of_few_is_not_certain() -> None:
    """Newcombe 1998: n / (n + z²) at the other end."""
    assert wilson(1.0, 30) == (pytest.approx(30 / (30 + Z95**2)), 1.0)


@pytest.mark.parametrize(
    ("only_first", "only_second", "images", "low", "high"),
    [
        pytest.param(7, 1, 21, -0.517, -0.026, id="Fagerland"),
        pytest.param(0, 0, 2, -0.658, 0.658, id="0 lost of 2"),
        pytest.param(0, 0, 30, -0.114, 0.114, id="0 lost of 30"),
    ],
)
def test_the_interval_of_a_difference_is_tangos(
    only_first: int, only_second: int, images: int, low: float, high: float
) -> None:
    """First: Fagerland et al. 2014, doi:10.1002/sim.6148, airways of 21 children, Tango's row.

    Where no answers differ it is z² / (n + z²) in both directions.
    """
    assert tango(only_first, only_second, images) == pytest.approx((low, high), abs=5e-4)


@settings(max_examples=80)
@given(st.integers(1, 300), st.floats(0, 1), st.floats(0, 1))
def test_it_holds_the_difference_and_never_collapses(n: int, some: float, part: float) -> None:
    differ = round(n * some)
    first = round(differ * part)
    low, high = tango(first, differ - first, n)

    assert -1 <= low <= (differ - 2 * first) / n <= high <= 1
    assert high - low > 1 / (n + 4)


@pytest.mark.parametrize(("lost", "gained"), [(0.02, 0.0), (0.03, 0.02), (0.1, 0.15), (0.3, 0.2)])
@pytest.mark.parametrize("images", [20, 60, 200])
def test_it_holds_the_true_difference_in_about_95_of_100_drawings(
    lost: float, gained: float, images: int
) -> None:
    """Score intervals dip a little below; Wald's falls to 33 of 100 for 20 images and 2 %."""
    drawn = np.random.default_rng(0).multinomial(images, [lost, gained, 1 - lost - gained], 2000)
    rows, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)
    ends = np.array([tango(*row, images) for row in rows.tolist()])
    holds = (ends[:, 0] <= gained - lost) & (gained - lost <= ends[:, 1])

    assert counts[holds].sum() / counts.sum() > 0.925


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
    apart = wilson(0.9, 500), wilson(0.92, 500)

    assert apart[0][1] > apart[1][0]
    assert found.difference.low > 0.005
    assert found.p_value == pytest.approx(2 / 2**10)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(DataError, match=r"^a paired test needs the same images, got 3 and 4$"):
        paired(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(DataError, match=r"^an interval needs values, got none"):
        tango(0, 0, 0)
    with pytest.raises(DataError, match=r"^an interval needs values, got none"):
        wilson(0.0, 0)
