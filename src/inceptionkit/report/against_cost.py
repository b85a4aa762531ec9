"""Top-1 of each exit against what it costs, as SVG."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from inceptionkit import svg
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.report.charts import Figure, exit_ink
from inceptionkit.report.content import CurvePoint, ExitRow
from inceptionkit.report.cost_axes import HEIGHT, cost_axes
from inceptionkit.svg import Axes, escape, number
from inceptionkit.text import cells, is_measured, percent, quantity, shorten

LETTER = 7.6  # units, the width of a letter in labels, where phones enlarge them


def exits_against_cost(
    exits: Sequence[ExitRow], images: int, curve: Sequence[CurvePoint] = ()
) -> Figure | None:
    """Top-1 of each exit against the MACs it takes, with 95 % intervals.

    Args:
        exits: in trunk order, main last.
        images: how many images the shares were counted on; 0 draws no intervals.
        curve: what stopping when sure gives, the cheapest first.
    """
    rows = [(row, row.top1) for row in exits if is_measured(row.top1)]
    if not rows:
        return None
    spans = [wilson(top1, images) if images else (top1, top1) for _, top1 in rows]
    axes = cost_axes(
        [end for span in spans for end in span] + [point.top1 for point in curve],
        max([1, *(row.macs for row, _ in rows), *(point.macs for point in curve)]),
    )
    frame, names = axes.frame, [row.name for row in exits]
    places = [axes.place(row.macs, top1) for row, top1 in rows]
    ends = [(frame.y(span[0]), frame.y(span[1])) for span in spans]
    labels = [f"{shorten(row.name, 18)} {percent(top1)}" for row, top1 in rows]
    way = [axes.place(point.macs, point.top1) for point in curve]
    spots = _label_spots(frame, places, ends, labels, way)
    marks = "".join(
        _exit_mark(row, place, end, label, spot, ink=exit_ink(row.name, names))
        for (row, _), place, end, label, spot in zip(rows, places, ends, labels, spots, strict=True)
    )
    said = "; ".join(
        f"{row.name}: {percent(top1)} at {quantity(row.macs, 'MAC')}" for row, top1 in rows
    )
    link = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in places)
    body = f'{axes.drawn()}<path class="link" d="{link}"/>{_stops(way)}{marks}'
    drawing = svg.figure(
        "exits",
        title="Top-1 of each exit against its cost",
        description=f"{said}.",
        body=body,
        size=(svg.WIDTH, HEIGHT),
    )
    return Figure(title="Top-1 against cost", drawing=drawing)


def _stops(way: Sequence[tuple[float, float]]) -> str:
    """The line of stopping when sure enough."""
    if len(way) < 2:
        return ""
    line = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in way)
    return f'<path class="line ink0" d="{line}"><title>stopping when sure enough</title></path>'


def _label_spots(
    frame: Axes,
    places: Sequence[tuple[float, float]],
    ends: Sequence[tuple[float, float]],
    labels: Sequence[str],
    line: Sequence[tuple[float, float]],
) -> list[tuple[float, float]]:
    """Where each label is centred so that it stays in the frame and off the others.

    Main is placed first, because it must be read. A label stands over or under its interval, or
    further off where that place is taken.
    """
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in _dense(line)]
    spots: dict[int, tuple[float, float]] = {}
    for k in reversed(range(len(labels))):
        half = cells(labels[k]) * LETTER / 2
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
    row: ExitRow,
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
