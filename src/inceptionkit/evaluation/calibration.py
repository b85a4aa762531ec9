"""Whether a model knows how sure it may be. Shares are fractions from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.errors import DataError
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.evaluation.metrics import Labels, Probabilities

_BINS = 15
_BELIEVED = 0.9  # share of answers that are right where a model is believed against a label
_PROVEN = 0.75  # at least which that share must be, with what chance does
HOTTEST, COLDEST = 20.0, 0.05  # temperatures between which one is looked for
PRIOR_IMAGES = 10  # that speak for a temperature of 1
SMALLEST = float(np.finfo(np.float32).tiny)  # what a probability of 0 counts as


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Images whose answers are about equally sure."""

    low: float  # confidence above which they lie; the first bin holds 0 as well
    high: float  # and up to which
    images: int
    confidence: float  # mean probability of the answers
    top1: float  # share of the answers that are right


def reliability(probabilities: Probabilities, labels: Labels, bins: int = _BINS) -> tuple[Bin, ...]:
    """How often answers of about the same confidence are right.

    Args:
        probabilities: (images, classes).
        labels: (images,) class numbers.
        bins: of equal width, from 0 to 1.

    Returns:
        The bins that hold an image, the least sure first.

    Sources:
        Guo et al. 2017, arXiv:1706.04599, section 2: reliability diagrams.
    """
    confidence = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == labels
    return binned(confidence, right, bins)


def binned(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = _BINS
) -> tuple[Bin, ...]:
    """Sort answers, (images,) confidences and whether they are right, into bins."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    number = np.searchsorted(edges[1:-1], confidence)
    found = []
    for i in np.unique(number).tolist():
        own = number == i
        one = Bin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            images=int(own.sum()),
            confidence=float(confidence[own].mean()),
            top1=float(right[own].mean()),
        )
        found.append(one)
    return tuple(found)


def calibration_error(bins: tuple[Bin, ...]) -> float | None:
    """Expected calibration error: mean gap between confidence and share right; None of nothing.

    Sources:
        Naeini et al. 2015; arXiv:1706.04599, equation 3.
    """
    images = sum(one.images for one in bins)
    if not images:
        return None
    return sum(one.images * abs(one.confidence - one.top1) for one in bins) / images


def believable_from(bins: tuple[Bin, ...]) -> float | None:
    """The confidence from which on answers can be believed against a label.

    It follows the calibration: it is the lowest edge above which, bin by bin down from the most
    confident answers, at least 90 % of all answers so far and of the bin itself are right. A bin of
    few images counts as wrong only where chance does not explain it, and some right answers alone
    are no proof.

    Returns:
        At least 0.5, for the answer must be more probable than all others; None where even the most
        confident answers are wrong too often.
    """
    floor, images, right, counted = None, 0, 0.0, (0.0, 1)
    for one in reversed(bins):
        images, right = images + one.images, right + one.images * one.top1
        best = wilson(one.top1, one.images)[1]
        if right < _BELIEVED * images or best < _BELIEVED:
            break
        floor, counted = max(0.5, one.low), (right / images, images)
    return floor if floor is not None and wilson(*counted)[0] >= _PROVEN else None


def brier_score(probabilities: Probabilities, labels: Labels) -> float | None:
    """Mean squared distance of the probabilities from the truth, from 0 to 2; None of nothing.

    Sources:
        Brier 1950, summed over all classes.
    """
    if len(labels) == 0:
        return None
    wide = probabilities.astype(np.float64)
    own = wide[np.arange(len(labels)), labels]
    return float((np.square(wide).sum(1) - 2 * own + 1).mean())


def tempered(probabilities: Probabilities, temperature: float) -> Probabilities:
    """Probabilities of the same scores divided by `temperature`: above 1 less sure, below 1 more.

    The order of the classes stays. Scores are not needed: a softmax forgets what all share.
    """
    scores = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST)) / temperature
    powers = np.exp(scores - scores.max(1, keepdims=True))
    found: Probabilities = (powers / powers.sum(1, keepdims=True)).astype(np.float32)
    return found


def fit_temperature(probabilities: Probabilities, labels: Labels) -> float:
    """The temperature that suits these images best and is plausible, from 0.05 to 20.

    The best one alone would make a model that is right on all of few images certain of everything.
    So `PRIOR_IMAGES` more are counted whose labels are drawn from the model's own probabilities: of
    no images the temperature is 1, and the confidence after n right answers of n stays about as far
    from certainty as the rule of succession says. For scores in an exponential family, which a
    temperature makes, this is the conjugate prior, and the loss stays convex in the inverse of
    the temperature: its slope is bisected.

    Args:
        probabilities: (images, classes) of images that the model was not trained on.
        labels: (images,) class numbers.

    Raises:
        DataError: there are no images.

    Sources:
        Guo et al. 2017, arXiv:1706.04599, section 4.2: temperature scaling. Diaconis & Ylvisaker
        1979, doi:10.1214/aos/1176344611: conjugate priors.
    """
    if len(labels) == 0:
        msg = "a temperature is fitted on images, got none; give labeled images"
        raise DataError(msg)
    scores = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST))

    def expected(sharpness: float) -> float:
        powers = np.exp(sharpness * (scores - scores.max(1, keepdims=True)))
        return float(((powers * scores).sum(1) / powers.sum(1)).mean())

    counted = float(scores[np.arange(len(labels)), labels].sum())
    own = (counted + PRIOR_IMAGES * expected(1.0)) / (len(labels) + PRIOR_IMAGES)
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(60):
        middle = (low * high) ** 0.5
        if expected(middle) > own:
            high = middle
        else:
            low = middle
    return 1 / low
