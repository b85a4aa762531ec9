"""A family member made wider or narrower, deeper or shallower, and given another stem."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, groupby
from math import lcm
from typing import TypeAlias

from inceptionkit.spec import (
    Conv,
    Exit,
    Linear,
    Net,
    Op,
    Pool,
    Split,
    blocks,
    operators,
    rewrite,
)

Run: TypeAlias = tuple[str, ...]  # neighboring modules that keep the grid, by name


def widened(net: Net, factor: float, *, step: int = 8) -> Net:
    """Multiply every width of the trunk by `factor`, to the nearest multiple of `step`.

    A convolution with as many groups as inputs keeps its width: it stands on the image, which
    stays as it is. The first convolution gets no wider than what it reads has to tell.
    """

    def change(i: int, op: Op) -> Op:
        if not isinstance(op, Conv | Linear) or op.classifier:
            return op
        groups = op.groups if isinstance(op, Conv) else 1
        if groups == "each":
            return op
        fold = lcm(step, groups)
        wider = replace(op, out=max(fold, round(op.out * factor / fold) * fold))
        return _bounded_stem(net, i, op, wider)

    trunk = numbered(net, change).trunk
    return replace(net, trunk=trunk, head=rewrite(net.head, lambda op: change(1, op)))


def _bounded_stem(net: Net, i: int, op: Op, wider: Op) -> Op:
    """The wider operator; of a first convolution, at most both signs of every value it reads.

    So many channels hold all of a patch of the image (as whitening needs it); more would repeat it.
    """
    if i or not isinstance(op, Conv) or not isinstance(wider, Conv):
        return wider
    most = 2 * net.image[0] * op.kernel[0] * op.kernel[1]
    return wider if wider.out <= most else replace(op, out=max(op.out, most))


def between(narrow: Net, wide: Net, taken: int) -> Net:
    """Take the first `taken` operators of the trunk from `wide`; else the two agree."""
    chosen = [op for _, node in wide.trunk for op in operators(node)][:taken]
    return numbered(narrow, lambda i, op: chosen[i] if i < taken else op)


def one_wider(net: Net, index: int, by: int) -> Net:
    """Make one operator of the trunk wider, if it has a width that nothing fixes."""

    def change(i: int, op: Op) -> Op:
        if i == index and isinstance(op, Conv) and op.groups == 1:
            return _bounded_stem(net, i, op, replace(op, out=op.out + by))
        return op

    return numbered(net, change)


def numbered(net: Net, change: Callable[[int, Op], Op]) -> Net:
    """Apply `change` to every operator of the trunk and its number, from 0."""
    number = count()
    trunk = tuple(
        (name, rewrite(node, lambda op: change(next(number), op))) for name, node in net.trunk
    )
    return replace(net, trunk=trunk)


def runs(net: Net) -> list[Run]:
    """Runs of modules, first to last."""
    parts = [block for block in blocks(net) if block.at.startswith("trunk.")]
    keeps = {
        part.at.removeprefix("trunk."): len(part.steps) > 1 and part.input.size == part.output.size
        for part in parts
    }
    return [tuple(run) for is_module, run in groupby(keeps, key=keeps.__getitem__) if is_module]


def deepened(net: Net, lengths: Mapping[Run, int]) -> Net:
    """Give runs of `net` these numbers of modules, at least 1.

    A longer run repeats its last module; a shorter one keeps its first modules and its last, which
    sets the width that the next stage reads. An exit whose block goes hangs after the one before.
    """
    trunk = list(net.trunk)
    follows: dict[str, str] = {}  # a block that goes -> the one that its exit hangs after now
    for run, length in lengths.items():
        at = next(i for i, (name, _) in enumerate(trunk) if name == run[0])
        modules = trunk[at : at + len(run)]
        kept = [*modules[: min(length, len(run)) - 1], modules[-1]]
        name, last = modules[-1]
        taken = {block for block, _ in trunk}
        kept += [(fresh(name, taken), last) for _ in range(length - len(run))]
        before = run[length - 2] if 1 < length < len(run) else run[-1]
        follows |= dict.fromkeys(run[length - 1 : -1], before)
        trunk[at : at + len(run)] = kept
    return replace(net, trunk=tuple(trunk), exits=_moved_exits(net.exits, follows))


def _moved_exits(exits: Sequence[Exit], follows: Mapping[str, str]) -> tuple[Exit, ...]:
    """The exits where their blocks are now; of two on one block the later is left out."""
    found: dict[str, Exit] = {}
    for exit_ in exits:
        after = follows.get(exit_.after, exit_.after)
        found.setdefault(after, replace(exit_, after=after))
    return tuple(found.values())


def fresh(name: str, taken: set[str]) -> str:
    """A name like `name` that no block has; it is taken then."""
    found = next(made for i in count(2) if (made := f"{name}_{i}") not in taken)
    taken.add(found)
    return found


def stems(net: Net) -> list[Net]:
    """`net` with 0, 1, 2 ... of the halvings before its first module undone, first ones first.

    Section 7 of arXiv:1512.00567 does so for small inputs: a stride of 1 in the first layer, then
    no pool after it.
    """
    found = [net]
    while (at := next(halvings(found[-1]), None)) is not None:
        last = found[-1]
        name, node = last.trunk[at]
        undone = ((name, replace(node, stride=1)),) if isinstance(node, Conv) else ()
        trunk = (*last.trunk[:at], *undone, *last.trunk[at + 1 :])
        after = last.trunk[at - 1][0]  # a pool is never first
        exits = tuple(replace(e, after=after if e.after == name else e.after) for e in last.exits)
        found.append(replace(last, trunk=trunk, exits=exits if not undone else last.exits))
    return found


def halvings(net: Net) -> Iterator[int]:
    """Index of each operator with a stride before the first module; a pool in front is left."""
    for i, (_, node) in enumerate(net.trunk):
        if isinstance(node, Split | tuple):
            return
        if isinstance(node, Conv | Pool) and node.stride > 1 and (i or isinstance(node, Conv)):
            yield i


def grid_of(net: Net, name: str) -> int:
    """Side of the grid that a block of the trunk reads, cells; of an oblong one the shorter."""
    return min(next(block.input.size for block in blocks(net) if block.at == f"trunk.{name}"))
