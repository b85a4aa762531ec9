"""The regions of an image that a classifier learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.rng import random_bits, uniform
from inceptionkit.detection.boxes import clip, iou
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.types import AnnotatedImage, Boxes, no_boxes

_JITTERED = 4  # boxes beside each object that are tried, times the number wanted
_SHIFT = 0.25  # by which their edges move at most, share of a side


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Some regions of an image."""

    boxes: Boxes  # (n, 4)
    labels: NDArray[np.int64]  # (n,), the number of classes for background


def positives(
    image: AnnotatedImage,
    proposals: Boxes,
    per_object: NDArray[np.int64],
    how: RegionSettings,
    *,
    seed: int,
    number: int,
) -> Regions:
    """Regions that show an object: its box, proposals that fit it, and boxes moved a little.

    Args:
        image: the truth.
        proposals: (n, 4).
        per_object: (classes,) regions that each object of a class gives, at most.
        how: the settings.
        seed: of the draws.
        number: of the image, which keys the draws.
    """
    boxes, labels = [no_boxes()], list[int]()
    certain = np.flatnonzero(~image.difficult)
    overlaps = iou(proposals, image.boxes)
    best = overlaps.argmax(axis=1) if len(image) else np.zeros(len(proposals), np.int64)
    for at in certain.tolist():
        wanted = int(per_object[image.labels[at]])
        fitting = np.flatnonzero((best == at) & (overlaps[:, at] >= how.positive))
        near = _moved(image, at, wanted, how, seed=seed, number=number)
        chosen = np.concatenate([image.boxes[at : at + 1], proposals[fitting], near])[:wanted]
        boxes.append(chosen)
        labels += [int(image.labels[at])] * len(chosen)
    return Regions(np.concatenate(boxes), np.array(labels, np.int64))


def backgrounds(image: AnnotatedImage, proposals: Boxes, how: RegionSettings) -> Boxes:
    """The proposals that show no object, not even a difficult one."""
    best = iou(proposals, image.boxes).max(axis=1, initial=0.0)
    empty: Boxes = proposals[best <= how.negative]
    return empty


def drawn(boxes: Boxes, count: int, *, seed: int, number: int) -> Boxes:
    """Some of the boxes, by chance."""
    keys = random_bits(seed, number, np.arange(len(boxes)), "backgrounds")
    chosen: Boxes = boxes[np.sort(np.argsort(keys, kind="stable")[:count])]
    return chosen


def per_object(
    images: tuple[AnnotatedImage, ...], classes: int, how: RegionSettings
) -> NDArray[np.int64]:
    """(classes,) regions of each object, so that classes come out as equal as they can."""
    counts = np.zeros(classes)
    for image in images:
        counts += np.bincount(image.labels[~image.difficult], minlength=classes)
    wanted = how.per_image * how.positive_share * max(len(images), 1)
    there = max(int((counts > 0).sum()), 1)
    each = wanted / there / np.maximum(counts, 1)
    return np.clip(np.round(each), 1, how.most_per_object).astype(np.int64)


def _moved(
    image: AnnotatedImage, at: int, count: int, how: RegionSettings, *, seed: int, number: int
) -> Boxes:
    """Boxes beside an object that still show it: there are objects that no proposal fits."""
    tried = count * _JITTERED
    draws = np.stack(
        [uniform(seed, number, np.arange(tried) + at * tried, f"edge {edge}") for edge in range(4)],
        axis=1,
    )
    box = image.boxes[at]
    sides = np.tile(box[2:] - box[:2], 2)
    moved = clip((box + (2 * draws - 1) * _SHIFT * sides).astype(np.float32), image.size)
    fitting: Boxes = moved[iou(moved, box[None])[:, 0] >= how.positive][:count]
    return fitting
