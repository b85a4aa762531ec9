"""Hard negatives: background that a classifier takes for an object."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.rng import random_bits
from inceptionkit.detection.boxes import iou
from inceptionkit.detection.proposals import candidates, propose
from inceptionkit.detection.rcnn.detector import RcnnDetector
from inceptionkit.detection.rcnn.sample import backgrounds
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.types import AnnotatedImage, Boxes, Pixels, no_boxes

LOOKED_AT = 400
"""Backgrounds of an image that are classified."""

TAUGHT = 1000
"""Images that the box regression learns from."""

_LEARNED_FROM = 20_000  # regions, by the box regression: their features are 330 MB at most


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
        boxes = backgrounds(image, _proposed(detector, pixels), detector.how)[:LOOKED_AT]
        objectness = 1 - detector.scores(pixels, boxes).probabilities[:, -1]
        found.append(boxes[np.argsort(-objectness, kind="stable")])
        tick(number)
    return found


def regression_data(
    detector: RcnnDetector,
    images: Sequence[AnnotatedImage],
    tick: Callable[[int], None] = lambda _: None,
) -> tuple[NDArray[np.float32], Boxes, Boxes, NDArray[np.int64]]:
    """Features of proposals that show an object, the proposals, the true boxes, and the classes.

    Of many images some are looked at, evenly spread. Of too many regions chance chooses those of
    each class.

    Args:
        detector: of the last round.
        images: training images.
        tick: called with the number of images done; each that `taught` gives is looked at twice.
    """
    images, shown = taught(images), [_no_objects()]
    for number, image in enumerate(images, 1):
        shown.append(_shown(image, _proposed(detector, image.pixels()), detector.how))
        tick(number)
    regions, truth, labels = (np.concatenate(parts) for parts in zip(*shown, strict=True))
    kept, features = _chosen(labels), list[NDArray[np.float32]]()
    ends = np.cumsum([len(part[-1]) for part in shown])
    for number, (image, start, end) in enumerate(zip(images, ends, ends[1:], strict=False), 1):
        if kept[start:end].any():
            some = regions[start:end][kept[start:end]]
            features.append(detector.features(image.pixels(), some))
        tick(len(images) + number)
    found = np.concatenate(features) if features else np.zeros((0, 1), np.float32)
    return found, regions[kept], truth[kept], labels[kept]


def taught(images: Sequence[AnnotatedImage]) -> Sequence[AnnotatedImage]:
    """The images that the box regression learns from: `TAUGHT` with objects at most, spread."""
    shown = [image for image in images if len(image)]
    return shown[:: max(1, -(-len(shown) // TAUGHT))]


def _proposed(detector: RcnnDetector, pixels: Pixels) -> Boxes:
    """What the detector would look at in a training image, whose searched regions are kept."""
    return candidates(pixels, detector.how.search, detector.proposer, propose)


def _no_objects() -> tuple[Boxes, Boxes, NDArray[np.int64]]:
    return no_boxes(), no_boxes(), np.zeros(0, np.int64)


def _shown(
    image: AnnotatedImage, proposals: Boxes, how: RegionSettings
) -> tuple[Boxes, Boxes, NDArray[np.int64]]:
    """The proposals that show an object, its true box, and its class."""
    certain = np.flatnonzero(~image.difficult)
    if not len(certain) or not len(proposals):
        return _no_objects()
    overlaps = iou(proposals, image.boxes[certain])
    near = np.flatnonzero(overlaps.max(axis=1) >= how.positive)
    best = certain[overlaps.argmax(axis=1)[near]]
    return proposals[near], image.boxes[best], image.labels[best]


def _chosen(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) which regions the regression learns from: as many of each class, at most."""
    classes = np.unique(labels)
    order = np.argsort(random_bits(0, 0, np.arange(len(labels)), "box regression"), kind="stable")
    kept = np.zeros(len(labels), np.bool_)
    for label in classes.tolist():
        kept[order[labels[order] == label][: _LEARNED_FROM // len(classes)]] = True
    return kept
