"""Claim 2: 1x1 convolutions before the larger ones, at equal width and at equal cost.

python benchmarks/lab/reductions.py PATH/TO/cifar10
"""

import sys
from collections.abc import Iterator

from trials import Claim, Trial, network, of_equal_cost, run, without_exits


def trials(side: int, width: float) -> Iterator[Trial]:
    """The module with its reductions, without them, and without them at the same cost."""
    reduced = without_exits(network("googlenet:bn", side, width))
    naive = without_exits(network("inception_naive", side, width))
    yield Trial("reduced", reduced)
    yield Trial("naive, equal cost", of_equal_cost(naive, reduced))
    yield Trial("naive, equal width", naive)


if __name__ == "__main__":
    says = (
        "Modules without 1x1 reductions are as good at equal width and far too dear, so that with "
        "them a network gets more from the same work (arXiv:1409.4842, section 4)."
    )
    sys.exit(run(Claim(name="reductions", says=says, trials=trials, side=64, width=0.25)))
