"""What predictions are worth. Shares are fractions from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float32]
Confusion = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How one class fares; a share that nothing defines is None."""

    name: str
    images: int
    precision: float | None  # of the images given this name, the share that are it
    recall: float | None  # of the images that are it, the share given this name
    f1: float | None  # harmonic mean of the two


def top_k(probabilities: Probabilities, labels: Labels, k: int) -> float | None:
    """Share of the images whose label is among the `k` most probable classes.

    Args:
        probabilities: (images, classes); ties go to the lower class number.
        labels: (images,) class numbers.
        k: at most the number of classes, where it is 1.0.

    Returns:
        None if there are no images.
    """
    if len(labels) == 0:
        return None
    own = probabilities[np.arange(len(labels)), labels][:, None]
    ahead = (probabilities > own).sum(1)
    tied = (probabilities == own) & (np.arange(probabilities.shape[1]) < labels[:, None])
    return float((ahead + tied.sum(1) < k).mean())


def log_loss(probabilities: Probabilities, labels: Labels) -> float | None:
    """Mean cross-entropy in nats; a probability of 0 counts as the smallest float32."""
    if len(labels) == 0:
        return None
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(own, np.finfo(np.float32).tiny)).mean())


def confusion(guesses: Labels, labels: Labels, classes: int) -> Confusion:
    """(classes, classes) counts: rows are the true classes, columns the predicted ones.

    They have the smallest type that holds the largest: 100 MB for 10,000 classes.
    """
    cells, counts = np.unique(labels * classes + guesses, return_counts=True)
    matrix = np.zeros(classes * classes, np.min_scalar_type(int(counts.max(initial=0))))
    matrix[cells] = counts
    return matrix.reshape(classes, classes)


def class_scores(matrix: Confusion, names: tuple[str, ...]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of each class, from the confusion matrix."""
    hits = np.diag(matrix).astype(np.int64)
    actual, predicted = matrix.sum(1, dtype=np.int64), matrix.sum(0, dtype=np.int64)
    return tuple(
        ClassScore(
            name=name,
            images=int(actual[i]),
            precision=share(hits[i], predicted[i]),
            recall=share(hits[i], actual[i]),
            f1=share(2 * hits[i], actual[i] + predicted[i]),
        )
        for i, name in enumerate(names)
    )


def share(part: int, whole: int) -> float | None:
    """Part of a whole; None if the whole is nothing."""
    return float(part) / float(whole) if whole else None
