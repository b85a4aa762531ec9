"""The page of `inceptionkit check`: what was found in the images, shown."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inceptionkit.data import BUILT_IN, SETS
from inceptionkit.data.quality.findings import Finding, across, class_counts, verdict
from inceptionkit.data.quality.near_duplicates import Group
from inceptionkit.data.quality.scan import Scan, stored
from inceptionkit.data.sources.index_cache import cache_folder
from inceptionkit.data.types import decode_sample
from inceptionkit.errors import RunError
from inceptionkit.files import write_whole
from inceptionkit.preprocess import UnusableImage
from inceptionkit.report.html import Link, fill
from inceptionkit.report.pictures import Embedded, embedded
from inceptionkit.text import percent, printable
from inceptionkit.training.run.folder import clean

if TYPE_CHECKING:
    from inceptionkit.training.cross_validation import Doubt

_CLUSTERS, _COPIES, _PICTURES = 40, 4, 24  # shown: groups of a kind, members of one, odd images
_DOUBTED = 48
_SHOWN_UNUSABLE = 500  # rows; the rest is counted
_SIDES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)  # pixels: limits of the table of sizes
_TITLES = {
    "across-sets": ("Across sets", "Copies of which one set has some and another set others."),
    "across-classes": ("Across classes", "Copies that are labeled differently."),
    "copies": ("Copies", "Images that show the same picture, in one class and one set."),
    "blank": ("Blank", "Hardly anything but one color."),
    "dark": ("Very dark", "At least 95 % of the pixels are nearly black."),
    "blown": ("Blown", "At least 95 % of the pixels are nearly white."),
    "blurred": ("Blurred", "Far softer than the other images."),
    "rotated": ("Turned by EXIF", "As they are read: upright."),
    "deep": ("16 bit", "As they are read: scaled to 8 bits."),
    "unended": ("Without an end", "JPEGs that lack their end marker, and no pixel."),
    "animated": ("Animated", "As they are read: the first frame, or page."),
    "colors": ("Other colors", "As they are read: RGB, with transparency on white."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """One image and its caption."""

    image: Embedded
    name: str
    lines: tuple[str, ...]  # below the picture: class, set, ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gallery:
    """Images side by side: copies of one picture, or all of one finding."""

    pictures: tuple[_Picture, ...]
    caption: str = ""  # "the same pixels, one mirrored"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """Pictures of one finding."""

    anchor: str
    title: str
    lead: str
    galleries: tuple[_Gallery, ...]
    more: int  # pictures, or copied pictures, that are not shown


def page_place(address: str, out: Path | None) -> Path:
    """Where the page goes; never among the images.

    Args:
        address: of the images.
        out: as the user wishes; None for the next free name under `runs/` or, where that would lie
            among the images, in the cache folder.

    Raises:
        RunError: it would lie among the images, is not called .html, or there is no cache folder.
    """
    root = None if address in BUILT_IN else Path(address).expanduser()
    if out is not None:
        if out.suffix.lower() != ".html":
            msg = f"{out}: the page must be called .html; choose another --out"
            raise RunError(msg)
        if root is not None and _among(out, root):
            msg = f"{out}: lies among the images, which are never written to; choose another --out"
            raise RunError(msg)
        return out
    runs = Path("runs")
    try:
        folder = cache_folder() / "pages" if root is not None and _among(runs, root) else runs
    except FileNotFoundError as error:
        msg = f"{runs}: lies among the images, and there is no home folder; choose --out PAGE.html"
        raise RunError(msg) from error
    stem = f"check-{clean(Path(address).name)}"
    return next(
        place
        for number in itertools.count(1)
        if not (place := folder / f"{stem}-{number:03d}.html").exists()
    )


def _among(place: Path, root: Path) -> bool:
    """Whether `place` lies in the folder `root`."""
    return root.is_dir() and place.resolve().is_relative_to(root.resolve())


def write_page(
    place: Path,
    scan: Scan,
    groups: Sequence[Group],
    findings: Sequence[Finding],
    doubts: Sequence[Doubt],
) -> None:
    """Write the page.

    Raises:
        RunError: it cannot be written.
    """
    made_at = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    page = render(scan, groups, findings, doubts, made_at=made_at)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{place.parent}: cannot be made ({error.strerror}); choose another --out"
        raise RunError(msg) from error
    write_whole(place, page)


def render(
    scan: Scan,
    groups: Sequence[Group],
    findings: Sequence[Finding],
    doubts: Sequence[Doubt],
    *,
    made_at: str,
) -> str:
    """The page as one HTML document; equal data and `made_at` give equal bytes."""
    dataset, counts = scan.dataset, class_counts(scan)
    present = np.flatnonzero(counts.sum(axis=1))
    sections = list(_sections(scan, groups, findings, doubts))
    links = [
        Link(anchor="findings", title="Findings"),
        Link(anchor="classes", title="Classes"),
        *(Link(anchor=one.anchor, title=one.title) for one in sections),
        Link(anchor="stored", title="Sizes and colors"),
        Link(anchor="unusable", title="Unusable files"),
    ]
    return fill(
        "check.html.j2",
        title=f"Check of {printable(Path(dataset.address).name or dataset.address)}",
        made_at=made_at,
        sections=links,
        shown=sections,
        anchors={link.anchor for link in links},
        scan=scan,
        usable=len(scan.usable),
        copied=len(groups),
        verdict=verdict(findings),
        findings=findings,
        sets=[(*SETS, "all")[number] for number in present],
        classes=list(zip(dataset.classes, counts[present].T.tolist(), strict=True)),
        most=int(counts.sum(axis=0).max(initial=0)),
        tables=_tables(scan),
        shown_unusable=_SHOWN_UNUSABLE,
    )


def _sections(
    scan: Scan, groups: Sequence[Group], findings: Sequence[Finding], doubts: Sequence[Doubt]
) -> Iterator[_Section]:
    if doubts:
        yield _Section(
            anchor="doubts",
            title="Suspected label errors",
            lead="Models that were trained without these images predict another class. "
            "The least likely label comes first; look, and decide.",
            galleries=(_Gallery(pictures=tuple(_doubted(scan, doubts[:_DOUBTED]))),),
            more=max(0, len(doubts) - _DOUBTED),
        )
    for one in findings:
        if one.kind not in _TITLES:
            continue
        title, lead = _TITLES[one.kind]
        if one.kind in {"across-sets", "across-classes", "copies"}:
            members = set(one.images)
            copied = [group for group in groups if members.issuperset(group.members)]
            galleries = tuple(_copies(scan, group) for group in copied[:_CLUSTERS])
            more = len(copied) - len(galleries)
        else:
            galleries = (_Gallery(pictures=tuple(_pictures(scan, one.images[:_PICTURES]))),)
            more = max(0, len(one.images) - _PICTURES)
        yield _Section(anchor=one.kind, title=title, lead=lead, galleries=galleries, more=more)


def _copies(scan: Scan, group: Group) -> _Gallery:
    """Some members of a group, of different sets and classes first."""
    samples = scan.dataset.samples
    kinds: dict[tuple[int, int], list[int]] = {}
    for member in group.members:
        kind = int(samples.sets[member]), int(samples.labels[member])
        kinds.setdefault(kind, []).append(member)
    turns = itertools.zip_longest(*kinds.values())
    members = [one for turn in turns for one in turn if one is not None][:_COPIES]
    sets, labels = across(scan, group)
    caption = ["the same pixels" if group.exact else "the same picture"]
    caption += ["one mirrored"] if group.mirrored else []
    caption += [f"{len(sets)} sets"] if len(sets) > 1 else []
    caption += [f"{len(labels)} classes"] if len(labels) > 1 else []
    caption += [f"{more:,} more"] if (more := len(group.members) - len(members)) else []
    return _Gallery(pictures=tuple(_pictures(scan, members)), caption=", ".join(caption))


def _pictures(scan: Scan, images: Iterable[int]) -> Iterator[_Picture]:
    """Images with class and set; one that vanished since is skipped."""
    for index in images:
        sample = scan.dataset.samples[index]
        line = scan.dataset.classes[sample.label] + (f", {sample.set}" if sample.set else "")
        yield from _picture(scan, index, line)


def _doubted(scan: Scan, doubts: Iterable[Doubt]) -> Iterator[_Picture]:
    classes = scan.dataset.classes
    for one in doubts:
        guess = f"rather {classes[one.guess]}, {percent(one.probability)}"
        yield from _picture(scan, one.index, f"labeled {classes[one.label]}", guess)


def _picture(scan: Scan, index: int, *lines: str) -> Iterator[_Picture]:
    try:
        image = embedded(decode_sample(scan.dataset, index))
    except UnusableImage:
        return
    yield _Picture(image=image, name=scan.dataset.samples.names[index], lines=lines)


def _tables(scan: Scan) -> dict[str, dict[str, int]]:
    height, width = (scan.stats[side][scan.usable] for side in ("height", "width"))
    sides = np.minimum(height, width)
    names = [f"under {_SIDES[0]} px", *(f"from {side} px" for side in _SIDES)]
    place = np.searchsorted(_SIDES, sides, side="right")
    counts = np.bincount(place, minlength=len(names)).tolist()
    return {
        "short side": {name: n for name, n in zip(names, counts, strict=True) if n},
        "stored as": stored(scan, "mode"),
        "format": stored(scan, "format"),
    }
