"""Curves over epochs as SVG: loss, top-1 of each exit, learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from inceptionkit import svg
from inceptionkit.report.finished_run import Epoch, FinishedRun
from inceptionkit.svg import INKS, Axes, escape, number
from inceptionkit.text import (
    DASH,
    Formatter,
    count,
    is_measured,
    learning_rate,
    loss,
    percent,
    plural,
    whole_percent,
)

_MARKED = 24  # up to so many points a line shows each of them
_EXIT = "val_top1_"  # how columns of log.csv begin that hold an exit's
_HINTS = 120  # at most so many places that say their numbers when pointed at


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
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
class _Entry:
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
    legend: tuple[_Entry, ...] = ()


def exit_ink(name: str, exits: Sequence[str]) -> int:
    """The color of an exit, the same in every figure; main has the first."""
    early = [other for other in exits if other != "main"]
    return 0 if name == "main" or name not in early else early.index(name) % (INKS - 1) + 1


def loss_curves(epochs: Sequence[Epoch]) -> Figure | None:
    """Training and validation loss over epochs; None where no loss was recorded."""
    return _chart(
        "loss",
        "Loss",
        (
            _Line(name="train", points=_points(epochs, "train_loss"), ink=1, dashed=True),
            _Line(name="val", points=_points(epochs, "val_loss"), ink=0),
        ),
        say=loss,
    )


def top1_curves(epochs: Sequence[Epoch]) -> Figure | None:
    """Top-1 on val of each exit over epochs; None where there is no val."""
    keys = dict.fromkeys(key for row in epochs for key in row if key.startswith(_EXIT))
    names = [key.removeprefix(_EXIT) for key in keys]
    early = (
        _Line(
            name=name,
            points=_points(epochs, f"{_EXIT}{name}"),
            ink=exit_ink(name, names),
            dashed=True,
        )
        for name in names
    )
    main = _Line(name="main", points=_points(epochs, "val_top1"), ink=0)
    return _chart("top1", "Top-1 on val", (*early, main), say=percent, tick=whole_percent, most=1.0)


def rate_curve(epochs: Sequence[Epoch]) -> Figure | None:
    """The learning rate over epochs."""
    points = _points(epochs, "lr")
    return _chart(
        "lr", "Learning rate", (_Line(name="learning rate", points=points, ink=0),), learning_rate
    )


def runs_top1(runs: Sequence[FinishedRun]) -> Figure | None:
    """Top-1 of main on val over epochs, a line for each run."""
    return _runs("runs-top1", "Top-1 on val", runs, "val_top1", percent, whole_percent)


def runs_loss(runs: Sequence[FinishedRun]) -> Figure | None:
    """Loss on val over epochs, a line for each run."""
    return _runs("runs-loss", "Loss on val", runs, "val_loss", loss)


def _runs(
    name: str,
    title: str,
    runs: Sequence[FinishedRun],
    key: str,
    say: Formatter,
    tick: Formatter | None = None,
) -> Figure | None:
    lines = tuple(
        _Line(name=str(run.folder), points=_points(run.epochs, key), ink=k % INKS, dashed=k >= INKS)
        for k, run in enumerate(runs)
    )
    return _chart(name, title, lines, say, tick, 1.0 if tick is not None else None)


def _points(epochs: Iterable[Epoch], key: str) -> tuple[tuple[float, float | None], ...]:
    return tuple((row["epoch"], row.get(key)) for row in epochs)


def _chart(
    name: str,
    title: str,
    lines: tuple[_Line, ...],
    say: Formatter,
    tick: Formatter | None = None,
    most: float | None = None,
) -> Figure | None:
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
        _Entry(name=line.name, ink=line.ink, dashed=line.dashed, last=say(line.last))
        for line in reversed(drawn)
    )
    return Figure(title=title, drawing=drawing, legend=legend)


def _course(line: _Line, say: Formatter) -> str:
    first, last = line.measured[0][1], line.measured[-1][1]
    return f"from {say(first)} to {say(last)}" if len(line.measured) > 1 else say(last)


def _at(frame: Axes, x: float, y: float) -> str:
    return f"{number(frame.x(x))} {number(frame.y(y))}"


def _drawn(frame: Axes, line: _Line) -> str:
    style = f"line ink{line.ink}" + (" dashed" if line.dashed else "")
    path = "M" + "L".join(_at(frame, x, y) for x, y in line.measured)
    marked = line.measured if len(line.measured) <= _MARKED else line.measured[-1:]
    dots = "".join(
        f'<circle class="dot ink{line.ink}" cx="{number(frame.x(x))}" cy="{number(frame.y(y))}" '
        f'r="{3 if len(line.measured) > 1 else 5}"/>'
        for x, y in marked
    )
    return (f'<path class="{style}" d="{path}"/>' if len(line.measured) > 1 else "") + dots


def _hints(frame: Axes, lines: Sequence[_Line], say: Formatter) -> str:
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
