"""Columns of the papers' tables: what each says of a part of a network, and when that agrees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TypeAlias

from inceptionkit.derive.cost import total_cost
from inceptionkit.spec import Block, Conv, Net, Pool, Signal, Step, blocks, tensors

Part: TypeAlias = Block | Step
Parts: TypeAlias = Sequence[Part]
Value: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Column:
    """One column, and how it is read off the parts of a network that make up a row."""

    name: str
    read: Callable[[Parts], Value]
    agrees: Callable[[Value, str], bool] = lambda ours, printed: str(ours) == printed
    always: bool = False  # whether ours is shown where the cell is empty


def parts_of(net: Net) -> dict[str, Part]:
    """Blocks of the trunk by name, and of the head its pool and its classifier."""
    found = {block.at.removeprefix("trunk."): block for block in blocks(net)}
    head = found["head"].steps
    return found | {"head.pool": head[0], "head.classifier": head[-1]}


def counted(units: Mapping[str, float], ours: Value, printed: str) -> bool:
    """Whether `ours` is what is printed, to one unit of its last digit; nothing is 0.

    >>> counted({"K": 1024}, 388_096, "380K"), counted({"K": 1000}, 1_018_000, "1072K")
    (True, False)
    """
    if not printed:
        return ours == 0
    number, unit = printed[:-1], units[printed[-1]]
    digits = len(number.partition(".")[2])
    return bool(abs(int(ours) / unit - float(number)) <= 10**-digits)


def anything(ours: Value, printed: str) -> bool:
    """Whatever we have agrees: nothing is printed."""
    del ours
    return not printed


def weights(parts: Parts) -> int:
    """Weights of convolution and linear layers; no biases, no norms."""
    shapes_of = (next(tensors(step), None) for step in _steps_of(parts))
    return sum(prod(found[1]) for found in shapes_of if found)


def macs(parts: Parts) -> int:
    """Multiply-accumulates."""
    return total_cost(_steps_of(parts)).macs


def _steps_of(parts: Parts) -> list[Step]:
    """Every operator."""
    return [step for part in parts for step in part.steps]


def _shape_text(signal: Signal) -> str:
    """A signal as papers print it: height, width, channels."""
    return f"{signal.size[0]}x{signal.size[1]}x{signal.channels}"


def reads(parts: Parts) -> str:
    """What enters the first part."""
    return _shape_text(parts[0].input)


def gives(parts: Parts) -> str:
    """What leaves the last part."""
    return _shape_text(parts[-1].output)


def window(parts: Parts) -> str:
    """Kernel and stride of the first operator; of modules their number."""
    modules = [part for part in parts if isinstance(part, Block)]
    if modules:
        return str(sum(part.input.size == part.output.size for part in modules))
    op = _steps_of(parts)[0].op
    return "{}x{}/{}".format(*op.kernel, op.stride) if isinstance(op, Conv | Pool) else ""


def paths(parts: Parts) -> dict[str, list[Step]]:
    """Operators of each path of a module; a chain of convolutions is the path "p3"."""
    (last,) = parts[-1:]
    if isinstance(last, Block) and last.parallel:
        return {path.at.rpartition(".")[2]: list(path.steps) for path in last.parts}
    return {"p3": _steps_of(parts)}


def width(path: str, parts: Parts) -> int:
    """Channels that the large convolution of a path gives; 0 if there is no such path."""
    convs = [step.op for step in paths(parts).get(path, []) if isinstance(step.op, Conv)]
    return convs[-1].out if convs else 0


def reduced(path: str, parts: Parts) -> int:
    """Channels that the 1x1 before it gives."""
    convs = [step.op for step in paths(parts).get(path, []) if isinstance(step.op, Conv)]
    return convs[0].out if len(convs) > 1 else 0


def projection(parts: Parts) -> str:
    """The pool of a module and the channels that its 1x1 gives."""
    pool, *rest = (step.op for step in paths(parts)["pool"])
    kind = pool.kind if isinstance(pool, Pool) else ""
    return f"{kind}+{rest[0].out}" if rest and isinstance(rest[0], Conv) else f"{kind}+pass"


OUTPUT, INPUT = Column("output", gives), Column("input", reads)
WINDOW = Column("window", window)
ONE = Column("1x1", partial(width, "p1"))
THREE_REDUCED, THREE = Column("3x3r", partial(reduced, "p3")), Column("3x3", partial(width, "p3"))
FIVE_REDUCED, FIVE = Column("5x5r", partial(reduced, "p5")), Column("5x5", partial(width, "p5"))
DOUBLE_REDUCED = Column("dbl r", partial(reduced, "p33"))
DOUBLE = Column("dbl", partial(width, "p33"))
PROJECTED = Column("proj", partial(width, "pool"))
POOL = Column("pool", projection)
OWN_COSTS = (  # where the paper prints none
    Column("weights", weights, anything, always=True),
    Column("MACs", macs, anything, always=True),
)
