"""Correcting boxes: a ridge regression for each class, from features of the trunk.

Sources:
    Girshick et al. 2014, supplementary material C.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.detection.types import Boxes

RIDGE = 0.1
"""Strength of the ridge, relative to the mean square of a feature."""

_LEAST_SQUARE = 1e-6  # mean square of a feature: a trunk may see nothing at all
_FEWEST = 8  # regions of a class
_AT_ONCE = 1024  # regions: few wait in memory in double precision
_MOST_LOG = 1.0  # a box grows or shrinks by a factor of e at most


@dataclass(frozen=True, slots=True, eq=False)
class BoxRegression:
    """Weights of each class; zero for a class that had too few regions."""

    weights: NDArray[np.float32]  # (classes, features + 1, 4), the last row is the bias

    def correct(
        self, boxes: Boxes, labels: NDArray[np.int64], features: NDArray[np.float32]
    ) -> Boxes:
        """Boxes moved and scaled to where the object is.

        Args:
            boxes: (n, 4).
            labels: (n,) class that each is taken for.
            features: (n, features).
        """
        if not len(boxes):
            return boxes
        ones = np.ones((len(features), 1), np.float32)
        shifts = np.einsum(
            "nf,nfk->nk", np.concatenate([features, ones], axis=1), self.weights[labels]
        )
        return decoded(boxes, shifts)


def coded(boxes: Boxes, truth: Boxes) -> NDArray[np.float32]:
    """(n, 4) what moves each box to the true one, in sides of the box; and logarithms of scales."""
    sides, true_sides = boxes[:, 2:] - boxes[:, :2], truth[:, 2:] - truth[:, :2]
    shift = ((truth[:, :2] + true_sides / 2) - (boxes[:, :2] + sides / 2)) / sides
    return np.concatenate([shift, np.log(true_sides / sides)], axis=1).astype(np.float32)


def decoded(boxes: Boxes, shifts: NDArray[np.float32]) -> Boxes:
    """The boxes that `coded` would give such shifts for."""
    sides = boxes[:, 2:] - boxes[:, :2]
    center = boxes[:, :2] + sides / 2 + shifts[:, :2] * sides
    half = sides * np.exp(np.clip(shifts[:, 2:], -_MOST_LOG, _MOST_LOG)) / 2
    return np.concatenate([center - half, center + half], axis=1).astype(np.float32)


def fit(
    features: NDArray[np.float32],
    boxes: Boxes,
    truth: Boxes,
    labels: NDArray[np.int64],
    classes: int,
) -> BoxRegression:
    """Fit the regressions.

    Args:
        features: (n, features) of regions that show an object.
        boxes: (n, 4) the regions.
        truth: (n, 4) the object's true box.
        labels: (n,) its class.
        classes: how many there are.
    """
    weights = np.zeros((classes, features.shape[1] + 1, 4), np.float32)
    targets = coded(boxes, truth)
    for label in range(classes):
        own = np.flatnonzero(labels == label)
        if len(own) >= _FEWEST:
            weights[label] = _solved(features, targets, own)
    return BoxRegression(weights)


def _solved(
    features: NDArray[np.float32], targets: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(features + 1, 4) the weights that fit some rows best."""
    width = features.shape[1] + 1
    squares, products = np.zeros((width, width)), np.zeros((width, 4))
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        x = np.concatenate([features[some], np.ones((len(some), 1))], axis=1)
        squares += x.T @ x
        products += x.T @ targets[some]
    mean_square = float(np.diag(squares)[:-1].sum()) / (len(rows) * (width - 1))
    ridge = np.full(width, RIDGE * max(mean_square, _LEAST_SQUARE) * len(rows))
    ridge[-1] = 0  # the bias is free
    solution: NDArray[np.float64] = np.linalg.solve(squares + np.diag(ridge), products)
    return solution
