"""The page of a run: one HTML file that asks nothing of the network."""

from collections.abc import Sequence
from dataclasses import dataclass

from inceptionkit.evaluation.calibration import calibration_error
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.report import charts as figures
from inceptionkit.report.against_cost import exits_against_cost
from inceptionkit.report.confidence import reliability_diagram
from inceptionkit.report.confusion import FEW, anchor, matrix, natural_width
from inceptionkit.report.content import ClassRow, Picture, RunContent
from inceptionkit.report.pictures import Embedded, data_uri, embedded, svg_address
from inceptionkit.report.summary import (
    Pair,
    confidence_said,
    confused_pairs,
    in_short,
    learning_facts,
    scored_images,
    set_sizes,
)
from inceptionkit.report.template import Link, fill
from inceptionkit.text import is_measured

SHOWN_SUSPECTS, SHOWN_MISTAKES, SHOWN_EXAMPLES = 12, 24, 24  # pictures; the rest is counted
SHOWN_UNUSABLE = 200  # rows; `unusable.csv` has them all
SHOWN_PAIRS, SHOWN_PAIRS_OF_MANY = 5, 12  # most confused pairs; many: over `FEW` classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A picture as the template needs it."""

    image: Embedded
    name: str
    truth: str
    guess: str
    probability: float
    evidence: str | None  # data URI


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Pictures of one cell of the confusion matrix."""

    anchor: str
    truth: str
    guess: str
    images: int  # in the cell, shown or not
    pictures: tuple[Shown, ...]


SECTIONS = (
    Link(anchor="decisions", title="Decisions"),
    Link(anchor="learning", title="Learning"),
    Link(anchor="exits", title="Exits"),
    Link(anchor="classes", title="Classes"),
    Link(anchor="confidence", title="Confidence"),
    Link(anchor="labels", title="Labels"),
    Link(anchor="mistakes", title="Mistakes"),
    Link(anchor="examples", title="Examples"),
    Link(anchor="cost", title="Cost"),
    Link(anchor="data", title="Data"),
    Link(anchor="unusable", title="Unusable files"),
    Link(anchor="repeat", title="Repeat"),
    Link(anchor="machine", title="Machine"),
)


def render(content: RunContent) -> str:
    """The page of a run as one HTML document; equal content gives equal bytes."""
    images = scored_images(content)
    has_scores = is_measured(content.top1) and images > 0
    return fill(
        "run.html.j2",
        title=content.title,
        made_at=content.made_at,
        run=content,
        sections=SECTIONS,
        scored_images=images,
        interval=wilson(content.top1 or 0.0, images) if has_scores else None,
        in_short=in_short(content),
        set_sizes=set_sizes(content),
        curves=_present(figures.loss_curves, figures.top1_curves, figures.rate_curve, of=content),
        has_val=any(row.val_loss is not None for row in content.epochs),
        learning_facts=learning_facts(content),
        exits_figure=exits_against_cost(content.exits, images, content.curve),
        inks={row.name: _ink(content, row.name) for row in content.exits},
        matrix=_matrix(content) if images else None,
        matrix_width=natural_width(len(content.classes)),
        pairs=_pairs(content) if images else (),
        class_rows=weakest_first(content.scores),
        few=FEW,
        cells=_galleries(content),
        reliability=reliability_diagram(content.confidences),
        calibration_error=calibration_error(content.confidences),
        confidence_said=confidence_said(content.confidences) if content.confidences else None,
        misread=_misread(content),
        diagram=None if content.diagram is None else svg_address(content.diagram),
        most_images=max((sum(row.images.values()) for row in content.data), default=0),
        suspects=_shown(content.suspects[:SHOWN_SUSPECTS]),
        mistakes=_shown(content.mistakes[:SHOWN_MISTAKES]),
        examples=_shown(content.examples[:SHOWN_EXAMPLES]),
        shown_unusable=SHOWN_UNUSABLE,
        most_macs=max((row.macs for row in content.cost), default=0),
    )


def weakest_first(rows: Sequence[ClassRow]) -> tuple[ClassRow, ...]:
    """Classes by F1, those without one last; equals keep their order."""
    return tuple(sorted(rows, key=lambda row: (row.f1 is None, row.f1 or 0.0)))


def _present(*draw: figures.Curves, of: RunContent) -> tuple[figures.Figure, ...]:
    drawn = (curve(of.epochs) for curve in draw)
    return tuple(figure for figure in drawn if figure is not None)


def _ink(content: RunContent, name: str) -> int:
    return figures.exit_ink(name, [row.name for row in content.exits])


def _matrix(content: RunContent) -> str | None:
    if content.confusion is None or not content.classes:
        return None
    linked = {(cell.truth, cell.guess) for cell in content.cells}
    return matrix(content.confusion, content.classes, linked)


def _galleries(content: RunContent) -> tuple[Gallery, ...]:
    if content.confusion is None or len(content.classes) > FEW:
        return ()
    return tuple(
        Gallery(
            anchor=anchor(cell.truth, cell.guess),
            truth=content.classes[cell.truth],
            guess=content.classes[cell.guess],
            images=int(content.confusion[cell.truth, cell.guess]),
            pictures=_shown(cell.pictures),
        )
        for cell in content.cells
    )


def _misread(content: RunContent) -> int:
    """Scored images that were given another class, shown or not."""
    matrix = content.confusion
    return 0 if matrix is None else int(matrix.sum() - matrix.trace())


def _pairs(content: RunContent) -> tuple[Pair, ...]:
    if content.confusion is None:
        return ()
    many = len(content.classes) > FEW
    limit = SHOWN_PAIRS_OF_MANY if many else SHOWN_PAIRS
    return confused_pairs(content.confusion, content.classes, limit=limit)


def _shown(pictures: Sequence[Picture]) -> tuple[Shown, ...]:
    return tuple(
        Shown(
            image=embedded(picture.pixels),
            name=picture.name,
            truth=picture.truth,
            guess=picture.guess,
            probability=picture.probability,
            evidence=None if picture.evidence is None else data_uri(picture.evidence),
        )
        for picture in pictures
    )
