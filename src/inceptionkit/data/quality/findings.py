"""What a scan found that somebody should know, worst first, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.checks import data_error, quoted, require_every_class
from inceptionkit.data.quality.inspect import ImageStats
from inceptionkit.data.quality.near_duplicates import Group
from inceptionkit.data.quality.scan import Scan
from inceptionkit.data.split import MIN_CLASS_IMAGES, require_trainable, split_dataset
from inceptionkit.data.types import SETS
from inceptionkit.errors import DataError
from inceptionkit.text import plural

Severity: TypeAlias = Literal["error", "warning", "note"]

_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
_LEARNABLE = 20  # images: a class with fewer is hardly learnt
_UNBALANCED = 10.0  # the largest class over the smallest
_DARK = 40  # brightness, 0 to 255, that 95 % of a very dark image's pixels do not exceed
_BLOWN = 225  # brightness that 95 % of a blown image's pixels exceed
_BLANK = 3.0  # standard deviation, 0 to 127.5, of every channel of a blank image: less
_BLURRED, _SOFTER = 0.7, 0.25  # softness from which an image is blurred, and above the median
_SMALL_SIDE = 16  # pixels: an image with a shorter side shows next to nothing
_PLAIN_MODES = (b"RGB", b"L", b"1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found."""

    severity: Severity
    kind: str  # one word for machines and for the page's anchors
    says: str  # a sentence without a full stop
    advice: str  # what to do, or what is done
    images: tuple[int, ...] = ()  # indices of the samples concerned


class CheckError(DataError):
    """Data that `check --strict` does not let pass.

    Attributes:
        result: everything that was found.
    """

    def __init__(self, result: object, address: str, faults: Sequence[Finding]) -> None:
        self.result = result
        first, more = faults[0], f" ({len(faults)} findings in all)" * (len(faults) > 1)
        super().__init__(f"{address}: {first.says}; {first.advice}{more}")


def find(scan: Scan, groups: Sequence[Group]) -> tuple[Finding, ...]:
    """Everything worth saying, errors first."""
    counts = class_counts(scan).sum(axis=0)
    findings = [
        *find_in_classes(scan.dataset.classes, counts),
        *_unusable(scan),
        *_copies(scan, groups),
        *_odd(scan),
        *(
            Finding(severity="note", kind="layout", says=note, advice="look whether that is meant")
            for note in scan.dataset.notes
        ),
    ]
    return tuple(sorted(findings, key=lambda finding: _SEVERITIES.index(finding.severity)))


def refusal(scan: Scan) -> str | None:
    """Why `train` would refuse the data; None if it would not."""
    dataset = scan.dataset
    try:
        require_every_class(dataset)
        require_trainable(dataset, split_dataset(dataset, 0))
        unusable = class_counts(scan).sum(axis=0) == 0
        if unusable.any():
            names = quoted(dataset.classes[at] for at in np.flatnonzero(unusable))
            wrong, advice = f"no usable image of {names}", "replace its images, or remove the class"
            raise data_error(dataset.address, wrong, advice)
    except DataError as error:
        return str(error)
    return None


def verdict(findings: Sequence[Finding]) -> str:
    """How bad it is, in a few words.

    >>> verdict([])
    'nothing to repair'
    """
    counts = {one: sum(f.severity == one for f in findings) for one in _SEVERITIES}
    return ", ".join(plural(n, one) for one, n in counts.items() if n) or "nothing to repair"


def class_counts(scan: Scan) -> NDArray[np.int64]:
    """Usable images by set and class, (4, classes): train, val, test, and not divided."""
    samples, usable = scan.dataset.samples, scan.usable
    counts = np.zeros((len(SETS) + 1, len(scan.dataset.classes)), np.int64)
    np.add.at(counts, (samples.sets[usable], samples.labels[usable]), 1)
    return counts


def across(scan: Scan, group: Group) -> tuple[set[int], set[int]]:
    """The sets and the classes in which a group has members, as numbers."""
    members, samples = list(group.members), scan.dataset.samples
    return set(samples.sets[members].tolist()), set(samples.labels[members].tolist())


def _looks_blurred(stats: ImageStats) -> NDArray[np.bool_]:
    """Which images are blurred, and far more than the others: a soft lens is no finding."""
    known = stats["softness"][stats["softness"] > 0]
    usual = float(np.median(known)) if len(known) else 0.0
    blurred: NDArray[np.bool_] = stats["softness"] >= max(_BLURRED, usual + _SOFTER)
    return blurred


def find_in_classes(names: Sequence[str], counts: NDArray[np.int64]) -> Iterator[Finding]:
    """What the sizes of the classes tell.

    Args:
        names: of the classes.
        counts: images of each.
    """
    if len(names) == 1:
        yield Finding(
            severity="error",
            kind="single",
            says=f"there is only one class, {names[0]!r}",
            advice="add a folder of images of something else",
        )
    yield from _few(names, counts)
    some = counts[counts > 0]
    if len(some) > 1 and some.max() >= _UNBALANCED * some.min():
        most, least = (int(np.flatnonzero(counts == n)[0]) for n in (some.max(), some.min()))
        yield Finding(
            severity="warning",
            kind="unbalanced",
            says=f"{names[most]!r} has {some.max() / some.min():.0f} times as many images as "
            f"{names[least]!r} ({some.max():,} and {some.min():,})",
            advice="add images of the small classes, or train with --balance sample, as --balance "
            "auto does; judge by the recall of each class, since top-1 is that of the large ones",
        )


