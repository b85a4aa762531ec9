"""The page of an evaluated detector: curves, confusion with background, missed and false boxes.

That of a run that trained one says too how it was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inceptionkit import svg
from inceptionkit.data.types import Unusable
from inceptionkit.detection.boxes import iou
from inceptionkit.detection.draw import COLORS, Label, drawn, with_boxes
from inceptionkit.detection.metrics import Confusion, DetectionScores, confusion
from inceptionkit.detection.trained import (
    AFTERWARDS,
    LEARNING,
    Trained,
    curves_of,
    learning_facts,
)
from inceptionkit.detection.types import AnnotatedImage, Boxes, Detections, Pixels
from inceptionkit.files import write_whole
from inceptionkit.report.confusion import matrix, natural_width
from inceptionkit.report.html import Link, fill
from inceptionkit.report.lines import Entry, Figure
from inceptionkit.report.pictures import FEW, Embedded, address, embedded
from inceptionkit.svg import INKS, escape, number
from inceptionkit.text import duration, is_measured, listing, percent, plural, whole_percent

_SECTIONS = (
    Link(anchor="classes", title="Classes"),
    Link(anchor="curves", title="Precision and recall"),
    Link(anchor="confusion", title="Confusion"),
    Link(anchor="missed", title="Missed"),
    Link(anchor="false", title="False"),
    Link(anchor="images", title="Images"),
)
_UNUSABLE = Link(anchor="unusable", title="Unusable")
_PICTURES, _IMAGES, _POINTS = 18, 6, 160
_SHOWN_UNUSABLE = 200  # rows
_AROUND = 0.7  # of a box that is shown beside it, share of its longer side
_THICK = 1 / 90  # of the lines on cut-outs, share of their side
_LEAST_CUT = 64  # pixels of a cut-out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    image: Embedded
    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A detector, and what it found in annotated images."""

    model: str
    data: str
    set: str
    images: Sequence[AnnotatedImage]
    found: Sequence[Detections]
    scores: DetectionScores
    show: float  # score from which boxes are shown to people
    unusable: Sequence[tuple[str, str]]  # name and reason
    seconds: float
    trained: Trained | None = None  # how, where the page is that of the run


def write_page(path: Path, evaluated: Evaluated) -> Confusion:
    """Write the page as one self-contained HTML file; what it says of confusion is returned.

    Raises:
        WriteError: it cannot be written.
    """
    classes, run = tuple(one.name for one in evaluated.scores.classes), evaluated.trained
    counts = confusion(evaluated.images, evaluated.found, len(classes), least_score=evaluated.show)
    background = (*classes, "background")
    objects = run.objects() if run else {}
    page = fill(
        "detect.html.j2",
        title=run.title if run else _title(evaluated),
        made_at=run.began_at if run else datetime.now(UTC).isoformat(timespec="seconds"),
        sections=_sections(evaluated),
        one=evaluated,
        run=run,
        facts=_facts(evaluated),
        in_short=_in_short(evaluated, counts),
        learning=curves_of(run.epochs) if run else [],
        learning_facts=learning_facts(run.epochs) if run else {},
        objects=objects,
        most_objects=max((sum(row.values()) for row in objects.values()), default=0) or 1,
        few=FEW,
        unusable=[Unusable(name, why) for name, why in evaluated.unusable],
        shown_unusable=_SHOWN_UNUSABLE,
        by_size=_by_size(evaluated.scores),
        curves=_curves(evaluated.scores),
        matrix=matrix(counts.counts, background),
        matrix_width=natural_width(len(background)),
        missed=_missed(evaluated, counts, classes),
        missed_count=len(counts.missed),
        false_boxes=_false(evaluated, counts, classes),
        false_count=len(counts.false),
        whole=_whole(evaluated, counts, classes),
    )
    write_whole(path, page)
    return counts


def _title(evaluated: Evaluated) -> str:
    return f"{Path(evaluated.model).name} on {Path(evaluated.data).name}, {evaluated.set}"


def _sections(evaluated: Evaluated) -> tuple[Link, ...]:
    if evaluated.trained is None:
        return (*_SECTIONS, _UNUSABLE)
    *others, machine = AFTERWARDS
    return (LEARNING, *_SECTIONS, *others, _UNUSABLE, machine)


def _facts(evaluated: Evaluated) -> dict[str, str]:
    """The tiles beside the score."""
    images, scores, run = len(evaluated.images), evaluated.scores, evaluated.trained
    return {
        "COCO AP": percent(scores.coco.ap),
        "VOC 2007, 11 points": percent(scores.map50_11_points),
        "time per image": duration(evaluated.seconds / images if images else None),
        **(run.facts if run else {}),
    }


def _by_size(scores: DetectionScores) -> str:
    """COCO's average precision of small, medium and large objects, where there are such."""
    of = {
        "small (below 32x32 pixels)": scores.coco.ap_small,
        "medium": scores.coco.ap_medium,
        "large (from 96x96)": scores.coco.ap_large,
    }
    return listing([f"{name} {percent(ap)}" for name, ap in of.items() if is_measured(ap)])


def _in_short(evaluated: Evaluated, counts: Confusion) -> tuple[str, ...]:
    """What a user would see, in a few sentences."""
    table, run = counts.counts, evaluated.trained
    objects, right = int(table[:-1].sum()), int(table[:-1, :-1].trace())
    missed, nothing = int(table[:-1, -1].sum()), int(table[-1, :-1].sum())
    shown = (
        f"Boxes with a score of at least {evaluated.show:.2f} are shown. They find {right:,} of "
        f"{plural(objects, 'object')}, take {objects - right - missed:,} for another class and "
        f"miss {missed:,}; {plural(nothing, 'box is', 'boxes are')} around nothing."
    )
    return (shown, *(run.notes if run else ()))


