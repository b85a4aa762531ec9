"""Claim 4: the cumulative steps from Inception-v2 to v3, one at a time; linear factors.

Run `python benchmarks/lab/ladder.py PATH/TO/cifar10`.

Table 3 of "Rethinking" (arXiv:1512.00567), top-1 error on ImageNet's validation set, single crops:
Inception-v2 23.4 %, RMSProp 23.1 %, label smoothing 22.8 %, factorized 7x7 21.6 %, BN-auxiliary
21.2 %; each line includes those before it. Figure 2 (section 3.1): factors with a ReLU between them
reach 77.2 % top-1, with a linear first factor 76.2 %.

Here one trunk serves all rows: one module of each kind of Inception-v2, and one auxiliary
classifier after its 12x12 grid, whose connected layer has batch norm ("BN-auxiliary") only where
the row says so. The last row takes the ReLU off the first of two factors: of the 3x3 pairs that
stand for a 5x5, and of the 1x7 and 7x1. RMSProp is TensorFlow's with the paper's epsilon of 1.0 and
decay of 0.9. All rows clip gradients at 2.0 and have the same weight decay. For each row, val
chooses between two learning rates, with the first seed.
"""

from collections.abc import Iterator

from networks import MIDDLE, auxiliary, linear_factors, small_v2
from trials import Claim, Trial, run

SGD = ("clip_grad_norm=2", "label_smoothing=0")
RMSPROP = (
    "optimizer=rmsprop_tf",
    "lr_batch=32",
    "momentum=0.9",
    "alpha=0.9",
    "eps=1.0",
    "weight_decay=5e-4",
    "clip_grad_norm=2",
    "label_smoothing=0",
)
SMOOTHED = (*RMSPROP[:-1], "label_smoothing=0.1")
OF_SGD, OF_RMSPROP = ("lr=0.3", "lr=0.6"), ("lr=0.045", "lr=0.09")  # the paper's is 0.045


def trials(side: int, width: float) -> Iterator[Trial]:
    """Table 3 of the paper, and linear factors in its last row."""
    plain = auxiliary("aux", MIDDLE, width)
    normed = auxiliary("aux", MIDDLE, width, norm_connected=True)
    base = small_v2(side, width, stem="7x7", exits=(plain,))
    stem = small_v2(side, width, exits=(plain,))
    last = small_v2(side, width, exits=(normed,))
    yield Trial(name="v2, SGD", net=base, settings=SGD, tries=OF_SGD, note="paper 23.4 %")
    rows = (
        ("v2, RMSProp", base, RMSPROP, "paper 23.1 %"),
        ("+ label smoothing", base, SMOOTHED, "paper 22.8 %"),
        ("+ factorized 7x7", stem, SMOOTHED, "paper 21.6 %"),
        ("+ BN-auxiliary (v3)", last, SMOOTHED, "paper 21.2 %"),
        ("v3, linear factors", linear_factors(last), SMOOTHED, "paper 1 point worse than ReLU"),
    )
    for name, net, settings, note in rows:
        yield Trial(
            name=name,
            net=net,
            settings=settings,
            tries=OF_RMSPROP,
            note=note,
        )


CLAIM = Claim(
    name="ladder",
    says=(
        "**The paper** (arXiv:1512.00567, table 3): RMSProp gains 0.3 points, label smoothing 0.3, "
        "a factorized 7x7 1.2 and batch norm in the auxiliary classifier 0.4, each on top of those "
        "before. Factors without a ReLU between them lose a point (figure 2)."
    ),
    here=(
        "**Here**: one module of each kind of Inception-v2 and one auxiliary classifier, the same "
        "trunk in all rows. Differences are to the first row. A step's own gain is the difference "
        "of two rows, and has the same interval. Val chose one of two learning rates for each row."
    ),
    trials=trials,
    width=0.125,
)

if __name__ == "__main__":
    run(CLAIM)
