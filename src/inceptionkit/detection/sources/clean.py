"""Annotations compared with their images: what is wrong is listed, what is left can be used."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import checks
from inceptionkit.data.sources.layout import sorted_classes
from inceptionkit.detection.boxes import areas, iou
from inceptionkit.detection.sources.files import shown
from inceptionkit.detection.sources.raw import RawImage, RawSet
from inceptionkit.detection.types import AnnotatedImage, Boxes, DetectionSet
from inceptionkit.preprocess import (
    ImageHeader,
    UnusableImage,
    bits_used,
    common_depth,
    header,
)
from inceptionkit.text import listing, plural, printable

MOST_BOXES = 20_000
"""Most objects of one image. The crowded shelves of SKU-110K have at most 718."""

EDGE = 1.0
"""Pixels that a box may reach beyond the image, clipped without a word: tools round."""

SMALLEST_SIDE = 0.9
"""Pixels that a side of a box must have: 1, but for rounding. Less shows nothing to a detector."""

NEARLY_EQUAL = 0.9
"""IoU from which two boxes of one class are probably one object, annotated twice."""

_MOST_COMPARED = 2_000  # boxes of an image; all pairs of more take long
_MEASURED = 64  # images of more than 8 bits a channel whose values are looked at


def clean(address: str, raw: RawSet) -> DetectionSet:
    """The images and boxes that can be used, and a finding of each that cannot.

    Reversed boxes are turned round, boxes beyond the image are clipped, boxes drawn on an image of
    another size are scaled. Boxes without an area, smaller than a pixel, outside of the image, of
    unknown classes and exact copies are left out. An image in two sets is used in one. Images of no
    set are training images where no set is called train; otherwise training leaves them out.

    No pixel is decoded, but for the first images of more than 8 bits a channel: the largest value
    of all says how many bits are used.

    Raises:
        DataError: no image or no object is left.
    """
    classes = raw.classes
    if classes is None:
        named = {label for image in raw.images for label in image.labels if label}
        classes = sorted_classes({printable(name) for name in named})
    classes = tuple(printable(name) for name in classes)
    index = {name: number for number, name in enumerate(classes)}
    images, deep = list[AnnotatedImage](), list[Path]()
    for one in raw.images:
        if len(one.sets) > 1:
            says = f"it is in {listing(sorted(one.sets))}: only {one.counts_as} uses it"
            raw.find("two_sets", shown(one.name), says)
        try:
            found = header(one.path)
            images.append(_image(raw, one, found, index))
            if found.deep:
                deep.append(one.path)
        except UnusableImage as error:
            raw.skip(shown(one.name), error.reason)
    _find_in_classes(raw, classes, images)
    _require_objects(address, raw, images)
    images = _with_sets(raw, images)
    raw.count_findings()
    whole = DetectionSet(
        address=address,
        layout=raw.layout,
        classes=classes,
        images=tuple(images),
        skipped=tuple(sorted(raw.skipped, key=lambda one: one.name)),
        findings=tuple(raw.findings),
        notes=(*raw.notes, *checks.similar_names(classes)),
    )
    return _at_depth(whole, deep)


def _at_depth(whole: DetectionSet, deep: list[Path]) -> DetectionSet:
    """The images with the number of bits that the first deep ones use."""
    bits = list[int | None]()
    for path in deep[:_MEASURED]:
        with suppress(UnusableImage):  # decoding it says why
            bits.append(bits_used(path))
    if (depth := common_depth(bits)) == 16:
        return whole
    use = f"images with more than 8 bits a channel use {depth} bits, and are scaled from these"
    return replace(whole.at_depth(depth), notes=(*whole.notes, use))


def _with_sets(raw: RawSet, images: list[AnnotatedImage]) -> list[AnnotatedImage]:
    """The images; those of no set are training images only where no set is called train."""
    named = {image.set for image in images if image.set is not None}
    loose = sum(image.set is None for image in images)
    if not named or not loose:
        return images
    are = f"{plural(loose, 'image')} {'is' if loose == 1 else 'are'} in no set"
    if "train" in named:
        raw.notes.append(f"{are}: training leaves {'it' if loose == 1 else 'them'} out")
        return images
    raw.notes.append(f"{are}, and there is no training set: training uses what is in no set")
    return [image if image.set else replace(image, set="train") for image in images]


def _image(raw: RawSet, one: RawImage, found: ImageHeader, index: dict[str, int]) -> AnnotatedImage:
    """One image with the boxes that can be used.

    Raises:
        UnusableImage: its size is not the one that its boxes were drawn on, or it has too many.
    """
    if len(one.boxes) > MOST_BOXES:
        reason = f"it has {len(one.boxes):,} objects, the limit is {MOST_BOXES:,}"
        raise UnusableImage(reason, shown(one.name))
    boxes = np.array(one.boxes, np.float64).reshape(len(one.boxes), 4)
    with np.errstate(over="ignore", invalid="ignore"):  # absurd numbers are found below
        boxes = _in_pixels(raw, one, boxes, found)
    size = (found.height, found.width)
    kept, boxes = _usable(raw, one, boxes, size, index)
    return AnnotatedImage(
        name=printable(one.name),
        path=one.path,
        size=size,
        set=one.counts_as,
        boxes=boxes.astype(np.float32),
        labels=np.array([index[printable(one.labels[at])] for at in kept], np.int64),
        difficult=np.array([one.difficult[at] for at in kept], np.bool_),
        areas=_areas(one, boxes, kept, found),
    )


def _areas(
    one: RawImage, boxes: NDArray[np.float64], kept: NDArray[np.int64], found: ImageHeader
) -> NDArray[np.float64] | None:
    """(n,) areas as the annotations say them, in pixels of the image; those of boxes beside them.

    None where they say no area above 0.
    """
    stated = np.array([one.areas[at] for at in kept], np.float64)
    there = stated > 0
    if not there.any():
        return None
    drawn_on = one.stated or (found.height, found.width)
    scale = found.height * found.width / (drawn_on[0] * drawn_on[1])
    return np.where(there, stated * scale, areas(boxes.astype(np.float32)))


def _in_pixels(
    raw: RawSet, one: RawImage, boxes: NDArray[np.float64], found: ImageHeader
) -> NDArray[np.float64]:
    """Boxes in pixels of the upright image."""
    upright = np.array([found.width, found.height] * 2, np.float64)
    if one.fractions:
        return boxes * upright
    if one.stated is None or one.stated == (found.height, found.width):
        return boxes
    name, (height, width) = shown(one.name), one.stated
    says = f"{shown(one.source)} says {width}x{height}, the image has {found.width}x{found.height}"
    if found.orientation >= 5 and one.stated == (found.width, found.height):
        raw.find("rotated", name, f"{says}: its boxes were turned with its EXIF orientation")
        return _turned(boxes, width, height, found.orientation)
    scale = np.array([found.width / width, found.height / height] * 2, np.float64)
    rounding = abs(width - height * found.width / found.height) <= 2
    if not rounding and abs(scale[0] / scale[1] - 1) > 0.02:
        reason = f"{says}: another shape; annotate the image that is there"
        raise UnusableImage(reason, name)
    raw.find("size", name, f"{says}: its boxes were scaled")
    scaled: NDArray[np.float64] = boxes * scale
    return scaled


def _turned(
    boxes: NDArray[np.float64], width: int, height: int, orientation: int
) -> NDArray[np.float64]:
    """Boxes of an image stored on its side, as they lie when it stands upright.

    Args:
        boxes: (n, 4), on the stored image.
        width: pixels of the stored image.
        height: pixels of the stored image.
        orientation: EXIF, 5 to 8: mirrored along a diagonal, or turned by a quarter.
    """
    x1, y1, x2, y2 = boxes.T
    low, high = (y1, y2) if orientation in {5, 8} else (height - y2, height - y1)
    top, bottom = (x1, x2) if orientation in {5, 6} else (width - x2, width - x1)
    return np.stack([low, top, high, bottom], axis=1)


def _usable(
    raw: RawSet,
    one: RawImage,
    boxes: NDArray[np.float64],
    size: tuple[int, int],
    index: dict[str, int],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which boxes can be used, and the boxes, repaired; findings of the others."""
    name = shown(one.name)
    kept = np.arange(len(boxes))

    def leave(wrong: NDArray[np.bool_] | np.bool_, kind: str, says: str) -> None:
        nonlocal kept, boxes
        for at in np.flatnonzero(wrong).tolist():
            raw.find(kind, name, says.format(label=one.labels[kept[at]], box=_text(boxes[at])))
        kept, boxes = kept[~wrong], boxes[~wrong]

    leave(~np.isfinite(boxes).all(axis=1), "not_finite", "{label}: {box} is not all numbers")
    unknown = [printable(one.labels[at]) not in index for at in kept.tolist()]
    leave(np.array(unknown, np.bool_), "unknown_class", "{label!r} is no class")
    reversed_ = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    for at in np.flatnonzero(reversed_).tolist():
        says = f"{one.labels[kept[at]]}: {_text(boxes[at])} was turned round"
        raw.find("reversed", name, says)
    boxes = np.concatenate(
        [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1
    )
    limits = np.array([size[1], size[0]] * 2, np.float64)
    outside = (boxes[:, :2] >= limits[:2]).any(axis=1) | (boxes[:, 2:] <= 0).any(axis=1)
    empty = (boxes[:, 2:] == boxes[:, :2]).any(axis=1)
    leave(outside & ~empty, "outside", "{label}: {box} lies outside of the image")
    beyond = ((boxes < -EDGE) | (boxes > limits + EDGE)).any(axis=1)
    for at in np.flatnonzero(beyond).tolist():
        raw.find("outside", name, f"{one.labels[kept[at]]}: {_text(boxes[at])} was clipped")
    boxes = np.clip(boxes, 0, limits)
    thin = (boxes[:, 2:].astype(np.float32) <= boxes[:, :2].astype(np.float32)).any(axis=1)
    leave(thin, "no_area", "{label}: {box} has no area")
    tiny = (boxes[:, 2:] - boxes[:, :2] < SMALLEST_SIDE).any(axis=1)
    leave(tiny, "tiny", "{label}: {box} is smaller than a pixel")
    copies = np.zeros(len(boxes), np.bool_)
    if len(boxes):
        numbers = [[index[printable(one.labels[at])]] for at in kept.tolist()]
        rows = np.concatenate([boxes.astype(np.float32), np.array(numbers)], axis=1)
        first = np.unique(rows, axis=0, return_index=True)[1]
        copies[:] = True
        copies[first] = False
    leave(copies, "duplicate", "{label}: {box} is there twice")
    labels = np.array([index[printable(one.labels[at])] for at in kept.tolist()], np.int64)
    for at, other in _nearly_equal(boxes.astype(np.float32), labels):
        says = f"{one.labels[kept[at]]}: {_text(boxes[other])} and {_text(boxes[at])}"
        raw.find("near_duplicate", name, f"{says} are nearly the same; both were kept")
    return kept, boxes


def _nearly_equal(boxes: Boxes, labels: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Boxes that overlap an earlier one of their class more than two objects do, and which."""
    if len(boxes) > _MOST_COMPARED:
        return []
    close = (iou(boxes, boxes) >= NEARLY_EQUAL) & (labels[:, None] == labels)
    earlier = np.triu(close, 1)
    return [(at, int(earlier[:, at].argmax())) for at in np.flatnonzero(earlier.any(0)).tolist()]


def _find_in_classes(raw: RawSet, classes: tuple[str, ...], images: list[AnnotatedImage]) -> None:
    """Find classes of a configuration that no object has."""
    counts = Counter(label for image in images for label in image.labels.tolist())
    for number, name in enumerate(classes):
        if raw.classes is not None and not counts[number]:
            raw.find("unused_class", printable(name), "no object is of this class")
    if len(set(classes)) < len(classes):
        raw.find("same_class", "", "two classes have one name")


def _require_objects(address: str, raw: RawSet, images: list[AnnotatedImage]) -> None:
    """Something is left to learn from.

    Raises:
        DataError: no image, or no object; with the first reason.
    """
    why = [f"{one.name}: {one.reason}" for one in raw.skipped[:1]]
    if not images:
        wrong = " ".join(["it contains no usable image", *[f"({one})" for one in why]])
        raise checks.data_error(address, wrong, "add the images beside their annotations")
    if not any(len(image) for image in images):
        first = [f"{one.name}: {one.detail}" for one in raw.findings[:1]] or why
        wrong = " ".join(["it contains no usable object", *[f"({one})" for one in first]])
        raise checks.data_error(address, wrong, "annotate objects")


def _text(box: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in box.tolist()) + ")"
