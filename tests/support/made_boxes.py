"""Annotated images and detections of them, drawn at random."""

from pathlib import Path

import numpy as np

from inceptionkit.detection.types import AnnotatedImage, Boxes, Detections

SIZE = (480, 640)


def boxes(rng: np.random.Generator, count: int, *, whole: bool) -> Boxes:
    """Boxes of very different sizes inside an image of 640x480."""
    sides = np.exp(rng.uniform(np.log(4), np.log(400), (count, 2)))
    corner = rng.uniform(0, 1, (count, 2)) * (np.array([640, 480]) - sides)
    both = np.concatenate([corner, corner + sides], axis=1)
    if whole:
        both = np.round(both)
        both[:, 2:] = np.maximum(both[:, 2:], both[:, :2] + 1)
    return both.astype(np.float32)


def truth(rng: np.random.Generator, images: int, classes: int) -> list[AnnotatedImage]:
    found = []
    for number in range(images):
        count = int(rng.integers(0, 12))
        found.append(
            AnnotatedImage(
                name=f"{number}.png",
                path=Path(f"{number}.png"),
                size=SIZE,
                set="test",
                boxes=boxes(rng, count, whole=True),
                labels=rng.integers(0, classes, count),
                difficult=rng.random(count) < 0.15,
            )
        )
    return found


def detections(
    rng: np.random.Generator, images: list[AnnotatedImage], classes: int
) -> list[Detections]:
    """Objects found more or less well, some twice, and boxes around nothing."""
    found = []
    for image in images:
        near = np.repeat(image.boxes, rng.integers(0, 4, len(image)), axis=0)
        moved = np.round(near + rng.normal(0, 4, near.shape))
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
        every = np.concatenate([moved, boxes(rng, int(rng.integers(0, 30)), whole=True)])
        count = len(every)
        labels = rng.integers(0, classes, count)
        if len(image) and count:
            closest = ((every[:, None] - image.boxes[None]) ** 2).sum(axis=2).argmin(axis=1)
            labels = np.where(rng.random(count) < 0.8, image.labels[closest], labels)
        scores = np.round(rng.random(count), 2).astype(np.float32)  # with equal ones
        order = np.argsort(-scores, kind="stable")
        found.append(
            Detections(
                every[order].astype(np.float32), labels[order], scores[order], ("main",) * count
            )
        )
    return found
