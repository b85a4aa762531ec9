"""Claim 6: three ways to halve a grid, and where factors of 1x7 and 7x1 belong.

python benchmarks/lab/grids.py PATH/TO/cifar10
"""

import sys
from collections.abc import Iterator

from trials import Claim, Trial, network, of_equal_cost, run, without_exits

WAYS = {
    "parallel": "inception_v2",
    "pool first": "inception_v2:pool_then_conv",
    "convolution first": "inception_v2:conv_then_pool",
    "7x7 in the middle": "inception_v2:symmetric",
    "5x5 early": "inception_v2:unfactorized",
}


def trials(side: int, width: float) -> Iterator[Trial]:
    """Each as it is, and at the cost of the parallel way."""
    nets = {name: without_exits(network(arch, side, width)) for name, arch in WAYS.items()}
    for name, net in nets.items():
        yield Trial(name, net)
        if name != "parallel":
            yield Trial(f"{name}, equal cost", of_equal_cost(net, nets["parallel"]))


if __name__ == "__main__":
    says = (
        "Pooling first makes a bottleneck, pooling last is three times as dear, and both at once "
        "in parallel are neither (arXiv:1512.00567, section 5); asymmetric factors are good on "
        "grids of 12 to 20 cells (section 3.2)."
    )
    sys.exit(run(Claim(name="grids", says=says, trials=trials, side=79, width=0.25)))
