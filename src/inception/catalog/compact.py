"""A compact Inception network for images of 32 to 128 pixels. Ours.

The trunk always sees a grid of about 16 to 32 cells a side: the stem alone depends on the input
size. Modules follow "Rethinking the Inception Architecture" (arXiv:1512.00567): 5x5 as two 3x3
(figure 5) and grid reduction by strided convolutions beside a pool (figure 10). Both exits average
over the whole grid, so that any input size serves.
"""

from __future__ import annotations

from inception.spec import (
    Conv,
    Dropout,
    Exit,
    GlobalPool,
    Linear,
    Named,
    Net,
    Pair,
    Pool,
    Split,
    named,
)


def compact(side: int = 32) -> Net:
    """Build the spec for square images of `side` pixels and 10 classes."""

    def row(c1: int, c3: Pair, c33: Pair, proj: int) -> Split:
        """Widths of the 1x1, 3x3 and double 3x3 paths, and of the projection after the pool."""
        return Split(
            named(
                p1=(Conv(c1),),
                p3=(Conv(c3[0]), Conv(c3[1], (3, 3))),
                p33=(Conv(c33[0]), Conv(c33[1], (3, 3)), Conv(c33[1], (3, 3))),
                pool=(Pool("max"), Conv(proj)),
            )
        )

    def down(c3: int, c33: Pair) -> Split:
        """Halve the grid: strided 3x3, strided double 3x3, and the pooled input passed on."""
        return Split(
            named(
                p3=(Conv(c3, (3, 3), stride=2),),
                p33=(Conv(c33[0]), Conv(c33[1], (3, 3)), Conv(c33[1], (3, 3), stride=2)),
                pool=(Pool("max", stride=2),),
            )
        )

    def exit_(name: str, after: str) -> Exit:
        head = (GlobalPool(), Linear(10, classifier=True))
        return Exit(name=name, after=after, head=head, loss_weight=0.3)

    return Net(
        name="compact",
        source="this project",
        image=(3, side, side),
        trunk=(
            *stem(side),
            *named(
                inception3a=row(32, (32, 48), (16, 32), 16),
                reduce3=down(64, (32, 64)),
                inception4a=row(64, (64, 96), (32, 64), 32),
                inception4b=row(64, (64, 96), (32, 64), 32),
                reduce4=down(96, (64, 96)),
                inception5a=row(128, (96, 160), (48, 96), 64),
            ),
        ),
        head=(GlobalPool(), Dropout(0.1), Linear(10, classifier=True)),
        exits=(exit_("exit1", "inception3a"), exit_("exit2", "inception4a")),
    )


def stem(side: int) -> Named:
    """As many halvings as bring the grid to 32 cells or fewer."""
    if side <= 48:
        return named(conv1=Conv(32, (3, 3)), conv2=Conv(64, (3, 3)))
    if side <= 80:
        return named(conv1=Conv(32, (3, 3), stride=2), conv2=Conv(64, (3, 3)))
    return named(conv1=Conv(32, (5, 5), stride=2), conv2=Conv(64, (3, 3), stride=2))
