"""Sizes of anchors, from the boxes of the training images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST, ENOUGH = 9, 0.75  # anchors a cell; mean IoU of a box with its nearest anchor
_OF_A_CLASS = 64  # boxes by which a class is represented
_ROUNDS = 100

Sides = tuple[float, float]  # height and width, pixels


def anchor_sides(given: NDArray[np.float32], most: int = MOST) -> tuple[Sides, ...]:
    """The fewest sizes that lie near all boxes, by k-means with 1 - IoU as the distance.

    Args:
        given: (boxes, 2), height and width in pixels.
        most: sizes.

    Returns:
        Sizes, the smallest area first; fewer than `most` where the mean IoU is enough.

    Sources:
        Redmon & Farhadi 2017, arXiv:1612.08242, section 2. It begins at quantiles of the area, and
        a center is a median, so that the result is the same every time.
    """
    sides = given.astype(np.float64)
    found = sides[:0]
    for count in range(1, most + 1):
        found = _clusters(sides, count)
        if _overlap(sides, found).max(1).mean() >= ENOUGH:
            break
    found = found[np.argsort(found.prod(1), kind="stable")]
    return tuple((round(float(h), 2), round(float(w), 2)) for h, w in found)


def balanced(sides: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Sizes that stand for those of all boxes, as many of each class: quantiles of its areas.

    Args:
        sides: (boxes, 2), height and width.
        labels: (boxes,) class of each.
    """
    chosen = []
    for label in np.unique(labels):
        own = sides[labels == label]
        by_area = own[np.argsort(own.prod(1), kind="stable")]
        chosen.append(by_area[(2 * np.arange(_OF_A_CLASS) + 1) * len(own) // (2 * _OF_A_CLASS)])
    return np.concatenate(chosen)


def _clusters(sides: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    by_area = sides[np.argsort(sides.prod(1), kind="stable")]
    middles = (2 * np.arange(count) + 1) * len(sides) // (2 * count)
    centers = by_area[middles]
    for _ in range(_ROUNDS):
        nearest = _overlap(sides, centers).argmax(1)
        moved = np.array(
            [
                np.median(sides[nearest == one], 0) if (nearest == one).any() else centers[one]
                for one in range(count)
            ]
        )
        if np.array_equal(moved, centers):
            break
        centers = moved
    return centers


def _overlap(sides: NDArray[np.float64], centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m) IoU of boxes with the same middle."""
    shared = np.minimum(sides[:, None], centers[None]).prod(2)
    union = sides.prod(1)[:, None] + centers.prod(1)[None] - shared
    return np.asarray(shared / union)
