"""Hard negatives: background that a classifier takes for an object."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from inceptionkit.detection.boxes import iou
from inceptionkit.detection.proposals import propose
from inceptionkit.detection.rcnn.detector import RcnnDetector
from inceptionkit.detection.rcnn.sample import backgrounds
from inceptionkit.detection.types import AnnotatedImage, Boxes, no_boxes

_LOOKED_AT = 400  # backgrounds of an image that are classified


def hard_negatives(
    detector: RcnnDetector,
    images: Sequence[AnnotatedImage],
    tick: Callable[[int], None] = lambda _: None,
) -> list[Boxes]:
    """The backgrounds of each image, the most object-like first.

    Args:
        detector: of an earlier round.
        images: training images.
        tick: called with the number of images done.

    Sources:
        Girshick et al. 2014, section 2.3, after Felzenszwalb et al. 2010.
    """
    found = []
    for number, image in enumerate(images, 1):
        pixels = image.pixels()
        boxes = backgrounds(image, propose(pixels, detector.how.search), detector.how)[:_LOOKED_AT]
        objectness = 1 - detector.scores(pixels, boxes).probabilities[:, -1]
        found.append(boxes[np.argsort(-objectness, kind="stable")])
        tick(number)
    return found


def regression_data(
    detector: RcnnDetector,
    images: Sequence[AnnotatedImage],
    tick: Callable[[int], None] = lambda _: None,
) -> tuple[NDArray[np.float32], Boxes, Boxes, NDArray[np.int64]]:
    """Features of proposals that show an object, the proposals, the true boxes, and the classes."""
    features, regions, truth, labels = [], list[Boxes](), list[Boxes](), []
    for number, image in enumerate(images, 1):
        certain = np.flatnonzero(~image.difficult)
        pixels = image.pixels()
        proposals = propose(pixels, detector.how.search)
        if len(certain) and len(proposals):
            overlaps = iou(proposals, image.boxes[certain])
            best = overlaps.argmax(axis=1)
            near = np.flatnonzero(overlaps.max(axis=1) >= detector.how.positive)
            if len(near):
                features.append(detector.features(pixels, proposals[near]))
                regions.append(proposals[near])
                truth.append(image.boxes[certain[best[near]]])
                labels.append(image.labels[certain[best[near]]])
        tick(number)
    return (
        np.concatenate(features) if features else np.zeros((0, 1), np.float32),
        np.concatenate([no_boxes(), *regions]),
        np.concatenate([no_boxes(), *truth]),
        np.concatenate([np.zeros(0, np.int64), *labels]),
    )
