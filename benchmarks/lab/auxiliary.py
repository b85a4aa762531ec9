"""Claim 3: what auxiliary classifiers do for GoogLeNet, with and without batch norm, and when.

Run `python benchmarks/lab/auxiliary.py PATH/TO/cifar10`.

The papers disagree. GoogLeNet's (arXiv:1409.4842, section 5) adds two classifiers with weight 0.3,
to help gradients reach early layers; its conference version finds that one is enough, and a gain of
half a point. "Rethinking" (arXiv:1512.00567, section 4) finds no difference early in training and a
gain near its end alone, no harm in removing the lower classifier, and a better main classifier
where the side branch has batch norm ("BN-auxiliary": its fully connected layer, too).

Here a small GoogLeNet has classifiers after its modules 4a and 4e. Val errors after a quarter and
half of the run say whether they help early. The network without norms has the paper's local
response normalization and biases; it is trained as in docs/explanation/convergence.md (AdamW,
undivided pixels), and its rows are compared with each other alone. Exits are not refitted at the
end, so that their errors are those of training.
"""

from collections.abc import Iterator

from networks import LOWER, UPPER, auxiliary, small_googlenet
from trials import Claim, Trial, run

WITHOUT_NORMS = (
    "optimizer=adamw",
    "lr=0.001",
    "lr_batch=64",
    "batch=64",
    "weight_decay=0.05",
    "clip_grad_norm=5",
    "pixel_std=0.00392",
)


def trials(side: int, width: float) -> Iterator[Trial]:
    """Without them, with both; the upper one alone; other weights; batch norm in them."""
    lower, upper = auxiliary("aux1", LOWER, width), auxiliary("aux2", UPPER, width)
    normed = (
        auxiliary("aux1", LOWER, width, norm_connected=True),
        auxiliary("aux2", UPPER, width, norm_connected=True),
    )
    both = small_googlenet(side, width, exits=(lower, upper))
    yield Trial(name="none", net=small_googlenet(side, width))
    yield Trial(name="both", net=both)
    yield Trial(name="upper alone", net=small_googlenet(side, width, exits=(upper,)))
    yield Trial(name="both, weight 0.1", net=both, settings=("exit_weight=0.1",))
    yield Trial(name="both, weight 1", net=both, settings=("exit_weight=1",))
    yield Trial(name="both, BN-auxiliary", net=small_googlenet(side, width, exits=normed))
    plain = tuple(
        auxiliary(name, after, width, norm=False)
        for name, after in (("aux1", LOWER), ("aux2", UPPER))
    )
    for name, exits in {"none": (), "both": plain}.items():
        yield Trial(
            name=f"no batch norm, {name}",
            net=small_googlenet(side, width, norms=False, exits=exits),
            settings=WITHOUT_NORMS,
            beside="no batch norm, none",
        )


CLAIM = Claim(
    name="auxiliary",
    says=(
        "**The papers**: auxiliary classifiers with weight 0.3 help early layers to learn "
        "(arXiv:1409.4842, section 5). They do not help early, but near the end; the lower one "
        "can go; batch norm in them helps (arXiv:1512.00567, section 4)."
    ),
    here=(
        "**Here**: a small GoogLeNet, with batch norm and without, with classifiers after modules "
        "4a (lower) and 4e (upper), weight 0.3 unless stated. Rows without batch norm are compared "
        "with each other."
    ),
    trials=trials,
    width=0.25,
)

if __name__ == "__main__":
    run(CLAIM)
