"""Shapes as SVG elements.

Colors stand in attributes, which slide programs understand; a style sheet overrides them where
the viewer prefers dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import hypot

from inceptionkit.derive.diagram.labels import SIZE
from inceptionkit.derive.diagram.layout import CELL, CELL_GAP, LINE
from inceptionkit.derive.diagram.palette import LIGHT
from inceptionkit.derive.diagram.shapes import Box, Kind, Panel, Point, Shape, Wire
from inceptionkit.svg import escape, number

_CORNER = 6.0  # radius of a wire's corners
_TIP = (6.0, 3.2)  # length and half the width of an arrowhead


def draw_shape(shape: Shape) -> str:
    """One shape as SVG."""
    match shape:
        case Box():
            return _draw_box(shape)
        case Wire():
            return _draw_wire(shape)
        case Panel():
            return _draw_panel(shape)


def text(  # noqa: PLR0913 - where, what, how
    x: float,
    y: float,
    content: str,
    *,
    anchor: str = "middle",
    weight: int = 400,
    size: float = SIZE,
    of: str = "ink",
    turn: bool = False,
) -> str:
    """One line of text whose middle is at height `y`."""
    color = {"ink": LIGHT.ink, "faint": LIGHT.faint, "on-exit": LIGHT.paper}[of]
    base = y + size * 0.36
    spin = f' transform="rotate(-90 {number(x)} {number(y)})"' if turn else ""
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    return (
        f'<text class="{of}" x="{number(x)}" y="{number(base)}" text-anchor="{anchor}" '
        f'font-size="{number(size)}" fill="{color}"{bold}{spin}>{escape(content)}</text>'
    )


def rectangle(  # noqa: PLR0913 - where and how
    x: float, y: float, wide: float, high: float, *, of: str, fill: str, stroke: str, round_: float
) -> str:
    """A rectangle by its top left corner."""
    line = f' stroke="{stroke}"' if stroke else ""
    return (
        f'<rect class="{of}" x="{number(x)}" y="{number(y)}" width="{number(wide)}" '
        f'height="{number(high)}" rx="{number(round_)}" fill="{fill}"{line}/>'
    )


def _draw_box(box: Box) -> str:
    """A box with what is in it."""
    fill, stroke = LIGHT.fills[box.kind]
    x, y = box.u - box.du / 2, box.v - box.dv / 2
    radius = box.dv / 2 if box.kind == "exit" else 4
    parts = [rectangle(x, y, box.du, box.dv, of=box.kind, fill=fill, stroke=stroke, round_=radius)]
    if box.kind == "concat" and box.dv > box.du:
        parts.append(text(box.u, box.v, box.lines[0], turn=True))
    else:
        parts += _in_a_stack(box)
    return "".join(parts)


def _in_a_stack(box: Box) -> list[str]:
    """Title above, miniature below it, then line by line."""
    high = len(box.strip) * (CELL[1] + CELL_GAP)
    rows = len(box.lines) + bool(box.title)
    y = box.v - (rows * LINE + (high + 5 if box.strip else 0)) / 2
    color = "on-exit" if box.kind == "exit" else "ink"
    texts: list[str] = []
    if box.title:
        texts.append(text(box.u, y + LINE / 2, box.title, weight=600, of=color))
        y += LINE
    if box.strip:
        wide = max(map(len, box.strip)) * (CELL[0] + CELL_GAP) - CELL_GAP
        texts.append(miniature(box, box.u - wide / 2, y + 2.5 + high / 2))
        y += high + 5
    for line in box.lines:
        texts.append(text(box.u, y + LINE / 2, line))
        y += LINE
    return texts


def miniature(box: Box, left: float, middle: float) -> str:
    """The paths of a block: a row of small cells for each, colored by operator."""
    pitch = CELL[1] + CELL_GAP
    top = middle - (len(box.strip) * pitch - CELL_GAP) / 2
    cells = [
        rectangle(
            left + j * (CELL[0] + CELL_GAP),
            top + i * pitch,
            *CELL,
            of=f"c-{kind}",
            fill=LIGHT.fills[kind][1],
            stroke="",
            round_=1,
        )
        for i, row in enumerate(box.strip)
        for j, kind in enumerate(row)
    ]
    return "".join(cells)


def _draw_wire(wire: Wire) -> str:
    """A line with round corners, and an arrowhead at its end."""
    points = _straightened(wire.points)
    if len(points) < 2:
        return ""
    tip = ""
    if wire.arrow:
        points, tip = _headed(points)
    path = f"M{number(points[0][0])} {number(points[0][1])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(_CORNER, length(before, corner) / 2, length(corner, after) / 2)
        a, b = towards(corner, before, radius), towards(corner, after, radius)
        path += f"L{at(a)}Q{at(corner)} {at(b)}"
    path += f"L{at(points[-1])}"
    return f'<path class="wire" d="{path}" fill="none" stroke="{LIGHT.wire}"/>{tip}'


def _headed(points: Sequence[Point]) -> tuple[list[Point], str]:
    """The line shortened by its arrowhead, and the arrowhead."""
    before, end = points[-2:]
    back = min(_TIP[0], length(before, end))
    foot = towards(end, before, back)
    x, y = (end[0] - foot[0]) / back * _TIP[1], (end[1] - foot[1]) / back * _TIP[1]
    corners = (end, (foot[0] - y, foot[1] + x), (foot[0] + y, foot[1] - x))
    drawn = "L".join(map(at, corners))
    tip = f'<path class="tip" d="M{drawn}Z" fill="{LIGHT.wire}"/>'
    return [*points[:-1], towards(end, before, back - 1)], tip


def _straightened(points: Sequence[Point]) -> list[Point]:
    """The points without those that repeat or lie on a straight line."""
    apart = [points[0], *(b for a, b in pairwise(points) if length(a, b) > 0.05)]
    kept = apart[:1]
    for i, point in enumerate(apart[1:], start=1):
        if i + 1 < len(apart):
            (ax, ay), (bx, by) = kept[-1], apart[i + 1]
            if abs((point[0] - ax) * (by - ay) - (point[1] - ay) * (bx - ax)) < 0.05:
                continue
        kept.append(point)
    return kept


def length(a: Point, b: Point) -> float:
    """Distance."""
    return hypot(b[0] - a[0], b[1] - a[1])


def towards(a: Point, b: Point, by: float) -> Point:
    """The point `by` units from `a` on the way to `b`."""
    share = by / (length(a, b) or 1)
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)


def at(point: Point) -> str:
    """A point in a path."""
    return f"{number(point[0])} {number(point[1])}"


def _draw_panel(panel: Panel) -> str:
    """A rectangle with its label at the top: a block's at the left, a stage's in the middle."""
    (x, y), (right, bottom) = panel.start, panel.end
    if panel.of == "block":
        plate = rectangle(
            x,
            y,
            right - x,
            bottom - y,
            of="block",
            fill=LIGHT.block,
            stroke=LIGHT.edge,
            round_=6,
        )
        label = text(x + 9, y + 12, panel.label, anchor="start", weight=600)
        return plate + label
    plate = rectangle(
        x, y, right - x, bottom - y, of="stage", fill=LIGHT.stage, stroke="", round_=9
    )
    return plate + text((x + right) / 2, y + 12, panel.label, weight=600, of="faint")


def swatch(kind: Kind, x: float, y: float) -> str:
    """A colored square of the legend, its middle at height `y`."""
    fill, stroke = LIGHT.fills[kind]
    return rectangle(x, y - 6, 12, 12, of=kind, fill=fill, stroke=stroke, round_=3)
