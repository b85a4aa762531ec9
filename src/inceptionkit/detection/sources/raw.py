"""What files of annotations say, before it is compared with the images."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from inceptionkit.data.types import SETS, SetName, Unusable
from inceptionkit.detection.sources.files import Files, folder_of, shown
from inceptionkit.detection.types import BoxFinding
from inceptionkit.text import plural

LARGEST_SIDE = 2**31
"""Pixels below which annotations may say that a side of an image is; larger ones are ignored."""

MOST_FINDINGS = 2_000
"""Most findings of a kind that are kept; the rest is counted."""


@dataclass(slots=True, kw_only=True, eq=False)
class RawImage:
    """An image as its annotations name it."""

    name: str  # its place below the dataset's address
    path: Path
    source: str  # the file that its annotations are in, for messages
    sets: set[SetName] = field(default_factory=set)  # every set that it is in
    stated: tuple[int, int] | None = None  # height and width that the annotations give
    fractions: bool = False  # whether boxes are fractions of width and height
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)  # x1, y1, x2, y2
    labels: list[str] = field(default_factory=list)
    difficult: list[bool] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)  # of masks; NaN where nothing says it

    def add(
        self,
        box: tuple[float, float, float, float],
        label: str,
        *,
        difficult: bool = False,
        area: float = math.nan,
    ) -> None:
        """One more object."""
        self.boxes.append(box)
        self.labels.append(label)
        self.difficult.append(difficult)
        self.areas.append(area)

    @property
    def counts_as(self) -> SetName | None:
        """The one set that it is used in: an image of train is in no other."""
        return next((name for name in SETS if name in self.sets), None)


class RawSet:
    """Everything that a reader found.

    Attributes:
        layout: "voc", "coco", "yolo", "csv".
        files: where the images and their annotations are.
        classes: as a configuration declares them; None if none does.
        skipped: files that cannot be used.
        findings: what a person should see; of each kind the first ones.
        notes: what was decided while reading, a sentence each.
    """

    def __init__(self, layout: str, files: Files) -> None:
        self.layout = layout
        self.files = files
        self.classes: tuple[str, ...] | None = None
        self.skipped = list(files.skipped)
        self.findings: list[BoxFinding] = []
        self.notes: list[str] = []
        self._counts = Counter[str]()
        self._images: dict[str, RawImage] = {}
        self._left_out = set[str]()
        self._missing = set[str]()

    @property
    def images(self) -> list[RawImage]:
        """The images that annotations name, each once, by their names."""
        return [self._images[name] for name in sorted(self._images)]

    def image(self, name: str, source: str, given: SetName | None) -> RawImage:
        """The image called `name`; the same one however many files and sets name it."""
        if name not in self._images:
            path = self.files.root / name
            self._images[name] = RawImage(name=name, path=path, source=source)
        found = self._images[name]
        if given is not None:
            found.sets.add(given)
        return found

    def knows(self, name: str) -> bool:
        """Whether annotations named this image already."""
        return name in self._images or name in self._left_out

    def leave_out(self, name: str) -> None:
        """Do not use an image whose annotations cannot be read."""
        self._left_out.add(name)

    def skip(self, name: str, reason: str) -> None:
        """List a file that cannot be used."""
        self.skipped.append(Unusable(name, reason))

    def find(self, kind: str, name: str, detail: str) -> None:
        """List something that a person should see."""
        self._counts[kind] += 1
        if self._counts[kind] <= MOST_FINDINGS:
            self.findings.append(BoxFinding(kind, name, detail))

    def count_findings(self) -> None:
        """Note of which kinds there are more findings than are kept."""
        self.notes += [
            f"the first {MOST_FINDINGS:,} of {count:,} findings of the kind {kind} are kept"
            for kind, count in self._counts.items()
            if count > MOST_FINDINGS
        ]

    def missing(self, name: str, source: str) -> None:
        """List an image that a file of annotations names, and that is not there."""
        if name not in self._missing:
            self._missing.add(name)
            self.skip(shown(name), f"{shown(source)} lists it, and it is missing")
            self.find("no_image", shown(name), f"listed in {shown(source)}")

    def unlisted(self, *, each: bool) -> None:
        """Report the images that no file of annotations names.

        Args:
            each: list them one by one, as unusable, where they lie beside images that are named:
                masks lie elsewhere. Otherwise they are counted.
        """
        known = self._images.keys() | self._left_out
        rest = [name for name in self.files.images if name not in known]
        if rest and not each:
            are = "is not listed, and is" if len(rest) == 1 else "are not listed, and are"
            self.notes.append(f"{plural(len(rest), 'other image')} {are} left out")
            return
        folders = {folder_of(name) for name in known}
        for name in rest:
            if folder_of(name) in folders:
                reason = "it has no annotation; write one, also for an image without objects"
                self.skip(shown(name), reason)
                self.find("no_annotation", shown(name), "no file of annotations names it")
