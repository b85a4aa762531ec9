"""From a scan to its page: which pictures to show, and where the page goes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inceptionkit.data import BUILT_IN, SETS
from inceptionkit.data.quality.findings import SEVERITIES, Finding, across, class_counts
from inceptionkit.data.quality.near_duplicates import Group
from inceptionkit.data.quality.scan import Scan, stored
from inceptionkit.data.sources.index_cache import cache_folder
from inceptionkit.data.types import decode_sample
from inceptionkit.errors import RunError
from inceptionkit.files import write_whole
from inceptionkit.preprocess import UnusableImage
from inceptionkit.report import check_page as shown
from inceptionkit.text import percent, printable
from inceptionkit.training.run.folder import clean

if TYPE_CHECKING:
    from inceptionkit.training.cross_validation import Doubt

CLUSTERS, COPIES, PICTURES = 40, 4, 24  # shown: groups of a kind, members of one, odd images
DOUBTED = 48
SIDES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)  # pixels: limits of the table of sizes

TITLES = {
    "across-sets": ("Across sets", "Copies of which one set has some and another set others."),
    "across-classes": ("Across classes", "Copies that are labelled differently."),
    "copies": ("Copies", "Images that show the same picture, in one class and one set."),
    "blank": ("Blank", "Hardly anything but one colour."),
    "dark": ("Very dark", "At least 95 % of the pixels are nearly black."),
    "blown": ("Blown", "At least 95 % of the pixels are nearly white."),
    "blurred": ("Blurred", "Far softer than the other images."),
    "rotated": ("Turned by EXIF", "As they are read: upright."),
    "deep": ("16 bit", "As they are read: scaled to 8 bits."),
    "animated": ("Animated", "As they are read: the first frame, or page."),
    "colours": ("Other colours", "As they are read: RGB, with transparency on white."),
}


def page_place(address: str, out: Path | None) -> Path:
    """Where the page goes; never among the images.

    Args:
        address: of the images.
        out: as the user wishes; None for the next free name under `runs/` or, where that would lie
            among the images, in the cache folder.

    Raises:
        RunError: it would lie among the images, or is not called .html.
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
    folder = cache_folder() / "pages" if root is not None and _among(runs, root) else runs
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
    found: Scan,
    groups: Sequence[Group],
    findings: Sequence[Finding],
    doubts: Sequence[Doubt],
) -> None:
    """Write the page.

    Raises:
        RunError: it cannot be written.
    """
    page = shown.render(_content(found, groups, findings, doubts))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{place.parent}: cannot be made ({error.strerror}); choose another --out"
        raise RunError(msg) from error
    write_whole(place, page)


def verdict(findings: Sequence[Finding]) -> str:
    """How bad it is, in a few words.

    >>> verdict([])
    'nothing to mend'
    """
    counts = {one: sum(f.severity == one for f in findings) for one in SEVERITIES}
    parts = [f"{n} {one}{'' if n == 1 else 's'}" for one, n in counts.items() if n]
    return ", ".join(parts) or "nothing to mend"


def _content(
    found: Scan, groups: Sequence[Group], findings: Sequence[Finding], doubts: Sequence[Doubt]
) -> shown.CheckContent:
    dataset, counts = found.dataset, class_counts(found)
    present = np.flatnonzero(counts.sum(axis=1))
    sections = tuple(_sections(found, groups, findings, doubts))
    anchors = {one.anchor for one in sections} | {"unusable"}
    name = printable(Path(dataset.address).name or dataset.address)
    usable, bad = len(found.usable), found.unusable
    return shown.CheckContent(
        title=f"Check of {name}",
        subtitle=f"{usable:,} usable images in {len(dataset.classes):,} classes.",
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        verdict=verdict(findings),
        facts={
            "images": f"{usable + len(bad):,}",
            "usable": f"{usable:,}",
            "classes": f"{len(dataset.classes):,}",
            "pictures with copies": f"{len(groups):,}",
        },
        findings=tuple(
            shown.FindingRow(
                severity=one.severity,
                says=one.says,
                advice=one.advice,
                anchor=one.kind if one.kind in anchors else None,
            )
            for one in findings
        ),
        sets=tuple((*SETS, "all")[number] for number in present),
        classes=tuple(
            (name, tuple(column[present].tolist()))
            for name, column in zip(dataset.classes, counts.T, strict=True)
        ),
        sections=sections,
        tables=_tables(found),
        unusable=tuple((one.name, one.reason) for one in bad),
    )


