"""The networks of the laboratory: bodies of the papers, small enough for two processor cores.

Two trunks serve most claims. `small_googlenet` is GoogLeNet with four of its nine modules, on grids
of 8x8, 4x4 and 2x2 cells. `small_v2` has one module of each kind of Inception-v2, and its middle
grid has 12x12 cells, as its factors of 1x7 and 7x1 need. Both are made of the catalog's own parts,
read images of 32 px, and cost 4 to 9 million MACs at the width that the claims take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Literal, TypeAlias

from inceptionkit.catalog import find
from inceptionkit.catalog.inception_naive import naive
from inceptionkit.catalog.inception_v2 import Switches, module_a, reduce, tall
from inceptionkit.catalog.inception_v3 import DOWN, INIT, module_c
from inceptionkit.derive import cost
from inceptionkit.derive.design.scale import deepened, runs, stems, widened
from inceptionkit.spec import (
    AdaptivePool,
    BatchNorm,
    Conv,
    Dropout,
    Exit,
    GlobalPool,
    Linear,
    Named,
    Net,
    Node,
    Pair,
    Pool,
    Split,
    named,
    with_input,
)

CLASSES = 10
LENGTHS = (1, 2, 1)  # modules on each of GoogLeNet's three grids, in place of 2, 5 and 2
LOWER, UPPER = "inception4a", "inception4e"  # blocks of `small_googlenet` that have classifiers
MIDDLE = "mixed6a"  # the block of `small_v2` that has one
_STEP, _STEP_V2 = 8, 4  # widths are multiples of
_NARROWEST, _WIDEST, _EXACT = 0.05, 4.0, 0.001  # factors that are tried to match a cost

AS_PUBLISHED = Switches()

StemName: TypeAlias = Literal["7x7", "3x3", "5x5", "1x5"]
STEMS: Mapping[StemName, tuple[tuple[int, Pair], ...]] = MappingProxyType(
    {
        "7x7": ((128, (7, 7)),),
        "3x3": ((64, (3, 3)), (64, (3, 3)), (128, (3, 3))),
        "5x5": ((64, (3, 3)), (128, (5, 5))),
        "1x5": ((64, (3, 3)), (64, (1, 5)), (128, (5, 1))),
    }
)
"""Widths and kernels that see 7x7 pixels and leave the same grid; twice as wide as the paper's."""


def small_googlenet(
    side: int, width: float, *, norms: bool = True, undone: int = 1, exits: tuple[Exit, ...] = ()
) -> Net:
    """GoogLeNet with modules 3b, 4a, 4e and 5b, for ten classes.

    Args:
        side: pixels of the input.
        width: factor on every width.
        norms: whether batch norm follows every convolution; else biases, and local response
            normalization in the stem, as in the paper.
        undone: halvings of the stem that are left out, first ones first: with 1, images of 32 px
            give grids of 8, 4 and 2 cells, as images of 16 px do with 2, and of 8 px with 3.
        exits: auxiliary classifiers.
    """
    full = find("googlenet:bn" if norms else "googlenet", classes=CLASSES)
    net = stems(replace(full, exits=()))[undone]
    net = deepened(net, dict(zip(runs(net), LENGTHS, strict=True)))
    return replace(widened(with_input(net, side), width, step=_STEP), exits=exits)


def small_v2(
    side: int,
    width: float,
    *,
    stem: StemName = "3x3",
    switches: Switches = AS_PUBLISHED,
    exits: tuple[Exit, ...] = (),
) -> Net:
    """One module of each kind of Inception-v2, for ten classes.

    Images of 32 px give grids of 26 (stem), 12 and 5 cells. Section 3.2 of the paper wants 12 to 20
    for factors of 1x7 and 7x1.

    Args:
        side: pixels of the input.
        width: factor on every width.
        stem: of `STEMS`.
        switches: what the modules factorize, and how the grid is reduced.
        exits: auxiliary classifiers.
    """
    conv = partial(Conv, init=INIT)
    first: Named = tuple(
        (f"conv{number}", conv(out, kernel, padding="valid"))
        for number, (out, kernel) in enumerate(STEMS[stem], start=1)
    )
    rest = named(
        pool=DOWN,
        mixed5a=module_a(switches),
        mixed6a=tall(switches, 128),
        reduce6=reduce(switches, (64, 384), (64, 96), 384 + 96 + 4 * 192),  # all ways leave as much
        mixed7a=module_c(conv, Pool("avg")),
    )
    net = Net(
        name="inception_v2:lab",
        source="arXiv:1512.00567 table 1, one module of each kind",
        image=(3, side, side),
        trunk=(*first, *rest),
        head=(GlobalPool(), Dropout(0.2), Linear(CLASSES, classifier=True)),
    )
    return replace(widened(net, width, step=_STEP_V2), exits=exits)


