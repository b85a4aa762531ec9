"""What a diagram consists of, in units along the trunk (u, rightwards) and across it (v)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

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
    """A labeled rectangle around its center."""

    u: float
    v: float
    du: float
    dv: float
    kind: Kind
    title: str = ""  # bold
    lines: tuple[str, ...] = ()
    strip: Strip = ()

    def moved(self, u: float, v: float) -> Box:
        """The same box elsewhere."""
        return replace(self, u=self.u + u, v=self.v + v)

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
