"""Calibration against numbers worked by hand and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inceptionkit.errors import DataError
from inceptionkit.evaluation.calibration import (
    Bin,
    believable_from,
    brier_score,
    calibration_error,
    fit_temperature,
    reliability,
    tempered,
)
from inceptionkit.evaluation.metrics import class_scores, confusion, log_loss, top_k

CLASSES, IMAGES = 7, 400
Pair = tuple[NDArray[np.float32], NDArray[np.int64]]


def drawn(seed: int, sharpness: float = 2.0) -> Pair:
    """Probabilities that mean what they say when `sharpness` is 1, and their labels."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(IMAGES, CLASSES)) * 1.5
    honest = softmax(scores)
    labels = (honest.cumsum(1) > random.random((IMAGES, 1))).argmax(1)
    return softmax(scores * sharpness).astype(np.float32), labels


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def test_reliability_by_hand() -> None:
    """0.55 right, 0.9 right, 0.95 wrong, in five bins."""
    probabilities = np.array([[0.55, 0.45], [0.1, 0.9], [0.05, 0.95]], np.float32)
    bins = reliability(probabilities, np.array([0, 1, 0]), bins=5)

    assert [(b.low, b.high, b.images, b.top1) for b in bins] == [
        (pytest.approx(0.4), pytest.approx(0.6), 1, 1.0),
        (pytest.approx(0.8), 1.0, 2, 0.5),
    ]
    assert calibration_error(bins) == pytest.approx((0.45 + 2 * 0.425) / 3)


def test_nothing_has_no_calibration() -> None:
    none, labels = np.zeros((0, 3), np.float32), np.zeros(0, np.int64)

    assert reliability(none, labels) == ()
    assert calibration_error(()) is None
    assert brier_score(none, labels) is None
    with pytest.raises(DataError, match=r"^a temperature is fitted on images, got none"):
        fit_temperature(none, labels)


@pytest.mark.parametrize("seed", range(5))
def test_scikit_learn_agrees(seed: int) -> None:
    from sklearn import calibration, metrics

    probabilities, labels = drawn(seed)
    wide = probabilities.astype(np.float64)
    wide /= wide.sum(1, keepdims=True)
    every = np.arange(CLASSES)
    bins = reliability(probabilities, labels)
    right = probabilities.argmax(1) == labels
    top1, confidence = calibration.calibration_curve(right, probabilities.max(1), n_bins=15)
    scores = class_scores(confusion(probabilities.argmax(1), labels, CLASSES), ("",) * CLASSES)
    expected = metrics.precision_recall_fscore_support(labels, probabilities.argmax(1))

    assert log_loss(probabilities, labels) == pytest.approx(
        metrics.log_loss(labels, wide, labels=every), abs=1e-6
    )
    assert brier_score(probabilities, labels) == pytest.approx(
        metrics.brier_score_loss(labels, wide, labels=every, scale_by_half=False), abs=1e-6
    )
    assert [b.top1 for b in bins] == pytest.approx(top1)
    assert [b.confidence for b in bins] == pytest.approx(confidence)
    assert [s.precision for s in scores] == pytest.approx(expected[0])
    assert [s.recall for s in scores] == pytest.approx(expected[1])
    assert [s.f1 for s in scores] == pytest.approx(expected[2])
    assert [s.images for s in scores] == expected[3].tolist()
    for k in (1, 2, 5):
        assert top_k(probabilities, labels, k) == pytest.approx(
            metrics.top_k_accuracy_score(labels, probabilities, k=k, labels=every)
        )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), temperature=st.floats(0.2, 5.0))
def test_a_temperature_keeps_every_answer(seed: int, temperature: float) -> None:
    probabilities, _ = drawn(seed, 1.0)
    warmer = tempered(probabilities, temperature)

    assert warmer.sum(1) == pytest.approx(np.ones(IMAGES), abs=1e-5)
    assert (warmer.argmax(1) == probabilities.argmax(1)).all()
    assert tempered(probabilities, 1.0) == pytest.approx(probabilities, abs=1e-6)