def auxiliary(
    name: str,
    after: str,
    width: float,
    *,
    norm: bool = True,
    norm_connected: bool = False,
    loss_weight: float = 0.3,
) -> Exit:
    """An auxiliary classifier: a pool to 2x2 cells, a 1x1 convolution, a connected layer, classes.

    The papers' heads, for grids smaller than theirs. The connected layer is a convolution as large
    as the grid, so that it can have batch norm. GoogLeNet's dropout of 0.7 is left out: it is meant
    for 250 epochs.

    Args:
        name: of the exit.
        after: block that it reads.
        width: factor on its widths.
        norm: whether batch norm follows the 1x1 convolution.
        norm_connected: whether it follows the connected layer, too: the paper's "BN-auxiliary".
        loss_weight: of its loss, beside that of main.
    """

    def conv(out: int, kernel: Pair, *, normed: bool) -> Conv:
        out = max(_STEP, round(out * width / _STEP) * _STEP)
        norm = BatchNorm() if normed else None
        return Conv(out, kernel, padding="valid", norm=norm, bias=not normed)

    head: Node = (
        AdaptivePool((2, 2)),
        conv(128, (1, 1), normed=norm),
        conv(1024, (2, 2), normed=norm_connected),
        GlobalPool(),
        Linear(CLASSES, classifier=True),
    )
    return Exit(name=name, after=after, head=head, loss_weight=loss_weight)


def without_reductions(net: Net, scale: float = 1.0) -> Net:
    """A GoogLeNet whose modules read their input without 1x1 reductions (figure 2a of its paper).

    The stem stays as it is.

    Args:
        net: with reductions.
        scale: of the widths of the modules' paths.
    """
    return replace(net, trunk=tuple((name, naive(node, scale)) for name, node in net.trunk))


def linear_factors(net: Net) -> Net:
    """A `small_v2` without a ReLU on the first of two factors.

    These are the first 3x3 of a pair that stands for a 5x5, and the first of each pair of 1x7 and
    7x1. Convolutions side by side are no factors of one another and stay as they are.
    """
    factored = {"mixed5a", "mixed6a"}
    trunk = ((name, _linear(node) if name in factored else node) for name, node in net.trunk)
    return replace(net, trunk=tuple(trunk))


def _linear(node: Node) -> Node:
    if not isinstance(node, Split):
        return node
    return Split(
        tuple(
            (name, _linear_pairs(path) if isinstance(path, tuple) else path)
            for name, path in node.paths
        )
    )


def _linear_pairs(path: tuple[Node, ...]) -> Node:
    large = [i for i, op in enumerate(path) if isinstance(op, Conv) and op.kernel != (1, 1)]
    firsts = set(large[: len(large) // 2 * 2 : 2])
    return tuple(
        replace(op, relu=False) if i in firsts and isinstance(op, Conv) else op
        for i, op in enumerate(path)
    )


def macs(net: Net) -> int:
    """MACs of an image that runs to the end, exits not counted."""
    return cost(net).without_exits.macs


def at_cost(make: Callable[[float], Net], most: int) -> Net:
    """The widest of the networks that `make` gives for a factor, of those within so many MACs.

    Args:
        make: factor on widths -> network; a larger one costs more.
        most: MACs.
    """
    low, high = _NARROWEST, _WIDEST
    while high - low > _EXACT:
        middle = (low + high) / 2
        low, high = (low, middle) if macs(make(middle)) > most else (middle, high)
    return make(low)


def at_cost_of(net: Net, other: Net | int, *, step: int = 1) -> Net:
    """A network narrowed or widened in every layer to the MACs of another, or a little less.

    Args:
        net: whose layers are changed.
        other: a network, or a number of MACs.
        step: widths are multiples of this.
    """
    most = other if isinstance(other, int) else macs(other)
    return at_cost(lambda factor: widened(net, factor, step=step), most)
