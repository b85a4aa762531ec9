"""Top-1 against cost and against confidence, as SVG: one exit, run or group of answers a dot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from inceptionkit import svg
from inceptionkit.evaluation.calibration import Bin
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.report.charts import exit_ink
from inceptionkit.report.finished_run import Curve, ExitResult, FinishedRun
from inceptionkit.report.lines import Figure
from inceptionkit.svg import INKS, Axes, escape, number
from inceptionkit.text import cells, is_measured, percent, plural, quantity, shorten, whole_percent

_HEIGHT, _RELIABILITY_HEIGHT = 300, 330  # units
_MAC_UNITS = (("GMAC", 1e9), ("MMAC", 1e6), ("kMAC", 1e3), ("MAC", 1))
_LETTER = 7.6  # units, the width of a letter in labels, where phones enlarge them
_SMALLEST, _LARGEST = 3.0, 13.0  # radius of a dot of the reliability diagram, units


def exits_against_cost(
    exits: Sequence[ExitResult], images: int, curve: Curve = ()
) -> Figure | None:
    """Top-1 of each exit against the MACs it takes, with 95 % intervals.

    Args:
        exits: in trunk order, main last.
        images: how many images the shares were counted on; 0 draws no intervals.
        curve: MACs and top-1 of stopping when confident, the cheapest first.
    """
    rows = [(row, row.top1) for row in exits if is_measured(row.top1)]
    if not rows:
        return None
    spans = [wilson(top1, images) if images else (top1, top1) for _, top1 in rows]
    axes = _cost_axes(
        [end for span in spans for end in span] + [top1 for _, top1 in curve],
        max([1, *(row.macs for row, _ in rows), *(macs for macs, _ in curve)]),
    )
    frame, names = axes.frame, [row.name for row in exits]
    places = [axes.place(row.macs, top1) for row, top1 in rows]
    ends = [(frame.y(span[0]), frame.y(span[1])) for span in spans]
    labels = [f"{shorten(row.name, 18)} {percent(top1)}" for row, top1 in rows]
    line = [axes.place(*point) for point in curve]
    spots = _label_spots(frame, places, ends, labels, line)
    marks = "".join(
        _exit_mark(row, place, end, label, spot, ink=exit_ink(row.name, names))
        for (row, _), place, end, label, spot in zip(rows, places, ends, labels, spots, strict=True)
    )
    description = "; ".join(
        f"{row.name}: {percent(top1)} at {quantity(row.macs, 'MAC')}" for row, top1 in rows
    )
    link = f'<path class="link" d="{_polyline(places)}"/>'
    body = f"{axes.drawn()}{link}{_stops(line)}{marks}"
    drawing = svg.figure(
        "exits",
        title="Top-1 of each exit against its cost",
        description=f"{description}.",
        body=body,
        size=(svg.WIDTH, _HEIGHT),
    )
    return Figure(title="Top-1 against cost", drawing=drawing)


def runs_against_cost(runs: Sequence[FinishedRun]) -> Figure | None:
    """Top-1 of every exit of every run against its cost: one line for each run."""
    rows = [[(exit_, exit_.top1) for exit_ in run.exits if is_measured(exit_.top1)] for run in runs]
    every = [top1 for row in rows for _, top1 in row]
    if not every:
        return None
    axes = _cost_axes(every, max(exit_.macs for row in rows for exit_, _ in row))
    parts = []
    for k, (run, row) in enumerate(zip(runs, rows, strict=True)):
        places = [axes.place(exit_.macs, top1) for exit_, top1 in row]
        dots = "".join(
            f'<circle class="dot" cx="{number(x)}" cy="{number(y)}" r="5"><title>'
            f"{escape(f'{run.folder}, {e.name}: {_top1_for(top1, e.macs)}')}</title></circle>"
            for (x, y), (e, top1) in zip(places, row, strict=True)
        )
        line = f'<path class="line ink{k % INKS}" d="{_polyline(places)}"/>'
        parts.append(f'{line * (len(places) > 1)}<g class="ink{k % INKS}">{dots}</g>')
    description = "; ".join(
        f"{run.folder}: {_top1_for(run.result['top1'], run.cost.without_exits.macs)}"
        for run in runs
    )
    drawing = svg.figure(
        "runs-cost",
        title="Top-1 of every exit of every run against its cost",
        description=f"{description}.",
        body=axes.drawn() + "".join(parts),
        size=(svg.WIDTH, _HEIGHT),
    )
    return Figure(title="Top-1 against cost, every exit", drawing=drawing)


def _top1_for(top1: float | None, macs: int) -> str:
    return f"{percent(top1)} for {quantity(macs, 'MAC')}"


def reliability_diagram(rows: Sequence[Bin]) -> Figure | None:
    """A dot for each group of equally confident answers; on the diagonal they are calibrated.

    The area of a dot grows with its images, and bars are 95 % intervals.
    """
    if not rows:
        return None
    low = 0.0 if min(min(r.confidence, r.top1) for r in rows) < 0.5 else 0.5
    frame = svg.axes((low, 1.0), (low, 1.0), height=_RELIABILITY_HEIGHT, left=58)
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0] if low == 0 else [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    most = max(row.images for row in rows)
    diagonal = (
        f"M{number(frame.left)} {number(frame.bottom)}L{number(frame.right)} {number(frame.top)}"
    )
    body = (
        svg.y_axis(frame, ticks, whole_percent)
        + svg.x_axis(frame, ticks, "confidence (mean probability)", whole_percent)
        + f'<path class="link" d="{diagonal}"/>'
        + "".join(_dot(frame, row, most, low) for row in rows)
    )
    drawing = svg.figure(
        "reliability",
        title="Accuracy of answers by their confidence",
        description=f"{'; '.join(map(_calibration, rows))}.",
        body=body,
        size=(svg.WIDTH, _RELIABILITY_HEIGHT),
    )
    return Figure(title="Accuracy by confidence", drawing=drawing)


def _calibration(row: Bin) -> str:
    images = plural(row.images, "image")
    return f"{images}: confidence {percent(row.confidence)}, accuracy {percent(row.top1)}"


def _dot(frame: svg.Axes, row: Bin, most: int, low: float) -> str:
    ends = (frame.y(max(low, end)) for end in wilson(row.top1, row.images))
    bottom, top = map(number, ends)
    x, y = number(frame.x(max(low, row.confidence))), number(frame.y(max(low, row.top1)))
    radius = max(_SMALLEST, _LARGEST * (row.images / most) ** 0.5)
    return (
        f'<g class="ink0"><title>{escape(_calibration(row))}</title>'
        f'<path class="whisker" d="M{x} {bottom}V{top}"/>'
        f'<circle class="dot" cx="{x}" cy="{y}" r="{number(radius)}"/></g>'
    )


@dataclass(frozen=True, slots=True)
class _CostAxes:
    """Top-1 upwards, the work for one image to the right."""

    frame: Axes
    ticks: list[float]  # of top-1
    unit: str
    unit_macs: float

    def place(self, macs: float, top1: float) -> tuple[float, float]:
        """Where so much work and such a share lie in the drawing."""
        return self.frame.x(macs / self.unit_macs), self.frame.y(top1)

    def drawn(self) -> str:
        """Both axes."""
        say = whole_percent if self.ticks[1] - self.ticks[0] >= 0.01 else percent
        steps = svg.round_steps(0, self.frame.x.high)
        return svg.y_axis(self.frame, self.ticks, say) + svg.x_axis(
            self.frame, steps, f"{self.unit} for one image", "{:g}".format
        )


def _cost_axes(shares: Collection[float], most_macs: float) -> _CostAxes:
    """Axes with room for all `shares`, and for up to so many MACs."""
    ticks, low, high = svg.round_range(min(shares), max(shares), most=1.0)
    unit, unit_macs = next((u for u in _MAC_UNITS if most_macs >= u[1]), _MAC_UNITS[-1])
    frame = svg.axes((0, most_macs / unit_macs * 1.08), (low, high), height=_HEIGHT, left=58)
    return _CostAxes(frame, ticks, unit, unit_macs)


def _polyline(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in places)


def _stops(line: Sequence[tuple[float, float]]) -> str:
    """The line of stopping when confident enough."""
    if len(line) < 2:
        return ""
    title = "<title>stopping when confident enough</title>"
    return f'<path class="line ink0" d="{_polyline(line)}">{title}</path>'


def _label_spots(
    frame: Axes,
    places: Sequence[tuple[float, float]],
    ends: Sequence[tuple[float, float]],
    labels: Sequence[str],
    line: Sequence[tuple[float, float]],
) -> list[tuple[float, float]]:
    """Where each label is centerd so that it stays in the frame and off the others.

    Main is placed first, because it must be read. A label stands over or under its interval, or
    further off where that place is taken.
    """
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in _dense(line)]
    spots: dict[int, tuple[float, float]] = {}
    for k in reversed(range(len(labels))):
        half = cells(labels[k]) * _LETTER / 2
        x = min(max(places[k][0], frame.left + half + 4), frame.right - half)
        low, high = ends[k]
        tries = [y for step in range(4) for y in (high - 9 - 18 * step, low + 19 + 18 * step)]
        inside = [y for y in tries if frame.top + 8 <= y <= frame.bottom - 6] or tries[:1]
        boxes = [(x - half, y - 13, x + half, y + 4) for y in inside]
        best = min(
            range(len(boxes)), key=lambda at: (sum(_overlap(boxes[at], t) for t in taken), at)
        )
        taken.append(boxes[best])
        spots[k] = (x, inside[best])
    return [spots[k] for k in range(len(labels))]


def _dense(line: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Points along a line, about 8 units apart."""
    for (x, y), (to_x, to_y) in pairwise(line):
        parts = max(1, round(max(abs(to_x - x), abs(to_y - y)) / 8))
        for part in range(parts):
            yield x + (to_x - x) * part / parts, y + (to_y - y) * part / parts


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


def _exit_mark(
    row: ExitResult,
    place: tuple[float, float],
    ends: tuple[float, float],
    label: str,
    spot: tuple[float, float],
    *,
    ink: int,
) -> str:
    (x, y), (low, high) = (map(number, pair) for pair in (place, ends))
    work = quantity(row.macs, "MAC")
    hint = f"{row.name}, after {row.after}: {percent(row.top1)} top-1 for {work}"
    return (
        f'<g class="ink{ink}"><title>{escape(hint)}</title>'
        f'<path class="whisker" d="M{x} {low}V{high}"/>'
        f'<circle class="dot" cx="{x}" cy="{y}" r="5.5"/>'
        f'<text class="name mid" x="{number(spot[0])}" y="{number(spot[1])}">{escape(label)}</text>'
        "</g>"
    )
