"""Metrics on numbers worked by hand."""

import math

import numpy as np
import pytest

from inceptionkit.errors import RecipeError
from inceptionkit.evaluation.early_exit import StopWhenSure
from inceptionkit.evaluation.metrics import class_scores, confusion, log_loss, top_k

PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.4, 0.4, 0.2], [0.2, 0.5, 0.3]], np.float32
)
LABELS = np.array([0, 1, 1, 2])


def test_top_k() -> None:
    """First right; second right in two; third ties with a lower class, so right in two."""
    assert [top_k(PROBABILITIES, LABELS, k) for k in (1, 2, 3)] == [0.25, 1.0, 1.0]


def test_a_tie_goes_to_the_lower_class() -> None:
    equal = np.full((3, 3), 1 / 3, np.float32)

    assert top_k(equal, np.array([0, 1, 2]), 1) == pytest.approx(1 / 3)
    assert top_k(equal, np.array([0, 1, 2]), 2) == pytest.approx(2 / 3)


def test_log_loss() -> None:
    expected = -(math.log(0.7) + math.log(0.3) + math.log(0.4) + math.log(0.3)) / 4

    assert log_loss(PROBABILITIES, LABELS) == pytest.approx(expected)
    assert log_loss(np.array([[1.0, 0.0]], np.float32), np.array([1])) == pytest.approx(87.3365)


def test_nothing_to_score() -> None:
    none, labels = np.zeros((0, 3), np.float32), np.zeros(0, np.int64)

    assert top_k(none, labels, 1) is None
    assert log_loss(none, labels) is None


def test_confusion_has_true_classes_in_rows() -> None:
    found = confusion(np.array([0, 2, 2, 1]), np.array([0, 0, 2, 2]), 3)

    assert found.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 1]]


def test_precision_recall_and_f1() -> None:
    """8 cats, 6 found; 10 called cats. No image of the third class, and none called so."""
    cat, dog, fox = class_scores(np.array([[6, 2, 0], [4, 8, 0], [0, 0, 0]]), ("cat", "dog", "fox"))

    assert (cat.name, cat.images, cat.precision, cat.recall) == ("cat", 8, 0.6, 0.75)
    assert cat.f1 == pytest.approx(2 * 0.6 * 0.75 / (0.6 + 0.75))
    assert (dog.images, dog.precision, dog.recall) == (12, 0.8, pytest.approx(2 / 3))
    assert (fox.images, fox.precision, fox.recall, fox.f1) == (0, None, None, None)


@pytest.mark.parametrize("probability", [-0.1, 1.01, float("nan")])
def test_a_policy_takes_a_probability(probability: float) -> None:
    with pytest.raises(RecipeError, match=r"^an exit's probability must lie between 0 and 1, got "):
        StopWhenSure(probability)
