"""The page of `inceptionkit check`: what was found in the images, shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.report.pictures import Embedded, embedded
from inceptionkit.report.template import Link, fill

SHOWN_ROWS = 500  # of unusable files; the rest is counted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """One image and what is said of it."""

    pixels: NDArray[np.uint8]  # (height, width, 3) RGB
    name: str
    lines: tuple[str, ...]  # below the picture: class, set, ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cluster:
    """Copies of one picture, side by side."""

    says: str  # "same pixels", "one is mirrored"
    pictures: tuple[Picture, ...]
    more: int = 0  # copies that are not shown


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """Pictures of one finding; single ones, or clusters of copies."""

    anchor: str
    title: str
    lead: str
    pictures: tuple[Picture, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    more: int = 0  # pictures or clusters that are not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """One finding as the page lists it."""

    severity: str  # "error", "warning", "note"
    says: str
    advice: str
    anchor: str | None  # of the section that shows it


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContent:
    """Everything the page shows."""

    title: str
    subtitle: str
    made_at: str  # given, so that equal data make equal pages
    verdict: str  # a few words: "2 errors, 3 warnings"
    facts: Mapping[str, str]
    findings: tuple[FindingRow, ...]
    sets: tuple[str, ...]  # names of the sets that there are
    classes: tuple[tuple[str, tuple[int, ...]], ...]  # name, usable images in each of `sets`
    sections: tuple[Section, ...]
    tables: Mapping[str, Mapping[str, int]]  # "stored as" -> "RGB" -> images
    unusable: tuple[tuple[str, str], ...]  # path, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A picture as the template needs it."""

    image: Embedded
    name: str
    lines: tuple[str, ...]


def render(content: CheckContent) -> str:
    """The page as one HTML document; equal content gives equal bytes."""
    links = [
        Link(anchor="findings", title="Findings"),
        Link(anchor="classes", title="Classes"),
        *(Link(anchor=one.anchor, title=one.title) for one in content.sections),
        Link(anchor="stored", title="Sizes and colours"),
        Link(anchor="unusable", title="Unusable files"),
    ]
    return fill(
        "check.html.j2",
        title=content.title,
        made_at=content.made_at,
        sections=links,
        check=content,
        most=max((sum(counts) for _, counts in content.classes), default=0),
        shown_rows=SHOWN_ROWS,
        shown=shown,
    )


def shown(pictures: Sequence[Picture]) -> tuple[Shown, ...]:
    """Pictures as the template needs them."""
    return tuple(
        Shown(image=embedded(one.pixels), name=one.name, lines=one.lines) for one in pictures
    )
