"""Claim 2: 1x1 convolutions before the larger ones, at equal cost and at equal width.

Run `python benchmarks/lab/reductions.py PATH/TO/cifar10`.

The paper (arXiv:1409.4842, sections 4 and 5, figure 2) draws the module without reductions, calls
it prohibitively expensive, and trains no such network. Here it is trained: GoogLeNet with batch
norm and four modules, with reductions; without them, the paths of its modules narrowed to the same
MACs; and without them, the paths as wide as before. The stem is the same in all three, and so are
batch norm, head, recipe and images. Naive modules are wider and take another learning rate: val
chooses between two for each network, with the first seed.
"""

from collections.abc import Iterator
from functools import partial

from networks import at_cost, macs, small_googlenet, without_reductions
from trials import Claim, Trial, run

RATES = ("lr=0.6", "lr=0.2")


def trials(side: int, width: float) -> Iterator[Trial]:
    """The module with its reductions, without them at the same cost, and without them."""
    reduced = small_googlenet(side, width)
    naive = without_reductions(reduced)
    narrow = at_cost(partial(without_reductions, reduced), macs(reduced))
    yield Trial(name="reduced", net=reduced, tries=RATES)
    yield Trial(name="naive, equal cost", net=narrow, tries=RATES)
    times = macs(naive) / macs(reduced)
    note = f"{times:.2f} times the MACs"
    yield Trial(name="naive, equal width", net=naive, tries=RATES, note=note)


CLAIM = Claim(
    name="reductions",
    says=(
        "**The paper** (arXiv:1409.4842, sections 4 and 5): modules without 1x1 reductions are "
        "prohibitively expensive; with them a network can be wider and deeper for the same work. "
        "It gives no measurement."
    ),
    here=(
        "**Here**: a small GoogLeNet with batch norm, its modules with reductions, without them "
        "at the same cost (narrower paths), and without them at the same width of paths. Val chose "
        "one of two learning rates for each row."
    ),
    trials=trials,
    width=0.25,
)

if __name__ == "__main__":
    run(CLAIM)
