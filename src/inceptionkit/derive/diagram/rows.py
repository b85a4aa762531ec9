"""The trunk in rows: blocks, the grids they work on, and the exits that hang off it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import log
from typing import TypeAlias

from inceptionkit.derive.diagram.labels import times
from inceptionkit.derive.diagram.layout import box, chain, image, lay, panelled, step, whole
from inceptionkit.derive.diagram.shapes import Box, Panel, Piece, Shape, Wire, moved
from inceptionkit.spec import Block, Net, Pair, Signal, Step, blocks

_BETWEEN = 24.0  # between two blocks of the trunk
_TAP = 9.0  # from the end of a block to where an exit leaves the trunk
HEADER = 20.0  # above the blocks of a stage: room for its label
EDGE = 8.0  # from a block to the border of its stage
_HANG = 22.0  # from the trunk to an exit
_APART = 14.0  # between two exits
ROWS = 34.0  # between two rows: room for the wire from one to the next
_ASPECT = 16 / 9
_MOST_ROWS = 8

Span: TypeAlias = tuple[Pair | None, float, float]  # grid, start, end of a block


@dataclass(frozen=True, slots=True)
class Item:
    """A block of the trunk, drawn, with the exits that read it."""

    piece: Piece
    grid: Pair | None  # None stands outside the stages: the image, the head
    exits: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A finished layout; it starts at (0, 0)."""

    shapes: tuple[Shape, ...]
    size: tuple[float, float]  # along, across


def items(net: Net, *, paths: bool) -> list[Item]:
    """Everything on the trunk, in order."""
    channels, height, wide = net.image
    found = [Item(image(Signal(channels, (height, wide)), tall=not paths), None)]
    for block in blocks(net):
        part, _, name = block.at.partition(".")
        if part == "exits":
            last = found.pop()
            hanging = (*last.exits, _exit_piece(block, name))
            found.append(Item(last.piece, last.grid, hanging))
        elif part == "head":
            head = [step(each) for each in block.steps]
            found += [Item(piece, None) for piece in head]
        else:
            piece = drawn(block, name) if paths else whole(block, name)
            found.append(Item(piece, block.output.size))
    return found


def drawn(block: Block | Step, name: str) -> Piece:
    """A block of the trunk with every operator."""
    if len(block.steps) == 1:
        return step(block.steps[0], title=name)
    return panelled(lay(block), name)


def _exit_piece(block: Block | Step, name: str) -> Piece:
    """The head of an exit."""
    parts = block.parts if isinstance(block, Block) and not block.parallel else (block,)
    label = box("exit", title=name)
    return chain([label, *(lay(part) for part in parts)], gap=12)


def sheet(net: Net, *, paths: bool) -> Sheet:
    """Lay out `net` in as many rows as come nearest to the shape of a slide."""
    tries = [_arranged(rows) for rows in _wrappings(items(net, paths=paths))]
    return min(tries, key=lambda made: abs(log(aspect(made) / _ASPECT)))


def aspect(made: Sheet) -> float:
    """Width over height, on the screen."""
    u, v = made.size
    return (u + 60) / (v + 130)


def _wrappings(every: Sequence[Item]) -> Iterator[list[list[Item]]]:
    """Ways to break the trunk into rows about as long as each other."""
    lengths = [item.piece.length + _BETWEEN for item in every]
    seen: set[int] = set()
    for count in range(1, _MOST_ROWS + 1):
        low, high = max(lengths), sum(lengths)
        while high - low > 1:  # the least length that needs no more than `count` rows
            middle = (low + high) / 2
            low, high = (low, middle) if len(broken(lengths, middle)) <= count else (middle, high)
        cuts = broken(lengths, high)
        if len(cuts) not in seen:
            seen.add(len(cuts))
            ends = [*cuts[1:], len(every)]
            yield [list(every[a:b]) for a, b in zip(cuts, ends, strict=True)]


def broken(lengths: Sequence[float], most: float) -> list[int]:
    """Where rows begin if none is longer than `most`."""
    cuts, filled = [0], 0.0
    for i, length in enumerate(lengths):
        if filled + length > most + 0.01 and filled:
            cuts.append(i)
            filled = 0.0
        filled += length
    return cuts


