"""What factorizing a convolution saves, counted by the walk: the tables of its page.

`python docs/factorization.py docs/explanation/factorization.md` writes the page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from inceptionkit.derive.cost import Cost, total_cost
from inceptionkit.spec import Conv, GlobalPool, Net, Node, Pair, Pool, Split, named, steps

conv = partial(Conv, norm=None)  # weights alone: no norms, no biases


@dataclass(frozen=True, slots=True)
class Example:
    """Two ways to get from one signal to another, and what each takes."""

    of: str  # section of the page
    x: tuple[int, int, int]  # channels, height, width
    before: tuple[str, Node]
    after: tuple[str, Node]

    @property
    def costs(self) -> tuple[Cost, Cost]:
        """Before and after."""
        return self.price(self.before[1]), self.price(self.after[1])

    def price(self, node: Node) -> Cost:
        """What a node takes on this input."""
        net = Net(name=self.of, source="", image=self.x, trunk=named(block=node), head=GlobalPool())
        return total_cost(steps(net))


def square(side: int, channels: int = 64, grid: int = 17) -> tuple[tuple[int, int, int], Node]:
    """A signal, and one square window that keeps its width."""
    return (channels, grid, grid), conv(channels, (side, side))


def windows(*kernels: Pair, channels: int = 64) -> Node:
    """Windows one after the other, each keeping the width."""
    return tuple(conv(channels, kernel) for kernel in kernels)


def stack(side: int, count: int) -> Example:
    """One square window against 3x3 in a stack that sees as far."""
    x, one = square(side)
    name = {2: "two", 3: "three"}[count]
    return Example(
        "stacks", x, (f"{side}x{side}", one), (f"{name} 3x3", windows(*[(3, 3)] * count))
    )


def asymmetric(side: int) -> Example:
    """One square window against a row and a column."""
    x, one = square(side)
    pair = windows((1, side), (side, 1))
    return Example("asymmetric", x, (f"{side}x{side}", one), (f"1x{side}, {side}x1", pair))


POOL = Pool("max", (2, 2), stride=2, padding="valid")


def grid_reduction() -> tuple[Example, Example]:
    """From 35x35x320 towards 17x17x640: three ways (section 5, figures 9 and 10).

    The grid is 34 here, so that halving leaves no remainder.
    """
    x, wide = (320, 34, 34), 640
    first = ("1x1 on the full grid, then pool", (conv(wide), POOL))
    then = ("pool, then 1x1", (POOL, conv(wide)))
    beside = Split(named(conv=conv(320, stride=2), pool=POOL))
    return (
        Example("grid", x, first, then),
        Example("grid", x, first, ("1x1 with stride 2 beside the pool", beside)),
    )


EXAMPLES: tuple[Example, ...] = (
    stack(5, 2),
    stack(7, 3),
    asymmetric(3),
    asymmetric(7),
    Example(
        "reduction",
        (128, 100, 100),
        ("5x5 to 256", conv(256, (5, 5))),
        ("1x1 to 32, 5x5 to 256", (conv(32), conv(256, (5, 5)))),
    ),
    Example(
        "reduction",
        (192, 28, 28),
        ("5x5 to 32", conv(32, (5, 5))),
        ("1x1 to 16, 5x5 to 32", (conv(16), conv(32, (5, 5)))),
    ),
    *grid_reduction(),
)


def table(of: str) -> str:
    """The examples of a section as a Markdown table."""
    lines = [
        "| input | before | weights | MACs | after | weights | MACs | MACs saved | factor |",
        "|---|---|--:|--:|---|--:|--:|--:|--:|",
    ]
    for example in EXAMPLES:
        if example.of == of:
            before, after = example.costs
            lines.append(
                f"| {'x'.join(map(str, example.x))} "
                f"| {example.before[0]} | {before.params:,} | {before.macs:,} "
                f"| {example.after[0]} | {after.params:,} | {after.macs:,} "
                f"| {1 - after.macs / before.macs:.1%} | {before.macs / after.macs:.2f} |"
            )
    return "\n".join(lines)


TABLES: Mapping[str, str] = MappingProxyType(
    {of: table(of) for of in dict.fromkeys(example.of for example in EXAMPLES)}
)


def filled(page: str) -> str:
    """The page with every table counted again; a table stands after `<!-- table: name -->`."""

    def fill(found: re.Match[str]) -> str:
        return f"<!-- table: {found[1]} -->\n{TABLES[found[1]]}\n\n"

    return re.sub(r"<!-- table: (\w+) -->\n(?:\|[^\n]*\n)*\n", fill, page)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.write_text(filled(place.read_text(encoding="utf-8")), encoding="utf-8")
