"""Claim 5: inputs of three sizes, 4 : 2 : 1, at the same cost.

Run `python benchmarks/lab/resolution.py PATH/TO/cifar10`.

Table 2 of "Rethinking" (arXiv:1512.00567, section 9): top-1 accuracy 76.6 % with a receptive field
of 299x299, stride 2 and a pool after the first layer; 76.4 % with 151x151, stride 1 and the pool;
75.2 % with 79x79, stride 1 and no pool. All three cost the same, and the smaller ones took longer
to train.

Here the images of CIFAR-10 are read at 32, 16 and 8 px by a small GoogLeNet whose stem halves the
grid twice, once and not at all, so that the modules' grids are the same. The smaller networks are
widened to the MACs of the one for 32 px. Images are moved by 4, 2 and 1 px in training, an eighth
of their side each.
"""

from collections.abc import Iterator

from networks import at_cost_of, small_googlenet
from trials import Claim, Trial, run

PADDING = 8  # the side over the pixels that images are moved by


def trials(side: int, width: float) -> Iterator[Trial]:
    """The whole side, a half and a quarter, with fewer halvings in the stem."""
    full = small_googlenet(side, width)
    papers = ("paper 23.4 % at 299 px", "paper 23.6 % at 151 px", "paper 24.8 % at 79 px")
    for undone, note in enumerate(papers, start=1):
        part = side // 2 ** (undone - 1)
        net = small_googlenet(part, width, undone=undone)
        if part < side:
            net = at_cost_of(net, full)
        moved = (f"padding={max(1, part // PADDING)}",)
        yield Trial(name=f"{part} px", net=net, settings=moved, note=note)


CLAIM = Claim(
    name="resolution",
    says=(
        "**The paper** (arXiv:1512.00567, table 2): at equal cost an input of 151 px loses 0.2 "
        "points to one of 299, and one of 79 px 1.4."
    ),
    here=(
        "**Here**: images at 32, 16 and 8 px, the same ratios, in a small GoogLeNet with the same "
        "grids in its modules, widened to equal MACs."
    ),
    trials=trials,
    width=0.25,
)

if __name__ == "__main__":
    run(CLAIM)
