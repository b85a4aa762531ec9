"""Which annotated images a detector is scored on, and with which labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from inceptionkit.data import checks
from inceptionkit.data.types import SetName
from inceptionkit.detection.types import AnnotatedImage, DetectionSet


def choose_set(opened: DetectionSet, wanted: str | None) -> tuple[str, tuple[AnnotatedImage, ...]]:
    """The images of a set: the one that is wanted, or test, or val, or all of them.

    Raises:
        DataError: that set has no images.
    """
    if wanted == "all":
        return "all", opened.images
    order: tuple[SetName, ...] = ("test", "val", "train")
    there = [name for name in order if len(opened.of(name))]
    if wanted is None:
        held_out = [name for name in there if name != "train"]
        return (held_out[0], opened.of(held_out[0]).images) if held_out else ("all", opened.images)
    for name in there:
        if name == wanted:
            return name, opened.of(name).images
    advice = f"its sets are {', '.join(there)}" if there else "give --set all"
    raise checks.data_error(opened.address, f"it has no set {wanted}", advice)


def with_classes(opened: DetectionSet, classes: Sequence[str]) -> DetectionSet:
    """The same images with labels that are indices into a detector's classes.

    Raises:
        DataError: an object is of a class that the detector does not know.
    """
    number = {name: at for at, name in enumerate(classes)}
    used = {int(label) for image in opened.images for label in np.unique(image.labels)}
    if unknown := [
        opened.classes[label] for label in sorted(used) if opened.classes[label] not in number
    ]:
        wrong = f"the detector does not know {checks.quoted(unknown)}"
        advice = f"its classes are {checks.quoted(classes)}; rename them, or train on these images"
        raise checks.data_error(opened.address, wrong, advice)
    table = np.array([number.get(name, -1) for name in opened.classes], np.int64)
    images = tuple(replace(image, labels=table[image.labels]) for image in opened.images)
    return replace(opened, classes=tuple(classes), images=images)