def _curves(scores: DetectionScores) -> Figure | None:
    """Precision over recall at IoU 0.5, a line for each class."""
    shown = [one for one in scores.classes if one.curve.objects and len(one.curve.scores)]
    if not shown:
        return None
    frame = svg.axes((0, 1), (0, 1))
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    body = svg.y_axis(frame, ticks, whole_percent) + svg.x_axis(
        frame, ticks, "recall", whole_percent
    )
    for index, one in enumerate(shown):
        at = np.unique(np.linspace(0, len(one.curve.recall) - 1, _POINTS).astype(int))
        # what is shown is the best precision at a recall or beyond, as it is scored
        best = np.maximum.accumulate(one.curve.precision[::-1])[::-1]
        places = "L".join(
            f"{number(frame.x(x))} {number(frame.y(y))}"
            for x, y in zip(one.curve.recall[at].tolist(), best[at].tolist(), strict=True)
        )
        body += f'<path class="line ink{index % INKS}" d="M{places}"/>'
        body += f'<path class="hint" d="M{places}"><title>{escape(one.name)}</title></path>'
    description = "; ".join(f"{one.name}: AP {percent(one.ap50)}" for one in shown)
    drawing = svg.figure(
        "precision-recall",
        title="Precision over recall at IoU 0.5",
        description=f"{description}.",
        body=body,
        size=(svg.WIDTH, 264),
    )
    legend = tuple(
        Entry(name=one.name, ink=index % INKS, dashed=False, last=percent(one.ap50))
        for index, one in enumerate(shown)
    )
    return Figure(title="Precision over recall, IoU 0.5", drawing=drawing, legend=legend)


def _missed(
    evaluated: Evaluated, counts: Confusion, classes: tuple[str, ...]
) -> tuple[_Picture, ...]:
    """Objects that no shown box overlaps, the largest first: they should have been easy."""

    def area(row: NDArray[np.int64]) -> float:
        box = evaluated.images[row[0]].boxes[row[1]]
        return float((box[2] - box[0]) * (box[3] - box[1]))

    rows = sorted(counts.missed, key=area, reverse=True)
    pictures = []
    for at, truth in rows[:_PICTURES]:
        image, found = evaluated.images[at], evaluated.found[at]
        box, label = image.boxes[truth], int(image.labels[truth])
        overlaps = iou(box[None], found.boxes)[0]
        near = int(overlaps.argmax()) if overlaps.size else -1
        nearest = "nothing near"
        if near >= 0 and overlaps[near] > 0.1:
            nearest = (
                f"nearest {classes[found.labels[near]]} {found.scores[near]:.2f}, "
                f"IoU {overlaps[near]:.2f}"
            )
        lines = (classes[label], nearest)
        pictures.append(
            _cut(image, box, Label("", COLORS[label % len(COLORS)], dashed=True), lines)
        )
    return tuple(pictures)


def _false(
    evaluated: Evaluated, counts: Confusion, classes: tuple[str, ...]
) -> tuple[_Picture, ...]:
    """Boxes around nothing, the highest score first: is an annotation missing?"""
    rows = sorted(counts.false, key=lambda row: -float(evaluated.found[row[0]].scores[row[1]]))
    pictures = []
    for at, seen in rows[:_PICTURES]:
        image, found = evaluated.images[at], evaluated.found[at]
        label = int(found.labels[seen])
        overlaps = iou(found.boxes[seen : seen + 1], image.boxes)[0]
        best = float(overlaps.max()) if overlaps.size else 0.0
        where = "" if found.exits[seen] == "main" else f", exit {found.exits[seen]}"
        lines = (
            f"{classes[label]} {found.scores[seen]:.2f}{where}",
            f"best IoU {best:.2f}",
        )
        color = COLORS[label % len(COLORS)]
        pictures.append(_cut(image, found.boxes[seen], Label("", color), lines))
    return tuple(pictures)


def _cut(image: AnnotatedImage, box: Boxes, label: Label, lines: tuple[str, ...]) -> _Picture:
    """The part of an image around a box, with the box."""
    pixels = image.pixels()
    x1, y1, x2, y2 = box.tolist()
    side = max((1 + _AROUND) * max(x2 - x1, y2 - y1), _LEAST_CUT)
    left, top = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
    left = round(max(0.0, min(left, image.size[1] - side)))
    top = round(max(0.0, min(top, image.size[0] - side)))
    part = np.ascontiguousarray(pixels[top : top + round(side), left : left + round(side)])
    moved = (box - np.array([left, top, left, top], np.float32))[None].astype(np.float32)
    shown: Pixels = np.asarray(with_boxes(part, moved, [label], _THICK))
    return _Picture(image=embedded(shown), name=image.name, lines=lines)


def _whole(
    evaluated: Evaluated, counts: Confusion, classes: tuple[str, ...]
) -> tuple[_Picture, ...]:
    """Whole images: those with most mistakes first."""
    wrong = np.zeros(len(evaluated.images), np.int64)
    for rows in (counts.missed, counts.false, counts.confused):
        wrong += np.bincount(rows[:, 0], minlength=len(wrong))
    order = np.argsort(-wrong, kind="stable")[:_IMAGES]
    pictures = []
    for at in order.tolist():
        image = evaluated.images[at]
        picture = drawn(image.pixels(), evaluated.found[at], classes, evaluated.show)
        picture.thumbnail((960, 960))
        inside = Embedded(
            address=address(picture, "WEBP"),
            is_pixel_art=False,
            width=picture.width,
            height=picture.height,
        )
        lines = (f"{len(image)} objects, {int(wrong[at])} mistakes",)
        pictures.append(_Picture(image=inside, name=image.name, lines=lines))
    return tuple(pictures)