def _few(names: Sequence[str], counts: NDArray[np.int64]) -> Iterator[Finding]:
    rules: tuple[tuple[Severity, str, int, str], ...] = (
        ("error", "empty", 1, "no usable image"),
        (
            "error",
            "few",
            MIN_CLASS_IMAGES,
            f"fewer than {MIN_CLASS_IMAGES} images, too few to set one aside",
        ),
        (
            "warning",
            "few",
            _LEARNABLE,
            f"fewer than {_LEARNABLE} images, too few to learn",
        ),
    )
    low = 0
    for severity, kind, high, what in rules:
        few = [name for name, n in zip(names, counts.tolist(), strict=True) if low <= n < high]
        if few:
            yield Finding(
                severity=severity,
                kind=kind,
                says=f"{quoted(few)} {'has' if len(few) == 1 else 'have'} {what}",
                advice="add images, merge the class with another, or remove it",
            )
        low = high


def _unusable(scan: Scan) -> Iterator[Finding]:
    bad = scan.unusable
    if bad:
        yield Finding(
            severity="warning",
            kind="unusable",
            says=f"{plural(len(bad), 'file')} cannot be used; the first is {bad[0].name} "
            f"({bad[0].reason})",
            advice="repair or delete them; training skips them",
            images=tuple(sorted(scan.reasons)),
        )


def _copies(scan: Scan, groups: Sequence[Group]) -> Iterator[Finding]:
    """Copies across sets, across classes, and the others."""
    leaks, doubts, plain = [], [], []
    for group in groups:
        sets, labels = across(scan, group)
        leaks += [group] * (len(sets) > 1)
        doubts += [group] * (len(labels) > 1)
        plain += [group] * (len(sets) == len(labels) == 1)
    if leaks:
        yield _copy_finding(
            leaks,
            scan,
            "across-sets",
            f"{plural(len(leaks), 'picture')} in more than one set",
            "remove the copies from train: the score would count images that were memorized",
        )
    if doubts:
        yield _copy_finding(
            doubts,
            scan,
            "across-classes",
            f"{plural(len(doubts), 'picture')} in more than one class",
            "keep it in one class: as it stands, the model is trained on both labels",
        )
    if plain:
        yield _copy_finding(
            plain,
            scan,
            "copies",
            f"{plural(len(plain), 'picture')} more than once in the same class",
            "remove the copies; where training divides the images, it keeps them in one set",
        )


def _copy_finding(
    groups: Sequence[Group], scan: Scan, kind: str, says: str, advice: str
) -> Finding:
    samples, (one, *others) = scan.dataset.samples, groups[0].members
    place = samples.sets[one], samples.labels[one]
    apart = (at for at in others if (samples.sets[at], samples.labels[at]) != place)
    names = f"{samples.names[one]} and {samples.names[next(apart, others[0])]}"
    first = "" if len(groups) == 1 else "the first is "
    images = tuple(member for group in groups for member in group.members)
    exact = sum(group.exact for group in groups)
    how = plural(len(images), "image") + (f"; {exact:,} pixel for pixel" if exact else "")
    return Finding(
        severity="warning" if kind == "copies" else "error",
        kind=kind,
        says=f"{says}: {first}{names} ({how})",
        advice=advice,
        images=images,
    )


def _odd(scan: Scan) -> Iterator[Finding]:
    """Images that show little, and those that were read with some care."""
    stats = scan.stats
    blank = stats["spread"] < _BLANK
    tiny = stats["usable"] & (np.minimum(stats["height"], stats["width"]) < _SMALL_SIDE)
    small: Severity = "note" if tiny.sum() == stats["usable"].sum() else "warning"
    watch = "check them; remove those that show nothing"
    rules: tuple[tuple[Severity, str, NDArray[np.bool_], str, str], ...] = (
        ("warning", "blank", blank, "blank", "remove them: they show a single color"),
        ("warning", "dark", ~blank & (stats["high"] < _DARK), "very dark", watch),
        ("warning", "blown", ~blank & (stats["low"] > _BLOWN), "nearly white all over", watch),
        ("warning", "blurred", ~blank & _looks_blurred(stats), "far softer than the rest", watch),
        (small, "tiny", tiny, f"less than {_SMALL_SIDE} pixels high or wide",
         "replace them by larger ones, unless they are meant to be so"),
        ("note", "rotated", stats["orientation"] > 1, "turned by the EXIF data",
         "nothing to do: they are turned upright as they are read"),
        ("note", "deep", stats["deep"], "stored with more than 8 bits a channel",
         "nothing to do: they are scaled to 8 bits, from as many as they all use"),
        ("note", "unended", stats["unended"], "without the end marker of a JPEG",
         "nothing to do: all of their pixels are there"),
        ("note", "animated", stats["animated"], "animated, or of several pages",
         "nothing to do: the first frame counts"),
        ("note", "colors", ~np.isin(stats["mode"], _PLAIN_MODES), "neither RGB nor grey",
         "nothing to do: they are converted, with transparency on white"),
    )  # fmt: skip
    for severity, kind, which, says, advice in rules:
        images = np.flatnonzero(which & stats["usable"])
        if len(images):
            yield Finding(
                severity=severity,
                kind=kind,
                says=f"{plural(len(images), 'image')} {'is' if len(images) == 1 else 'are'} {says}",
                advice=advice,
                images=tuple(images.tolist()),
            )
