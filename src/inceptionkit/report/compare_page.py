"""The page of several runs: what differs between them, and what came of it."""

from collections.abc import Sequence

from inceptionkit import svg
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.report import charts as figures
from inceptionkit.report.charts import Figure
from inceptionkit.report.comparison import Comparison, RunRow
from inceptionkit.report.cost_axes import HEIGHT, cost_axes
from inceptionkit.report.template import Link, fill
from inceptionkit.svg import INKS, escape, number
from inceptionkit.text import is_measured, percent, quantity

SECTIONS = (
    Link(anchor="results", title="Results"),
    Link(anchor="differences", title="Differences"),
    Link(anchor="learning", title="Learning"),
    Link(anchor="paired", title="Image by image"),
    Link(anchor="classes", title="Classes"),
)


def render(content: Comparison) -> str:
    """The page as one HTML document that asks nothing of the network."""
    curves = (figures.runs_top1(content.runs), figures.runs_loss(content.runs))
    return fill(
        "compare.html.j2",
        title=content.title,
        made_at=content.made_at,
        sections=SECTIONS,
        comparison=content,
        best=max((r.top1 for r in content.runs if is_measured(r.top1)), default=None),
        intervals=[interval(run) for run in content.runs],
        inks=[number_ % INKS for number_ in range(len(content.runs))],
        against_cost=runs_against_cost(content.runs),
        curves=[figure for figure in curves if figure is not None],
    )


def interval(run: RunRow) -> tuple[float, float] | None:
    """95 % interval of the top-1; None where nothing was scored."""
    if not is_measured(run.top1) or not run.scored_images:
        return None
    return wilson(run.top1, run.scored_images)


def _top1_for(top1: float | None, macs: int) -> str:
    return f"{percent(top1)} for {quantity(macs, 'MAC')}"


def runs_against_cost(runs: Sequence[RunRow]) -> Figure | None:
    """Top-1 of every exit of every run against its cost: one line for each run."""
    rows = [[(exit_, exit_.top1) for exit_ in run.exits if is_measured(exit_.top1)] for run in runs]
    every = [top1 for row in rows for _, top1 in row]
    if not every:
        return None
    axes = cost_axes(every, max(exit_.macs for row in rows for exit_, _ in row))
    parts = []
    for k, (run, row) in enumerate(zip(runs, rows, strict=True)):
        places = [axes.place(e.macs, top1) for e, top1 in row]
        line = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in places)
        dots = "".join(
            f'<circle class="dot" cx="{number(x)}" cy="{number(y)}" r="5"><title>'
            f"{escape(f'{run.name}, {e.name}: {_top1_for(top1, e.macs)}')}</title></circle>"
            for (x, y), (e, top1) in zip(places, row, strict=True)
        )
        path = f'<path class="line ink{k % INKS}" d="{line}"/>' if len(places) > 1 else ""
        parts.append(f'{path}<g class="ink{k % INKS}">{dots}</g>')
    said = "; ".join(f"{run.name}: {_top1_for(run.top1, run.macs)}" for run in runs)
    drawing = svg.figure(
        "runs-cost",
        title="Top-1 of every exit of every run against its cost",
        description=f"{said}.",
        body=axes.drawn() + "".join(parts),
        size=(svg.WIDTH, HEIGHT),
    )
    return Figure(title="Top-1 against cost, every exit", drawing=drawing)
