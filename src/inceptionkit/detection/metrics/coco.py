"""Average precision and recall as COCO defines them, with classes of size.

Sources:
    https://cocodataset.org/#detection-eval; matching and sums follow `pycocotools.cocoeval`, which
    the tests compare with. A difficult object is COCO's crowd: it may hold several detections,
    which count neither as right nor as wrong. The size of an object is the `area` of its
    annotation, which is that of its mask, where there is one; that of a detection is its box's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inceptionkit.detection.boxes import areas, intersections
from inceptionkit.detection.types import AnnotatedImage, Boxes, Detections

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""IoU: 0.5, 0.55 ... 0.95."""

SIZES = {
    "all": (0.0, 1e10),
    "small": (0.0, 1024.0),
    "medium": (1024.0, 9216.0),
    "large": (9216.0, 1e10),
}
"""Areas in square pixels: small objects are below 32x32, large ones above 96x96."""

_RECALLS = np.linspace(0.0, 1.0, 101)
_MOST = 100  # detections of one class in one image
_EPSILON = np.spacing(1)


@dataclass(frozen=True, slots=True, eq=False)
class CocoScores:
    """COCO's twelve numbers, and the average precision of each class. NaN where nothing counts."""

    ap: float  # mean over classes and IoU from 0.5 to 0.95
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar_1: float  # mean of the recall, with one detection of each class in an image
    ar_10: float
    ar_100: float
    ar_small: float
    ar_medium: float
    ar_large: float
    per_class: NDArray[np.float64]  # (classes,), `ap` of each


class _Match(NamedTuple):
    """Detections and objects of one class in one image, the highest score first."""

    scores: NDArray[np.float32]  # (n,)
    right: NDArray[np.bool_]  # (thresholds, n), matched with an object
    ignored: NDArray[np.bool_]  # (thresholds, n), neither right nor wrong
    objects: int  # that count


def coco_scores(
    images: Sequence[AnnotatedImage], found: Sequence[Detections], classes: int
) -> CocoScores:
    """Score detections.

    Args:
        images: the truth.
        found: what a detector found in each image.
        classes: how many there are.
    """
    precision: dict[str, NDArray[np.float64]] = {}  # (classes, thresholds), -1 without objects
    recall: dict[tuple[str, int], NDArray[np.float64]] = {}
    for name, limits in SIZES.items():
        matches = [
            [_match(image, seen, label, limits) for image, seen in zip(images, found, strict=True)]
            for label in range(classes)
        ]
        for most in (1, 10, _MOST) if name == "all" else (_MOST,):
            pairs = [_accumulate(one, most) for one in matches]
            recall[name, most] = np.array([pair[1] for pair in pairs]).reshape(classes, -1)
            precision[name] = np.array([pair[0] for pair in pairs]).reshape(classes, -1)
    every = precision["all"]
    return CocoScores(
        ap=_mean(every),
        ap50=_mean(every[:, 0]),
        ap75=_mean(every[:, 5]),
        ap_small=_mean(precision["small"]),
        ap_medium=_mean(precision["medium"]),
        ap_large=_mean(precision["large"]),
        ar_1=_mean(recall["all", 1]),
        ar_10=_mean(recall["all", 10]),
        ar_100=_mean(recall["all", _MOST]),
        ar_small=_mean(recall["small", _MOST]),
        ar_medium=_mean(recall["medium", _MOST]),
        ar_large=_mean(recall["large", _MOST]),
        per_class=np.array([_mean(row) for row in every], np.float64),
    )


def _match(
    image: AnnotatedImage, seen: Detections, label: int, limits: tuple[float, float]
) -> _Match:
    """Match each detection, the highest score first, with the free object that it overlaps most."""
    mine = np.flatnonzero(seen.labels == label)
    order = mine[np.argsort(-seen.scores[mine], kind="stable")][:_MOST]
    boxes, truth = seen.boxes[order], np.flatnonzero(image.labels == label)
    crowd, own = image.difficult[truth], _sizes(image)[truth]
    skipped = crowd | (own < limits[0]) | (own > limits[1])
    rank = np.argsort(skipped, kind="stable")  # what counts comes first
    truth, crowd, skipped = truth[rank], crowd[rank], skipped[rank]
    overlaps = _overlaps(boxes, image.boxes[truth], crowd)

    shape = (len(THRESHOLDS), len(order))
    right, ignored = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    taken = np.zeros((len(THRESHOLDS), len(truth)), np.bool_)
    least = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
    steps = np.arange(len(THRESHOLDS))
    for index, row in enumerate(overlaps if len(truth) else ()):
        free = (row >= least) & (~taken | crowd)
        counts = free & ~skipped
        either = np.where(counts.any(axis=1)[:, None], counts, free)
        # of equal overlaps the last object wins
        best = len(truth) - 1 - np.argmax(np.where(either, row, -1.0)[:, ::-1], axis=1)
        hit = either.any(axis=1)
        right[:, index], ignored[:, index] = hit, hit & skipped[best]
        taken[steps[hit], best[hit]] = True
    size = areas(boxes)
    ignored |= ~right & ((size < limits[0]) | (size > limits[1]))
    return _Match(seen.scores[order], right, ignored, int((~skipped).sum()))


def _sizes(image: AnnotatedImage) -> NDArray[np.float64]:
    """(n,) areas of the objects."""
    return areas(image.boxes) if image.areas is None else image.areas


def _overlaps(boxes: Boxes, truth: Boxes, crowd: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n, m) IoU; with a crowd, the share of the detection that lies in it."""
    shared, own = intersections(boxes, truth), areas(boxes)[:, None]
    union = np.where(crowd, own, own + areas(truth) - shared)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _accumulate(
    matches: Sequence[_Match], most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean precision over 101 recalls, and the highest recall; -1 without objects."""
    objects = sum(one.objects for one in matches)
    if not objects:
        nothing = np.full(len(THRESHOLDS), -1.0)
        return nothing, nothing
    scores = np.concatenate([one.scores[:most] for one in matches])
    order = np.argsort(-scores, kind="stable")
    right = np.concatenate([one.right[:, :most] for one in matches], axis=1)[:, order]
    ignored = np.concatenate([one.ignored[:, :most] for one in matches], axis=1)[:, order]
    hits = np.cumsum(right & ~ignored, axis=1).astype(np.float64)
    misses = np.cumsum(~right & ~ignored, axis=1).astype(np.float64)
    recall = hits / objects
    precision = hits / (hits + misses + _EPSILON)
    falling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    means = np.zeros(len(THRESHOLDS))
    for row in range(len(THRESHOLDS)):
        at = np.searchsorted(recall[row], _RECALLS, side="left")
        means[row] = falling[row][at[at < len(order)]].sum() / len(_RECALLS)
    return means, recall[:, -1] if len(order) else np.zeros(len(THRESHOLDS))


def _mean(values: NDArray[np.float64]) -> float:
    """The mean of what counts; NaN if nothing does."""
    kept = values[values > -1]
    return float(kept.mean()) if kept.size else float("nan")
