"""Bounds that hold for any number of images, by adding up every outcome that there is."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inceptionkit.evaluation import bounds
from inceptionkit.evaluation.bounds import (
    enough_images,
    fewest_images,
    is_below,
    is_rare,
    loses_little,
)


@pytest.mark.parametrize(
    ("limit", "level", "images"),
    [(0.002, 0.9, 1151), (0.01, 0.9, 230), (0.01, 0.95, 299), (0.5, 0.9, 4), (1.0, 0.9, 1)],
)
def test_the_fewest_images_are_enough_and_one_less_is_not(
    limit: float, level: float, images: int
) -> None:
    """The rule of three: about 3 / limit images at 95 %."""
    assert fewest_images(limit, level) == images
    assert is_rare(0, images, limit, level)
    assert images == 1 or not is_rare(0, images - 1, limit, level)


def test_no_number_of_images_shows_that_nothing_is_ever_lost() -> None:
    assert fewest_images(0.0, 0.9) == inf
    assert not is_rare(0, 100_000, 0.0, 0.9)


@settings(max_examples=60)
@given(
    images=st.integers(1, 400), share=st.floats(0, 1), limit=st.floats(0.001, 0.999),
    level=st.floats(0.5, 0.999),
)  # fmt: skip
def test_rare_is_what_the_binomial_test_of_scipy_says(
    images: int, share: float, limit: float, level: float
) -> None:
    bad = round(share * images)
    expected = stats.binomtest(bad, images, limit, alternative="less").pvalue
    if abs(expected - (1 - level)) < 1e-9:
        return

    assert is_rare(bad, images, limit, level) == (expected <= 1 - level)


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(("images", "limit"), [(100, 0.02), (300, 0.02)])
def test_a_loss_that_is_just_too_large_passes_as_rarely_as_stated(
    images: int, limit: float, level: float
) -> None:
    """Of every count of lost and gained answers, with each share that may be gained."""
    most = 36  # images on which the answers differ; more do not occur
    passes = [
        (lost, gained)
        for lost in range(most)
        for gained in range(most - lost)
        if loses_little(lost, gained, images, limit, level)
    ]
    rows = np.array([(lost, gained, images - lost - gained) for lost, gained in passes])
    assert len(rows) or images < fewest_images(limit, level)
    for gained in (0.0, 0.001, 0.003, 0.01, 0.02):
        shares = [limit + gained, gained, 1 - limit - 2 * gained]
        wrongly = stats.multinomial.pmf(rows, images, shares).sum() if len(rows) else 0.0
        assert wrongly <= 1 - level


def test_gains_let_more_be_lost_once_images_are_many() -> None:
    """Lost answers alone would allow 13 of 2,000 for 1 %: 20 and 10 pass as well."""
    assert is_rare(13, 2000, 0.01, 0.9)
    assert not is_rare(20, 2000, 0.01, 0.9)
    assert loses_little(20, 10, 2000, 0.01, 0.9)
    assert not loses_little(20, 0, 2000, 0.01, 0.9)


@pytest.mark.parametrize(("images", "differ", "loss"), [(500, 0.03, 0.01), (3000, 0.004, 0.002)])
def test_the_difference_is_distributed_as_drawn(images: int, differ: float, loss: float) -> None:
    shares = [(differ + loss) / 2, (differ - loss) / 2, 1 - differ]
    drawn = np.random.default_rng(0).multinomial(images, shares, 100_000)
    for most in (-3, 0, 2, 8):
        counted = (drawn[:, 0] - drawn[:, 1] <= most).mean()
        assert bounds._difference(most, images, differ, loss) == pytest.approx(counted, abs=0.006)


@pytest.mark.parametrize("shares", [(0.7, 0.3, 0.0), (0.5, 0.3, 0.2), (0.0, 1.0, 0.0)])
def test_a_mean_that_is_just_too_large_passes_as_rarely_as_stated(
    shares: tuple[float, float, float],
) -> None:
    values = np.array([10.0, 20.0, 40.0])
    random = np.random.default_rng(0)
    mean = float(values @ shares)
    drawn = random.choice(values, (2000, 80), p=shares)
    passed = sum(is_below(each, (10.0, 40.0), mean, 0.9) for each in drawn)

    assert passed <= 200
    assert is_below(drawn[0], (10.0, 40.0), mean + 6, 0.9)
    assert is_below(drawn[0], (10.0, 40.0), 40.0, 0.9)
    assert not is_below(drawn[0], (10.0, 40.0), 9.0, 0.9)


def test_enough_images_are_found_to_a_hundredth() -> None:
    found = enough_images(lambda count: count >= 12_345, 300)

    assert found is not None
    assert 12_345 <= found <= 12_345 * 1.01
    assert enough_images(lambda _: False, 300) is None
