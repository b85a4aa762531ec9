"""Claim 8: exits that are trained together, beside small networks that end where they do.

python benchmarks/lab/exits.py PATH/TO/cifar10
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

from trials import Claim, Trial, network, run, without_exits


def trials(side: int, width: float) -> Iterator[Trial]:
    """The network with its exits, without them, and each part of it that ends at an exit alone."""
    net = network("inception_small", side, width)
    yield Trial("with exits", net, recipe="fast")
    yield Trial("main alone", without_exits(net), recipe="fast")
    names = [name for name, _ in net.trunk]
    for exit_ in net.exits:
        trunk = net.trunk[: names.index(exit_.after) + 1]
        short = replace(net, trunk=trunk, head=exit_.head, exits=())
        yield Trial(f"ends at {exit_.name}", short, recipe="fast")


if __name__ == "__main__":
    says = (
        "Exits that are trained together cost one training and little accuracy: beside networks "
        "that end where they do, each trained for itself for as many epochs."
    )
    sys.exit(run(Claim(name="exits", says=says, trials=trials, side=32, width=1.0)))
