"""Average precision of one class, as the Pascal VOC challenges define it.

Sources:
    Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", 2010, section 4.2; the
    development kits of 2007 (11 points) and 2012 (area under the curve). Their `VOCevaldet.m` takes
    an overlap of 0.5 itself as enough (`ovmax>=VOCopts.minoverlap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.detection.boxes import iou
from inceptionkit.detection.types import AnnotatedImage, Detections

LEAST_IOU = 0.5
"""Overlap from which a detection is right."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Precision and recall of one class, from the highest score to the lowest."""

    scores: NDArray[np.float32]  # (n,), falling
    precision: NDArray[np.float64]  # (n,)
    recall: NDArray[np.float64]  # (n,), rising; NaN without objects
    objects: int  # of the class, difficult ones not counted


def curve(
    images: Sequence[AnnotatedImage],
    found: Sequence[Detections],
    label: int,
    least_iou: float = LEAST_IOU,
) -> Curve:
    """Match the detections of one class with its objects.

    The highest score is matched first, with the object that it overlaps most. A second detection of
    an object is wrong. A detection of a difficult object counts neither as right nor as wrong.

    Args:
        images: the truth.
        found: what a detector found in each image.
        label: of the class.
        least_iou: overlap of a match, from 0 to 1.
    """
    objects = sum(int(((one.labels == label) & ~one.difficult).sum()) for one in images)
    scores, right, ignored = [np.zeros(0, np.float32)], list[bool](), list[bool]()
    for image, seen in zip(images, found, strict=True):
        truth, mine = image.labels == label, np.flatnonzero(seen.labels == label)
        order = mine[np.argsort(-seen.scores[mine], kind="stable")]
        overlaps = iou(seen.boxes[order], image.boxes[truth])
        difficult, taken = image.difficult[truth], set[int]()
        scores.append(seen.scores[order])
        for row in overlaps:
            best = int(row.argmax()) if row.size else -1
            hit = best >= 0 and row[best] >= least_iou
            ignored.append(bool(hit and difficult[best]))
            right.append(bool(hit and not difficult[best] and best not in taken))
            if hit:
                taken.add(best)
    every = np.concatenate(scores)
    order = np.argsort(-every, kind="stable")
    order = order[~np.array(ignored, np.bool_)[order]]
    hits = np.cumsum(np.array(right, np.bool_)[order])
    precision = hits / np.arange(1, len(order) + 1)
    recall = hits / objects if objects else np.full(len(order), np.nan)
    return Curve(every[order], precision, recall, objects)


def voc_2012(one: Curve) -> float:
    """The area under the curve, precision made falling; NaN without objects."""
    if not one.objects:
        return float("nan")
    recall = np.concatenate([[0.0], one.recall, [1.0]])
    precision = np.concatenate([[0.0], one.precision, [0.0]])
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall) * falling[1:]).sum())


def voc_2007(one: Curve) -> float:
    """The mean over recalls 0, 0.1 ... 1 of the best precision from there; NaN without objects."""
    if not one.objects:
        return float("nan")
    points = np.arange(0.0, 1.1, 0.1)
    best = [one.precision[one.recall >= at].max(initial=0.0) for at in points]
    return float(np.mean(best))
