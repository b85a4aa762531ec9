"""Lines over epochs as SVG, with a legend and with numbers for those who point at them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from inceptionkit import svg
from inceptionkit.svg import Axes, escape, number
from inceptionkit.text import DASH, Formatter, count, is_measured, plural

_MARKED = 24  # up to so many points a line shows each of them
_HINTS = 120  # at most so many places that say their numbers when pointed at


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart: (x, y) points, y None where nothing was measured."""

    name: str
    points: tuple[tuple[float, float | None], ...]
    ink: int  # which color of the page; 0 is the main classifier's
    dashed: bool = False

    @property
    def measured(self) -> tuple[tuple[float, float], ...]:
        """The points that were measured."""
        return tuple((x, y) for x, y in self.points if is_measured(y))

    @property
    def last(self) -> float | None:
        """The last measured value."""
        return self.measured[-1][1] if self.measured else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a legend."""

    name: str
    ink: int
    dashed: bool
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A drawing and what stands under it."""

    title: str
    drawing: str  # SVG
    legend: tuple[Entry, ...] = ()


def column(
    epochs: Iterable[Mapping[str, float]], key: str
) -> tuple[tuple[float, float | None], ...]:
    """A column of log.csv over its epochs, for a line; None where a row has no such number."""
    return tuple((row["epoch"], row.get(key)) for row in epochs)


def chart(
    name: str,
    title: str,
    lines: tuple[Line, ...],
    say: Formatter,
    tick: Formatter | None = None,
    most: float | None = None,
) -> Figure | None:
    """Lines over epochs; None where nothing was measured.

    Args:
        name: of the drawing, for its addresses.
        title: what is drawn.
        lines: the last one on top, and first in the legend.
        say: how a number is written.
        tick: how it is written at the axis, if shorter.
        most: the largest number that there can be.
    """
    drawn = tuple(line for line in lines if line.measured)
    if not drawn:
        return None
    values = [y for line in drawn for _, y in line.measured]
    ticks, low, high = svg.round_range(min(values), max(values), most=most)
    last_epoch = max(x for line in drawn for x, _ in line.measured)
    frame = svg.axes((0, max(1.0, last_epoch)), (low, high))
    coarse = tick if tick is not None and ticks[1] - ticks[0] >= 0.01 else None
    digits = say if tick is not None else "{:.6g}".format
    body = (
        svg.y_axis(frame, ticks, coarse or digits)
        + svg.x_axis(frame, svg.round_steps(0, frame.x.high, about=6, whole=True), "epoch", count)
        + "".join(_drawn(frame, line) for line in drawn)
        + _hints(frame, drawn, say)
    )
    description = "; ".join(f"{line.name} {_course(line, say)}" for line in drawn)
    drawing = svg.figure(
        name,
        title=f"{title} over {plural(math.ceil(last_epoch), 'epoch')}",
        description=f"{description}.",
        body=body,
        size=(svg.WIDTH, 264),
    )
    legend = tuple(
        Entry(name=line.name, ink=line.ink, dashed=line.dashed, last=say(line.last))
        for line in reversed(drawn)
    )
    return Figure(title=title, drawing=drawing, legend=legend)


def _course(line: Line, say: Formatter) -> str:
    first, last = line.measured[0][1], line.measured[-1][1]
    return f"from {say(first)} to {say(last)}" if len(line.measured) > 1 else say(last)


def _at(frame: Axes, x: float, y: float) -> str:
    return f"{number(frame.x(x))} {number(frame.y(y))}"


def _drawn(frame: Axes, line: Line) -> str:
    style = f"line ink{line.ink}" + (" dashed" if line.dashed else "")
    path = "M" + "L".join(_at(frame, x, y) for x, y in line.measured)
    marked = line.measured if len(line.measured) <= _MARKED else line.measured[-1:]
    dots = "".join(
        f'<circle class="dot ink{line.ink}" cx="{number(frame.x(x))}" cy="{number(frame.y(y))}" '
        f'r="{3 if len(line.measured) > 1 else 5}"/>'
        for x, y in marked
    )
    return (f'<path class="{style}" d="{path}"/>' if len(line.measured) > 1 else "") + dots


def _hints(frame: Axes, lines: Sequence[Line], say: Formatter) -> str:
    """Strips that say the numbers of their epoch when pointed at."""
    table: dict[float, Mapping[str, float]] = {}
    for line in lines:
        for x, y in line.measured:
            table[x] = {**table.get(x, {}), line.name: y}
    places = sorted(table)[:: max(1, math.ceil(len(table) / _HINTS))]
    edges = [
        frame.left,
        *((frame.x(a) + frame.x(b)) / 2 for a, b in pairwise(places)),
        frame.right,
    ]
    strips = []
    for (start, end), x in zip(pairwise(edges), places, strict=True):
        values = ", ".join(
            f"{name} {say(y) if y is not None else DASH}" for name, y in table[x].items()
        )
        strips.append(
            f'<path class="hint" d="M{number(start)} {number(frame.top)}H{number(end)}'
            f'V{number(frame.bottom)}H{number(start)}z"><title>{escape(f"epoch {x:g}: {values}")}'
            "</title></path>"
        )
    return "".join(strips)
