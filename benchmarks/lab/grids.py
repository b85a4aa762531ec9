"""Claim 6: three ways to halve a grid; asymmetric factors early and in the middle.

Run `python benchmarks/lab/grids.py PATH/TO/cifar10`.

"Rethinking" (arXiv:1512.00567) states both without numbers. Section 5, figures 9 and 10: a pool
before the convolution makes a representational bottleneck, a convolution before the pool is three
times as expensive, and strided convolutions beside a pool are cheap and no bottleneck. Section 3.2:
factors of 1xn and nx1 do not work well in early layers, and very well on grids of 12 to 20 cells.

Here one module of each kind of Inception-v2 makes the trunk. Each way of halving its 12x12 grid is
narrowed or widened in every layer to the MACs of the parallel one. Factors are tested where they
stand for a square window. Early, on the grid of 30x30 cells: 1x5 and 5x1 in place of two 3x3, and
the 5x5 that both stand for. In the middle, on 12x12 cells: 7x7 in place of 1x7 and 7x1. All cost
what the first row does, which has two 3x3 early, and 1x7 and 7x1 in the middle.
"""

from collections.abc import Iterator

from networks import at_cost_of, macs, small_v2
from trials import Claim, Trial, run

from inceptionkit.catalog.inception_v2 import Switches


def trials(side: int, width: float) -> Iterator[Trial]:
    """The network of the paper, then one change each, at its cost."""
    parallel = small_v2(side, width)
    yield Trial(
        name="parallel reduction",
        net=parallel,
        note="two 3x3 early, 1x7 and 7x1 in the middle",
    )
    changed = {
        "pool first": small_v2(side, width, switches=Switches(reduction="pool_then_conv")),
        "convolution first": small_v2(side, width, switches=Switches(reduction="conv_then_pool")),
        "1x5 and 5x1 early": small_v2(side, width, stem="1x5"),
        "5x5 early": small_v2(side, width, stem="5x5"),
        "7x7 in the middle": small_v2(side, width, switches=Switches(asymmetric=False)),
    }
    for name, net in changed.items():
        yield Trial(
            name=f"{name}, equal cost",
            net=at_cost_of(net, parallel),
            note=f"at equal width {macs(net) / macs(parallel):.2f} times the MACs",
        )


CLAIM = Claim(
    name="grids",
    says=(
        "**The paper** (arXiv:1512.00567): reducing the grid in parallel paths is better than a "
        "pool before the convolution, a bottleneck, or after it, which is expensive (section 5). "
        "Asymmetric factors do not work well early, and well on grids of 12 to 20 cells "
        "(section 3.2). It gives no measurement."
    ),
    here=(
        "**Here**: one module of each kind of Inception-v2. Every row costs what the first does. "
        "Early is the 30x30 grid, the middle 12x12."
    ),
    trials=trials,
    width=0.125,
)

if __name__ == "__main__":
    run(CLAIM)
