"""A compact Inception network for images of 32 to 128 pixels. Ours.

Modules reduce by 1x1 as GoogLeNet's do, and the grid shrinks by a strided convolution beside a pool
(arXiv:1512.00567, figure 10). It is made for training on a CPU, where moving activations costs more
than multiplying: the stem brings the grid to 8 to 16 cells a side before the first module, the
third path has one 3x3 where the papers have a 5x5 or two 3x3, and no path pools, since the backward
pass of a pool takes longer there than that of a 3x3 convolution. Both exits average over the whole
grid, so that any input size serves.
"""

from __future__ import annotations

from inceptionkit.spec import (
    Conv,
    Exit,
    GlobalPool,
    Linear,
    Net,
    Pair,
    Pool,
    Split,
    named,
)


def compact(side: int = 32) -> Net:
    """Build the spec for square images of `side` pixels and 10 classes."""

    def row(c1: int, wide: Pair, narrow: Pair) -> Split:
        """Widths of the 1x1 path, and of the two that reduce before a 3x3."""
        return Split(
            (
                ("p1", (Conv(c1),)),
                ("wide", (Conv(wide[0]), Conv(wide[1], (3, 3)))),
                ("narrow", (Conv(narrow[0]), Conv(narrow[1], (3, 3)))),
            )
        )

    head = (GlobalPool(), Linear(10, classifier=True))
    return Net(
        name="compact",
        source="this project",
        image=(3, side, side),
        trunk=named(
            conv1=Conv(16, (3, 3)) if side <= 48 else Conv(32, (3, 3), stride=2),
            conv2=Conv(48, (3, 3), stride=2),
            conv3=Conv(64, (3, 3)),
            pool3=Pool("max", stride=2),
            inception4a=row(48, (48, 64), (32, 48)),
            inception4b=row(48, (48, 64), (32, 48)),
            reduce4=Split(
                (
                    ("p3", (Conv(64), Conv(128, (3, 3), stride=2))),
                    ("pool", (Pool("max", stride=2),)),
                )
            ),
            inception5a=row(96, (96, 128), (64, 96)),
            inception5b=row(96, (96, 128), (64, 96)),
        ),
        head=head,
        exits=(
            Exit(name="exit1", after="inception4a", head=head, loss_weight=0.3),
            Exit(name="exit2", after="reduce4", head=head, loss_weight=0.3),
        ),
    )
