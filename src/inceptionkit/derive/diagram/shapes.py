"""What a diagram consists of, in units along the flow (u) and across it (v).

A drawing that flows to the right has u to the right and v down; one that flows down has them
swapped. Layout knows u and v only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Flow: TypeAlias = Literal["right", "down"]
Kind: TypeAlias = Literal[
    "image",
    "conv",
    "pool",
    "norm",
    "concat",
    "linear",
    "dropout",
    "classifier",
    "module",
    "exit",
    "other",
]
Point: TypeAlias = tuple[float, float]
Strip: TypeAlias = tuple[tuple[Kind, ...], ...]  # a miniature: a row of operators for each path


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A labelled rectangle around its centre."""

    u: float
    v: float
    du: float
    dv: float
    kind: Kind
    title: str = ""  # bold
    lines: tuple[str, ...] = ()
    strip: Strip = ()
    form: Literal["stack", "row"] = "stack"  # "row": title left, lines right

    def moved(self, u: float, v: float) -> Box:
        """The same box elsewhere."""
        return replace(self, u=self.u + u, v=self.v + v)

    def turned(self) -> Box:
        """The same box, along and across swapped."""
        return replace(self, u=self.v, v=self.u, du=self.dv, dv=self.du)

    def mirrored(self, length: float) -> Box:
        """The same box in a piece of `length` that flows the other way."""
        return replace(self, u=length - self.u)


@dataclass(frozen=True, slots=True)
class Wire:
    """A line around corners."""

    points: tuple[Point, ...]
    arrow: bool = True

    def moved(self, u: float, v: float) -> Wire:
        """The same wire elsewhere."""
        return replace(self, points=tuple((a + u, b + v) for a, b in self.points))

    def turned(self) -> Wire:
        """The same wire, along and across swapped."""
        return replace(self, points=tuple((b, a) for a, b in self.points))

    def mirrored(self, length: float) -> Wire:
        """The same wire in a piece of `length` that flows the other way."""
        return replace(self, points=tuple((length - a, b) for a, b in self.points))


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle behind others, from `start` to `end`, with a label in a corner."""

    start: Point
    end: Point
    label: str
    of: Literal["block", "stage"]

    def moved(self, u: float, v: float) -> Panel:
        """The same panel elsewhere."""
        (a, b), (c, d) = self.start, self.end
        return replace(self, start=(a + u, b + v), end=(c + u, d + v))

    def turned(self) -> Panel:
        """The same panel, along and across swapped."""
        (a, b), (c, d) = self.start, self.end
        return replace(self, start=(b, a), end=(d, c))

    def mirrored(self, length: float) -> Panel:
        """The same panel in a piece of `length` that flows the other way."""
        (a, b), (c, d) = self.start, self.end
        return replace(self, start=(length - c, b), end=(length - a, d))


Shape: TypeAlias = Box | Wire | Panel


@dataclass(frozen=True, slots=True)
class Piece:
    """Shapes that the flow enters at (0, 0) and leaves at (length, 0)."""

    shapes: tuple[Shape, ...]
    length: float
    low: float  # least v that it needs
    high: float

    def at(self, u: float, v: float) -> tuple[Shape, ...]:
        """Its shapes, with the entry at (u, v)."""
        return moved(self.shapes, u, v)


def moved(shapes: Iterable[Shape], u: float, v: float) -> tuple[Shape, ...]:
    """The same shapes elsewhere."""
    return tuple(shape.moved(u, v) for shape in shapes)


def turned(shapes: Iterable[Shape]) -> tuple[Shape, ...]:
    """The same shapes, along and across swapped."""
    return tuple(shape.turned() for shape in shapes)
