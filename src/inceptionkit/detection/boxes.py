"""Arithmetic of boxes, (n, 4) arrays of x1, y1, x2, y2: overlap, clipping, suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inceptionkit.detection.types import Boxes


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """(n,) areas in square pixels; 0 where a box is reversed."""
    sides = np.maximum(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def intersections(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """(n, m) areas that each box of the first shares with each of the second."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def iou(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """(n, m) intersection over union, from 0 to 1; 0 where both boxes have no area."""
    shared = intersections(first, second)
    union = areas(first)[:, None] + areas(second)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def clip(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """The parts of boxes that lie inside an image of (height, width) pixels."""
    height, width = size
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(boxes, np.float32(0), limits).astype(np.float32)


def suppress(boxes: Boxes, scores: NDArray[np.float32], most: float) -> NDArray[np.int64]:
    """Greedy non-maximum suppression of the boxes of one class.

    Args:
        boxes: (n, 4).
        scores: (n,). Of equal scores the first box wins.
        most: IoU above which the box with the lower score is dropped.

    Returns:
        Indices of what is kept, the highest score first.
    """
    order = np.argsort(-scores, kind="stable")
    kept = list[int]()
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[iou(boxes[best : best + 1], boxes[rest])[0] <= most]
    return np.array(kept, np.int64)


def suppress_per_class(
    boxes: Boxes, scores: NDArray[np.float32], labels: NDArray[np.int64], most: float
) -> NDArray[np.int64]:
    """Non-maximum suppression among the boxes of each class by itself.

    Returns:
        Indices of what is kept, the highest score first.
    """
    kept = [
        own[suppress(boxes[own], scores[own], most)]
        for label in np.unique(labels)
        for own in [np.flatnonzero(labels == label)]
    ]
    if not kept:
        return np.zeros(0, np.int64)
    together = np.sort(np.concatenate(kept))
    return together[np.argsort(-scores[together], kind="stable")]