def _arranged(rows: Sequence[Sequence[Item]]) -> Sheet:
    """Rows one after the other, joined by wires."""
    laid = [row(items) for items in rows]
    left, right = (_BETWEEN + 4, EDGE + 12) if len(laid) > 1 else (EDGE, EDGE)
    shapes: list[Shape] = []
    v = 0.0
    for i, (piece, end) in enumerate(laid):
        axis = v - piece.low
        shapes += piece.at(left, axis)
        v = axis + piece.high
        if i + 1 < len(laid):
            then, turn = v + ROWS - laid[i + 1][0].low, v + ROWS / 2
            out, back = left + piece.length + EDGE + 8, left - _BETWEEN
            corners = ((out, axis), (out, turn), (back, turn), (back, then), (left, then))
            shapes.append(Wire(((left + end, axis), *corners)))
            v += ROWS
    longest = max(piece.length for piece, _ in laid)
    return Sheet(tuple(sorted(shapes, key=depth)), (left + longest + right, v))


def depth(shape: Shape) -> int:
    """Order of painting: stages, panels of blocks, wires, boxes."""
    match shape:
        case Panel():
            return 0 if shape.of == "stage" else 1
        case Wire():
            return 2
        case Box():
            return 3


def row(items: Sequence[Item]) -> tuple[Piece, float]:
    """Blocks on a straight trunk, their stages behind them, their exits beside them.

    Returns:
        The row, and where its last block ends: exits may reach further.
    """
    low = min(item.piece.low for item in items) - EDGE - HEADER
    high = max(item.piece.high for item in items) + EDGE
    shapes: list[Shape] = []
    spans: list[Span] = []
    taps: list[tuple[float, Piece]] = []
    u = end = free = 0.0  # where a block may begin, the last one ended, an exit may begin
    for i, item in enumerate(items):
        if item.exits:
            u = max(u, free + _label_of(item.exits[0]).du / 2 - _TAP - item.piece.length)
        if i:
            shapes.append(Wire(((end, 0), (u, 0))))
        shapes += item.piece.at(u, 0)
        end = tap = u + item.piece.length
        spans.append((item.grid, u, end))
        for exit_ in item.exits:
            half = _label_of(exit_).du / 2
            tap = max(tap + _TAP, free + half)
            free = tap - half + exit_.length + _APART
            taps.append((tap, exit_))
        u = max(end, tap - _TAP) + _BETWEEN
    hung, length, deepest = _beneath(taps, high, end)
    panels = stages(spans, low, high)
    return Piece((*panels, *shapes, *hung), length, low, deepest), end


def _beneath(
    taps: Sequence[tuple[float, Piece]], high: float, end: float
) -> tuple[list[Shape], float, float]:
    """Exits below the trunk.

    Args:
        taps: where each exit leaves the trunk, and its head; far enough apart.
        high: where the room below the trunk begins.
        end: of the trunk's last block; a head that would pass it flows to the left if it can.

    Returns:
        Shapes, and how far they reach along and across.
    """
    shapes: list[Shape] = []
    length, deepest, free = end, high, 0.0
    for tap, exit_ in taps:
        label = _label_of(exit_)
        start = tap - label.du / 2
        flipped = tap + label.du / 2 - exit_.length
        back = start + exit_.length > end + EDGE and flipped >= free
        start = flipped if back else start
        v = high + _HANG - min(exit_.low, -label.dv / 2)
        shapes += moved(mirrored(exit_) if back else exit_.shapes, start, v)
        shapes.append(Wire(((tap - _TAP, 0), (tap, 0), (tap, v - label.dv / 2))))
        free = start + exit_.length + _APART
        length, deepest = max(length, start + exit_.length), max(deepest, v + exit_.high)
    return shapes, length, deepest


def _label_of(exit_: Piece) -> Box:
    """The box with the exit's name: its first."""
    return next(shape for shape in exit_.shapes if isinstance(shape, Box))


def mirrored(piece: Piece) -> tuple[Shape, ...]:
    """The shapes of `piece` flowing the other way."""
    return tuple(shape.mirrored(piece.length) for shape in piece.shapes)


def stages(spans: Sequence[Span], low: float, high: float) -> list[Shape]:
    """A panel behind each run of blocks that work on the same grid."""
    found: list[Shape] = []
    for grid, run in groupby(spans, key=lambda span: span[0]):
        members = list(run)
        if grid is not None:
            start, end = members[0][1] - EDGE, members[-1][2] + EDGE
            found.append(Panel((start, low), (end, high), times(grid), "stage"))
    return found
