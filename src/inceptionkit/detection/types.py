"""Images with boxes, sets of them, and what a detector gives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.types import SetName, Unusable
from inceptionkit.preprocess import as_rgb

Boxes: TypeAlias = NDArray[np.float32]
"""(n, 4): x1, y1, x2, y2 in pixels of the image as people see it, after its EXIF orientation.

Coordinates are edges, not pixels: the box of the whole image is 0, 0, width, height, and an area is
(x2 - x1) * (y2 - y1). Pascal VOC's first and last pixels, counted from 1, become xmin - 1 and xmax.
"""

Pixels: TypeAlias = NDArray[np.uint8]
"""(height, width, 3), RGB, upright."""


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedImage:
    """One image, and the objects that are known to be in it."""

    name: str  # its place below the dataset's address, printable
    path: Path  # of the file, which is only read
    size: tuple[int, int]  # height and width in pixels, upright
    set: SetName | None  # None where the dataset is not divided
    boxes: Boxes  # (n, 4), inside the image, each with an area
    labels: NDArray[np.int64]  # (n,), index into the set's classes
    difficult: NDArray[np.bool_]  # (n,), neither a miss nor a hit in scores: difficult, a crowd
    areas: NDArray[np.float64] | None = None  # (n,), square pixels; None for those of the boxes
    depth: int = 16  # bits that its values use, as `Preprocessing.depth` says

    def __len__(self) -> int:
        return len(self.boxes)

    def pixels(self) -> Pixels:
        """Decode the image.

        Returns:
            (height, width, 3) uint8, RGB, upright.

        Raises:
            UnusableImage: it cannot be decoded.
        """
        return as_rgb(self.path, self.depth)


@dataclass(frozen=True, slots=True)
class BoxFinding:
    """Something about annotations that a person should see; `check` lists them."""

    kind: str  # "outside", "no_area", "reversed", "duplicate", "unknown_class", ...
    name: str  # of the image or the file of annotations, printable
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class DetectionSet(Sequence[AnnotatedImage]):
    """Annotated images at an address, in an order that does not depend on the file system's."""

    address: str
    layout: str  # "voc", "coco", "yolo", "csv"
    classes: tuple[str, ...]
    images: tuple[AnnotatedImage, ...]
    skipped: tuple[Unusable, ...] = ()  # images and files that cannot be used
    findings: tuple[BoxFinding, ...] = ()  # of annotations
    notes: tuple[str, ...] = ()  # what was decided while reading, a sentence each
    depth: int = 16  # bits that deep images use, as `Preprocessing.depth` says

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> AnnotatedImage: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[AnnotatedImage, ...]: ...
    def __getitem__(self, index: int | slice) -> AnnotatedImage | tuple[AnnotatedImage, ...]:
        return self.images[index]

    def __iter__(self) -> Iterator[AnnotatedImage]:
        return iter(self.images)

    def of(self, name: SetName) -> DetectionSet:
        """The images of one set: train, val or test."""
        chosen = tuple(image for image in self.images if image.set == name)
        return replace(self, images=chosen)

    def at_depth(self, depth: int) -> DetectionSet:
        """The same images, decoded as a detector wants them whose preprocessing has this depth."""
        images = tuple(replace(image, depth=depth) for image in self.images)
        return replace(self, images=images, depth=depth)

    def fingerprint(self) -> str:
        """SHA-256 over names, sizes, sets, boxes and labels, hexadecimal; no pixel is read."""
        summary = hashlib.sha256("\0".join(self.classes).encode())
        for image in self.images:
            summary.update(_facts(image))
            summary.update(image.boxes.astype("<f4").tobytes())
            summary.update(image.labels.astype("<i8").tobytes())
            summary.update(image.difficult.astype("u1").tobytes())
        return summary.hexdigest()

    def fingerprint_of_images(self) -> str:
        """The same without classes, boxes and labels: what a division depends on."""
        summary = hashlib.sha256()
        for image in self.images:
            summary.update(_facts(image))
        return summary.hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a detector finds in one image, the highest score first."""

    boxes: Boxes  # (n, 4)
    labels: NDArray[np.int64]  # (n,), index into the detector's classes
    scores: NDArray[np.float32]  # (n,), from 0 to 1
    exits: tuple[str, ...]  # (n,), the exit that answered for each: "main", "aux1", ...

    def __len__(self) -> int:
        return len(self.boxes)

    def above(self, least: float) -> Detections:
        """Those whose score is at least `least`."""
        kept = np.flatnonzero(self.scores >= least)
        exits = tuple(self.exits[index] for index in kept)
        return Detections(self.boxes[kept], self.labels[kept], self.scores[kept], exits)

    def rows(self) -> Iterator[tuple[list[float], int, float, str]]:
        """Box, label, score and exit of each, as plain numbers."""
        return zip(
            self.boxes.tolist(),
            self.labels.tolist(),
            self.scores.tolist(),
            self.exits,
            strict=True,
        )


class Detector(Protocol):
    """Anything that finds objects: R-CNN, shared features, an exported graph."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, without background; a label is an index into them."""

    def detect(self, image: Pixels) -> Detections:
        """Find the objects of one image: after non-maximum suppression, of any score.

        Args:
            image: (height, width, 3) uint8, RGB, upright.
        """


def no_boxes() -> Boxes:
    """No box: (0, 4) float32."""
    return np.zeros((0, 4), np.float32)


def _facts(image: AnnotatedImage) -> bytes:
    """What a fingerprint holds of an image itself."""
    words = f"\n{image.name}\0{image.size}\0{image.set}\0{_bytes_of(image.path)}\0"
    return words.encode("utf-8", "surrogateescape")


def _bytes_of(path: Path) -> int:
    """Size of a file, -1 where the system does not say: reading it will report why."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
