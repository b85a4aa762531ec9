"""Claim 3: what the auxiliary classifiers do for GoogLeNet, with and without batch norm.

Run `python benchmarks/lab/auxiliary.py PATH/TO/cifar10`.

The curves in the JSON say when they do it.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

from trials import Claim, Trial, network, run, without_exits


def trials(side: int, width: float) -> Iterator[Trial]:
    """Both, none, the upper one alone; the paper's weight, and a smaller and a larger one."""
    for name in ("googlenet", "googlenet:bn"):
        net = network(name, side, width)
        yield Trial(f"{name}, both", net)
        yield Trial(f"{name}, none", without_exits(net))
        yield Trial(f"{name}, upper alone", replace(net, exits=net.exits[-1:]))
        for weight in ("0.1", "1.0"):
            yield Trial(f"{name}, weight {weight}", net, (f"exit_weight={weight}",))


if __name__ == "__main__":
    says = (
        "Auxiliary classifiers were meant to help early layers to converge (arXiv:1409.4842, "
        "section 5); later they were found to help near the end alone, the lower one not at all, "
        "and to regularize the more where they have batch norm (arXiv:1512.00567, section 4)."
    )
    sys.exit(run(Claim(name="auxiliary", says=says, trials=trials, side=64, epochs=30)))
