"""Dividing annotated images into train, val and test."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from inceptionkit.data.rng import permutation
from inceptionkit.detection.types import DetectionSet
from inceptionkit.errors import DataError

HELD_OUT = 0.2  # share of the training images that become val where there is no val set


@dataclass(frozen=True, slots=True)
class DividedSet:
    """Annotated images in three sets; test may be empty."""

    train: DetectionSet
    val: DetectionSet
    test: DetectionSet
    rule: str  # how they were divided, a sentence

    @property
    def scored(self) -> tuple[str, DetectionSet]:
        """The set that a run is scored on at its end: test, or val where there is none."""
        return ("test", self.test) if len(self.test) else ("val", self.val)


def divide(opened: DetectionSet, seed: int) -> DividedSet:
    """Divide images as the dataset says; what it does not say, a seeded share decides.

    Args:
        opened: the images, all of them in a set that counts, or none of them in any: `clean` says
            what becomes of images in no set.
        seed: of the share that becomes val.

    Raises:
        DataError: there are too few training images.
    """
    train, val, test = (opened.of(name) for name in ("train", "val", "test"))
    rule = "the dataset's own sets"
    if all(image.set is None for image in opened.images):
        train = opened
    if not len(val) and len(train) > 1:
        count = max(1, round(HELD_OUT * len(train)))
        held = np.zeros(len(train), bool)
        held[permutation(seed, 0, len(train))[:count]] = True
        parts = [
            tuple(image for image, out in zip(train, held, strict=True) if out == wanted)
            for wanted in (False, True)
        ]
        train, val = replace(train, images=parts[0]), replace(train, images=parts[1])
        drawn = f"{count} of the training images, drawn with seed {seed}, are val"
        rule = f"{rule}; {drawn}" if opened.of("train") else drawn
    if not len(train) or not len(val):
        msg = f"{opened.address}: training needs at least two images with annotations, one to "
        raise DataError(msg + f"learn from and one to check on, got {len(opened)}; add images")
    return DividedSet(train, val, test, rule)
