"""What is taken for what, background included; and which objects are missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.detection.boxes import iou
from inceptionkit.detection.types import AnnotatedImage, Detections


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Objects and detections, matched whatever their classes.

    Attributes:
        counts: (classes + 1, classes + 1); a row for each true class, a column for each predicted
            one, the last of both is background. Nothing is counted at background, background.
        missed: (n, 2) number of the image and of the object that no detection overlaps.
        false: (n, 2) number of the image and of the detection that overlaps no object.
        confused: (n, 3) numbers of image, object and detection whose classes differ.
    """

    counts: NDArray[np.int64]
    missed: NDArray[np.int64]
    false: NDArray[np.int64]
    confused: NDArray[np.int64]


def confusion(
    images: Sequence[AnnotatedImage],
    found: Sequence[Detections],
    classes: int,
    *,
    least_score: float,
    least_iou: float = 0.5,
) -> Confusion:
    """Match the detections that a user would see with objects, the largest overlap first.

    Difficult objects count only where they are detected: those detections are left out.

    Args:
        images: the truth.
        found: what a detector found in each image.
        classes: how many there are.
        least_score: detections below are left out.
        least_iou: overlap of a match, from 0 to 1.
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    missed, false, confused = list[tuple[int, int]](), list[tuple[int, int]](), []
    for number, (image, every) in enumerate(zip(images, found, strict=True)):
        shown = np.flatnonzero(every.scores >= least_score)
        pairs = _pairs(iou(image.boxes, every.boxes[shown]), least_iou)
        for truth, seen in pairs.items():
            mine, theirs = int(image.labels[truth]), int(every.labels[shown[seen]])
            if not image.difficult[truth]:
                counts[mine, theirs] += 1
                if mine != theirs:
                    confused.append((number, truth, int(shown[seen])))
        for truth in set(range(len(image))) - pairs.keys():
            if not image.difficult[truth]:
                counts[image.labels[truth], classes] += 1
                missed.append((number, truth))
        for seen in sorted(set(range(len(shown))) - set(pairs.values())):
            counts[classes, every.labels[shown[seen]]] += 1
            false.append((number, int(shown[seen])))
    return Confusion(counts, _rows(missed, 2), _rows(false, 2), _rows(confused, 3))


def _pairs(overlaps: NDArray[np.float64], least: float) -> dict[int, int]:
    """Object -> detection, each at most once, the largest overlap first."""
    rows, columns = np.nonzero(overlaps >= least)
    order = np.argsort(-overlaps[rows, columns], kind="stable")
    pairs, taken = dict[int, int](), set[int]()
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in pairs and column not in taken:
            pairs[row] = column
            taken.add(column)
    return pairs


def _rows(values: Sequence[tuple[int, ...]], width: int) -> NDArray[np.int64]:
    return np.array(values, np.int64).reshape(len(values), width)