def _sections(
    found: Scan, groups: Sequence[Group], findings: Sequence[Finding], doubts: Sequence[Doubt]
) -> Iterator[shown.Section]:
    if doubts:
        yield shown.Section(
            anchor="doubts",
            title="Suspected label errors",
            lead="Models that were trained without these images say something else. Worst first; "
            "look, and decide.",
            pictures=tuple(_doubted(found, doubts)),
            more=max(0, len(doubts) - DOUBTED),
        )
    for one in findings:
        if one.kind not in TITLES:
            continue
        title, lead = TITLES[one.kind]
        members = set(one.images)
        clusters = [group for group in groups if members.issuperset(group.members)]
        if one.kind in {"across-sets", "across-classes", "copies"}:
            yield shown.Section(
                anchor=one.kind,
                title=title,
                lead=lead,
                clusters=tuple(_cluster(found, group) for group in clusters[:CLUSTERS]),
                more=max(0, len(clusters) - CLUSTERS),
            )
        else:
            yield shown.Section(
                anchor=one.kind,
                title=title,
                lead=lead,
                pictures=tuple(_pictures(found, one.images[:PICTURES])),
                more=max(0, len(one.images) - PICTURES),
            )


def _cluster(found: Scan, group: Group) -> shown.Cluster:
    sets, labels = across(found, group)
    said = ["the same pixels" if group.exact else "the same picture"]
    said += ["one mirrored"] if group.mirrored else []
    said += [f"{len(sets)} sets"] if len(sets) > 1 else []
    said += [f"{len(labels)} classes"] if len(labels) > 1 else []
    members = _telling(found, group)
    return shown.Cluster(
        says=", ".join(said),
        pictures=tuple(_pictures(found, members)),
        more=len(group.members) - len(members),
    )


def _telling(found: Scan, group: Group) -> list[int]:
    """Some members, of different sets and classes first."""
    samples = found.dataset.samples
    kinds: dict[tuple[int, int], list[int]] = {}
    for member in group.members:
        kinds.setdefault((int(samples.sets[member]), int(samples.labels[member])), []).append(
            member
        )
    turns = itertools.zip_longest(*kinds.values())
    return [one for turn in turns for one in turn if one is not None][:COPIES]


def _pictures(found: Scan, images: Iterable[int]) -> Iterator[shown.Picture]:
    """Images with class and set; one that vanished since is passed over."""
    dataset = found.dataset
    for index in images:
        sample = dataset.samples[index]
        try:
            image = decode_sample(dataset, index)
        except UnusableImage:
            continue
        line = dataset.classes[sample.label] + (f", {sample.set}" if sample.set else "")
        yield shown.Picture(pixels=image, name=sample.name, lines=(line,))


def _doubted(found: Scan, doubts: Sequence[Doubt]) -> Iterator[shown.Picture]:
    classes = found.dataset.classes
    for one in doubts[:DOUBTED]:
        for picture in _pictures(found, [one.index]):
            guess = f"rather {classes[one.guess]}, {percent(one.probability)}"
            yield shown.Picture(
                pixels=picture.pixels,
                name=picture.name,
                lines=(f"labelled {classes[one.label]}", guess),
            )


def _tables(found: Scan) -> dict[str, dict[str, int]]:
    looks = found.stats[found.usable]
    sides = np.minimum(looks["height"], looks["width"])
    place = np.searchsorted(SIDES, sides, side="right")
    names = [f"under {SIDES[0]} px", *(f"from {side} px" for side in SIDES)]
    counts = np.bincount(place, minlength=len(names)).tolist()
    return {
        "short side": {name: n for name, n in zip(names, counts, strict=True) if n},
        "stored as": stored(found, "mode"),
        "format": stored(found, "format"),
    }