def test_tempered_divides_the_scores() -> None:
    scores = np.random.default_rng(0).normal(size=(50, CLASSES))

    found = tempered(softmax(scores).astype(np.float32), 2.5)

    assert found == pytest.approx(softmax(scores / 2.5), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_temperature_is_the_best_one(seed: int) -> None:
    """Twice too sharp, so about 2; and hardly another on a fine grid has a lower loss."""
    probabilities, labels = drawn(seed)
    found = fit_temperature(probabilities, labels)
    lowest = log_loss(tempered(probabilities, found), labels)
    grid = [log_loss(tempered(probabilities, t), labels) for t in np.geomspace(0.05, 20, 200)]

    assert found == pytest.approx(2.0, rel=0.25)
    assert lowest <= min(loss for loss in grid if loss is not None) + 1e-3


@pytest.mark.parametrize("images", [2, 10, 45, 300, 3000])
@pytest.mark.parametrize("sure", [0.6, 0.9, 0.99])
def test_a_model_that_is_always_right_is_no_surer_than_so_many_images_allow(
    images: int, sure: float
) -> None:
    """The rule of succession leaves 1 / (n + 2); ten images of the prior know their own doubt."""
    probabilities = np.full((images, 2), [sure, 1 - sure], np.float32)
    found = fit_temperature(probabilities, np.zeros(images, np.int64))
    doubt = 1 - float(tempered(probabilities, found)[0, 0])

    assert doubt == pytest.approx((1 - sure) * 10 / (images + 10), rel=1e-3)
    assert found < 1


def test_one_image_moves_a_temperature_little() -> None:
    probabilities = np.array([[0.6, 0.4]], np.float32)

    assert 0.6 < fit_temperature(probabilities, np.array([0])) < 1
    assert 1 < fit_temperature(probabilities, np.array([1])) < 2.5


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_means_what_it_says_keeps_its_temperature(seed: int) -> None:
    assert fit_temperature(*drawn(seed, 1.0)) == pytest.approx(1.0, abs=0.12)


def test_scaling_mends_a_model_that_is_too_sure() -> None:
    probabilities, labels = drawn(1, sharpness=4.0)
    mended = tempered(probabilities, fit_temperature(probabilities, labels))
    before, after = (calibration_error(reliability(p, labels)) for p in (probabilities, mended))

    assert before is not None
    assert after is not None
    assert after < before / 2


def group(low: float, images: int, top1: float) -> Bin:
    return Bin(low=low, high=low + 0.1, images=images, confidence=low + 0.05, top1=top1)


def test_a_model_is_believed_from_where_it_is_right() -> None:
    good = (group(0.3, 30, 0.4), group(0.6, 40, 0.95), group(0.9, 200, 0.99))
    over_confident = (group(0.3, 50, 0.4), group(0.9, 50, 0.7))

    assert believable_from(good) == 0.6
    assert believable_from((group(0.2, 99, 1.0), group(0.9, 99, 1.0))) == 0.5
    assert believable_from(over_confident) is None
    assert believable_from(()) is None


def test_few_right_answers_are_no_proof() -> None:
    assert believable_from((group(0.9, 5, 1.0),)) is None
    assert believable_from((group(0.9, 50, 1.0),)) == 0.9


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 1)), min_size=1, max_size=10))
def test_answers_above_the_floor_are_right_at_least_nine_times_in_ten(
    groups: list[tuple[int, float]],
) -> None:
    bins = tuple(group(k / 10, *one) for k, one in enumerate(groups))
    floor = believable_from(bins)

    above = [one for one in bins if floor is not None and one.high > floor]
    if above:
        images = sum(one.images for one in above)
        assert sum(one.images * one.top1 for one in above) >= 0.9 * images - 1e-9
