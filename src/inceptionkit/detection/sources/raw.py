"""What files of annotations say, before it is compared with the images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from inceptionkit.data.types import SetName, Unusable
from inceptionkit.detection.types import BoxFinding

LARGEST_SIDE = 2**31
"""Pixels below which annotations may say that a side of an image is; larger ones are ignored."""


@dataclass(slots=True, kw_only=True, eq=False)
class RawImage:
    """An image as its annotations name it."""

    name: str  # its place below the dataset's address
    path: Path
    set: SetName | None
    source: str  # the file that its annotations are in, for messages
    stated: tuple[int, int] | None = None  # height and width that the annotations give
    fractions: bool = False  # whether boxes are fractions of width and height
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)  # x1, y1, x2, y2
    labels: list[str] = field(default_factory=list)
    difficult: list[bool] = field(default_factory=list)

    def add(
        self, box: tuple[float, float, float, float], label: str, *, difficult: bool = False
    ) -> None:
        """One more object."""
        self.boxes.append(box)
        self.labels.append(label)
        self.difficult.append(difficult)


@dataclass(slots=True, eq=False)
class RawSet:
    """Everything that a reader found."""

    layout: str
    images: list[RawImage] = field(default_factory=list)
    classes: tuple[str, ...] | None = None  # as a configuration declares them; None if none does
    skipped: list[Unusable] = field(default_factory=list)
    findings: list[BoxFinding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def skip(self, name: str, reason: str) -> None:
        """List a file that cannot be used."""
        self.skipped.append(Unusable(name, reason))

    def find(self, kind: str, name: str, detail: str) -> None:
        """List something that a person should see."""
        self.findings.append(BoxFinding(kind, name, detail))
