"""What is written in a diagram, and how much room it takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from inceptionkit.derive.diagram.shapes import Kind, Strip
from inceptionkit.spec import (
    AdaptivePool,
    Block,
    Conv,
    Dropout,
    GlobalPool,
    Linear,
    LocalNorm,
    Op,
    Pair,
    Pool,
    Signal,
    Step,
    is_classifier,
)

SIZE = 11.0  # of the text in boxes, px
_ROOM = 1.06  # a viewer's font may be a little wider than Helvetica
_BOLD = 1.08

# Advance widths of Helvetica, thousandths of the font size; Arial and Liberation Sans agree.
WIDTHS = {
    **dict.fromkeys("ijl'|", 222),
    **dict.fromkeys(" .,:;/ft!I[]\u00a0", 278),
    **dict.fromkeys("()-r`", 333),
    **dict.fromkeys("csvxyzkJ", 500),
    **dict.fromkeys("ABEKPSVXY&", 667),
    **dict.fromkeys("CDHNRUw", 722),
    **dict.fromkeys("GOQ", 778),
    **dict.fromkeys("+<>=~×", 584),  # noqa: RUF001 - the sign is meant
    **dict.fromkeys("mM", 833),
    "·": 333,
    "W": 944,
    "%": 889,
    "@": 1015,
    "…": 1000,
}
_UNKNOWN = 1000


def width(text: str, *, size: float = SIZE, bold: bool = False) -> float:
    """Room that a line of text needs, px."""
    ems = sum(WIDTHS.get(c, 611 if c.isascii() else _UNKNOWN) for c in text) / 1000
    return ems * size * _ROOM * (_BOLD if bold else 1)


def times(pair: Pair) -> str:
    """Say a size: "7x7", with the proper sign."""
    return f"{pair[0]}×{pair[1]}"  # noqa: RUF001 - the sign is meant


def signal(y: Signal) -> str:
    """Say a signal: channels, height, width."""
    return f"{y.channels}×{times(y.size)}"  # noqa: RUF001 - the sign is meant


def strided(kernel: Pair, stride: int) -> str:
    """Say a window as the papers do: "3x3/2"; a stride of 1 goes without saying."""
    return times(kernel) + (f"/{stride}" if stride > 1 else "")


PLAIN: Mapping[type, tuple[str, ...]] = MappingProxyType(
    {GlobalPool: ("global", "avg"), LocalNorm: ("local", "norm")}
)
KINDS: Mapping[type, Kind] = MappingProxyType(
    {
        Conv: "conv",
        Pool: "pool",
        AdaptivePool: "pool",
        GlobalPool: "pool",
        LocalNorm: "norm",
        Dropout: "dropout",
        Linear: "linear",
    }
)


def words(op: Op) -> tuple[str, ...]:
    """What an operator does, and how many values it puts out."""
    match op:
        case Conv():
            return (grouped(op), f"{op.out}")
        case Pool():
            return (op.kind, strided(op.kernel, op.stride))
        case AdaptivePool():
            return ("avg to", times(op.grid))
        case Dropout():
            return ("dropout", f"{op.p:g}")
        case Linear():
            return ("linear", f"{op.out}")
        case _:
            return PLAIN.get(type(op), (type(op).__name__.lower(),))


def grouped(op: Conv) -> str:
    """Say a window and what it reads: "3x3", "5x5 in 2", "7x7/2 each"."""
    window = strided(op.kernel, op.stride)
    if op.groups == "each":
        return f"{window} each"
    return window if op.groups == 1 else f"{window} in {op.groups}"


def phrase(op: Op) -> str:
    """The words on one line."""
    return (" · " if isinstance(op, Conv) else " ").join(words(op))


def kind(op: Op) -> Kind:
    """Color of an operator; one that nobody has chosen a color for is grey."""
    if is_classifier(op):
        return "classifier"
    return KINDS.get(type(op), "other")


def strip(block: Block | Step) -> Strip:
    """A row of operators for each path; of a split inside a path the longest path."""
    if isinstance(block, Block) and block.parallel:
        return tuple(longest(path) for path in block.parts)
    return (longest(block),)


def longest(part: Block | Step) -> tuple[Kind, ...]:
    """Operators on the longest path through `part`."""
    if isinstance(part, Step):
        return (kind(part.op),)
    paths = [longest(each) for each in part.parts]
    if part.parallel:
        return max(paths, key=len, default=())
    return tuple(each for path in paths for each in path)
