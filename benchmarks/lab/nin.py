"""Claim 1: Network in Network, trained: augmentation, global average pooling, dropout.

python benchmarks/lab/nin.py PATH/TO/cifar10
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

from trials import Claim, Trial, network, run

from inceptionkit.spec import Dropout, Linear, Net, Op, rewrite


def without_dropout(net: Net) -> Net:
    """The network with every dropout keeping all."""

    def change(op: Op) -> Op:
        return replace(op, p=0.0) if isinstance(op, Dropout) else op

    return replace(net, trunk=tuple((name, rewrite(node, change)) for name, node in net.trunk))


def fully_connected(net: Net, *before: Op) -> Net:
    """The network with a linear layer that reads every cell of every map, in place of the mean."""
    return replace(net, head=(*before, Linear(10, classifier=True)))


PLAIN = ("crop=padded", "padding=0", "flip=none")
MOVED = ("crop=padded", "padding=4", "flip=random")


def trials(side: int, width: float) -> Iterator[Trial]:
    """As published, without and with augmentation; then without one of its parts."""
    net = network("nin_cifar10", side, width)
    yield Trial("without augmentation", net, PLAIN)
    yield Trial("translations and flips", net, MOVED)
    yield Trial("without dropout", without_dropout(net), PLAIN)
    yield Trial("fully connected", fully_connected(net), PLAIN)
    yield Trial("fully connected, dropout", fully_connected(net, Dropout(0.5)), PLAIN)
    yield Trial("recipe of 2013", net, MOVED, "nin_2013")


if __name__ == "__main__":
    says = (
        "10.41 % error on CIFAR-10, 8.81 % with translations and flips, 14.51 % without dropout "
        "between the mlpconv layers; a fully connected head has 11.59 %, and 10.88 % with dropout "
        "(arXiv:1312.4400, sections 4.2 and 4.6)."
    )
    sys.exit(run(Claim(name="nin", says=says, trials=trials, side=32, epochs=40, width=1.0)))
