"""Claim 4: the cumulative steps from Inception-v2 to v3, one at a time.

Run `python benchmarks/lab/ladder.py PATH/TO/cifar10`.

A last row takes the ReLU off the first of two factors, which the paper found to be worse.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

from trials import Claim, Trial, network, run, without_exits

from inceptionkit.spec import Conv, Net, Op, rewrite

PLAIN = ("label_smoothing=0",)
RMSPROP = ("optimizer=rmsprop_tf", "lr=0.045", "lr_batch=32", "label_smoothing=0")
SMOOTHED = ("optimizer=rmsprop_tf", "lr=0.045", "lr_batch=32", "label_smoothing=0.1")


def linear_factors(net: Net) -> Net:
    """The network without a ReLU behind the first factor of a 7x7, which the second one reads."""

    def change(op: Op) -> Op:
        if isinstance(op, Conv) and op.kernel[0] == 1 and op.kernel[1] > 1:
            return replace(op, relu=False)
        return op

    return replace(net, trunk=tuple((name, rewrite(node, change)) for name, node in net.trunk))


def trials(side: int, width: float) -> Iterator[Trial]:
    """Table 3 of the paper."""
    base = without_exits(network("inception_v2:base", side, width))
    stem = without_exits(network("inception_v2", side, width))
    v3 = network("inception_v3", side, width)
    yield Trial("v2, SGD", base, PLAIN)
    yield Trial("v2, RMSProp", base, RMSPROP)
    yield Trial("and label smoothing", base, SMOOTHED)
    yield Trial("and factorized 7x7", stem, SMOOTHED)
    yield Trial("and BN-auxiliary (v3)", v3, SMOOTHED)
    yield Trial("v3, linear factors", linear_factors(v3), SMOOTHED)


if __name__ == "__main__":
    says = (
        "RMSProp, label smoothing, a factorized 7x7 and batch norm in the auxiliary head each gain "
        "0.2 to 0.6 points (arXiv:1512.00567, table 3); factors without a ReLU between them are "
        "worse (section 3.2)."
    )
    sys.exit(run(Claim(name="ladder", says=says, trials=trials, side=79, width=0.25)))
