"""From a block of the walk to a piece of the diagram."""

from __future__ import annotations

from collections.abc import Sequence

from inceptionkit.derive.diagram.labels import kind, phrase, signal, strip, width, words
from inceptionkit.derive.diagram.shapes import Box, Kind, Panel, Piece, Shape, Strip, Wire
from inceptionkit.spec import Block, Signal, Step

LINE = 13.5  # from one line of a box to the next
_PAD = 7.0  # between the text of a box and its border
GAP = 13.0  # between two boxes of a chain: room for an arrow
_FORK = 20.0  # from the entry of a split to its paths
_ACROSS = 8.0  # between two paths
BAR = 18.0  # thickness of a concatenation
_INSET = 9.0  # between a block's panel and what is in it
HEADER = 17.0  # of a panel: room for its label
CELL, CELL_GAP = (9.0, 5.0), 1.5  # of the miniature of a block
LEAST = 44.0  # width of a box


def step(part: Step, *, title: str = "") -> Piece:
    """One box for one operator."""
    return box(kind(part.op), title=title, lines=words(part.op))


def whole(part: Block | Step, title: str) -> Piece:
    """One box for a block, with a miniature of what is in it."""
    if len(part.steps) == 1:
        only = part.steps[0].op
        return box(kind(only), title=title, lines=(phrase(only),), tall=True)
    return box(
        "module", title=title, lines=(f"{part.output.channels}",), strip=strip(part), tall=True
    )


def image(x: Signal, *, tall: bool) -> Piece:
    """The box that the image comes from."""
    return box("image", title="image", lines=(signal(x),), tall=tall)


def box(
    of: Kind,
    *,
    title: str = "",
    lines: tuple[str, ...] = (),
    strip: Strip = (),
    tall: bool = False,
) -> Piece:
    """A box as large as its content; `tall` gives those of a block view a common size."""
    mini = _strip_size(strip)
    wide = max([width(title, bold=True), mini[0], *map(width, lines)]) + 2 * _PAD
    wide = max(wide, LEAST)
    high = (len(lines) + bool(title)) * LINE + (mini[1] + 5 if strip else 0) + 8
    high = max(high, 72) if tall else high
    shape = Box(u=wide / 2, v=0, du=wide, dv=high, kind=of, title=title, lines=lines, strip=strip)
    return Piece((shape,), wide, -high / 2, high / 2)


def _strip_size(rows: Strip) -> tuple[float, float]:
    """Width and height of a miniature."""
    longest = max(map(len, rows), default=0)
    return longest * (CELL[0] + CELL_GAP), len(rows) * (CELL[1] + CELL_GAP)


def lay(part: Block | Step) -> Piece:
    """Every operator of `part`, with its paths side by side."""
    if isinstance(part, Step):
        return step(part)
    pieces = [lay(each) for each in part.parts]
    return beside(pieces, f"concat · {part.output.channels}") if part.parallel else chain(pieces)


def chain(pieces: Sequence[Piece], gap: float = GAP) -> Piece:
    """One after the other."""
    shapes: list[Shape] = []
    u = 0.0
    for i, piece in enumerate(pieces):
        if i:
            shapes.append(Wire(((u, 0), (u + gap, 0))))
            u += gap
        shapes += piece.at(u, 0)
        u += piece.length
    low = min((piece.low for piece in pieces), default=-1.0)
    high = max((piece.high for piece in pieces), default=1.0)
    return Piece(tuple(shapes), u, low, high)


def beside(pieces: Sequence[Piece], label: str) -> Piece:
    """Paths side by side between a fork and a concatenation."""
    across = sum(piece.high - piece.low for piece in pieces) + _ACROSS * (len(pieces) - 1)
    span = max(across, width(label) + 2 * _PAD)
    start = _FORK + max(piece.length for piece in pieces) + GAP  # of the concatenation
    shapes: list[Shape] = []
    v = -across / 2
    for piece in pieces:
        axis = v - piece.low
        turn = _FORK * 0.4
        into = ((0.0, 0.0), (turn, 0.0), (turn, axis), (_FORK, axis))
        if piece.shapes:
            shapes.append(Wire(into))
            shapes += piece.at(_FORK, axis)
            shapes.append(Wire(((_FORK + piece.length, axis), (start, axis))))
        else:
            shapes.append(Wire((*into[:3], (start, axis))))
        v += piece.high - piece.low + _ACROSS
    du, dv = BAR, span
    shapes.append(Box(u=start + BAR / 2, v=0, du=du, dv=dv, kind="concat", lines=(label,)))
    return Piece(tuple(shapes), start + BAR, -span / 2, span / 2)


def panelled(piece: Piece, label: str) -> Piece:
    """Put `piece` on a panel whose label stands at the top left."""
    text = width(label, bold=True) + 2 * _INSET
    back = _INSET + max(0.0, text - piece.length - 2 * _INSET)
    low, high = piece.low - _INSET - HEADER, piece.high + _INSET
    length = _INSET + piece.length + back
    shapes = (
        Panel((0, low), (length, high), label, "block"),
        Wire(((0, 0), (_INSET, 0)), arrow=False),
        *piece.at(_INSET, 0),
        Wire(((_INSET + piece.length, 0), (length, 0)), arrow=False),
    )
    return Piece(shapes, length, low, high)
