"""Claim 1: Network in Network, trained: augmentation, global average pooling, dropout.

Run `python benchmarks/lab/nin.py PATH/TO/PART` on 5,000 training images (see `part.py`).

The paper (arXiv:1312.4400), test error on CIFAR-10: 10.41 % without augmentation, 8.81 % with
translations and horizontal flips (table 1). Dropout between the mlpconv layers lowers the error by
more than a fifth (section 4.1). Global average pooling 10.41 %, a fully connected layer in its
place 11.59 %, with dropout before it 10.88 % (table 5).

Here the network is a quarter as wide. Give it few images: dropout, augmentation and the pooled head
work against overfitting, so that they gain nothing before the network has learned its images by
heart. The paper shows each of 50,000 images 260 times, this claim each of 4,500 images 25 times.
`--width 1 --epochs 260` on all of them is for a GPU, and adds rows with the SGD of 2013. Otherwise
training is AdamW, for networks without norms (docs/explanation/convergence.md). The last mlpconv
layer stays in front of the connected layer. Where the network is narrower, first weights are He's:
the author's suit his widths, and with them it stands still for hundreds of steps. The class maps
keep the author's, and begin with a bias of 1, so that their ReLUs live. Images are not prepared by
global contrast normalization and ZCA, as the paper's are, but scaled; `nin_published.py` does the
former.
"""

from collections.abc import Iterator
from dataclasses import replace

from networks import CLASSES
from trials import ALIKE, Claim, Trial, run

from inceptionkit.catalog import find
from inceptionkit.derive.design.scale import widened
from inceptionkit.spec import Conv, Dropout, Init, Linear, Net, Op, rewrite

LEARNED = (
    "optimizer=adamw",
    "lr=0.001",
    "lr_batch=64",
    "batch=64",
    "weight_decay=0.05",
    "clip_grad_norm=5",
    "pixel_std=0.25",
    "label_smoothing=0",
)
STILL = ("crop=random", "area_low=1", "aspect=1", "flip=none")
MOVED = ("crop=padded", "padding=4", "flip=random")


def network(side: int, width: float) -> Net:
    """The published network, or a narrower one with He's first weights."""
    net = widened(find("nin_cifar10", classes=CLASSES, side=side), width)

    def change(op: Op) -> Op:
        if not isinstance(op, Conv):
            return op
        return replace(op, init=Init(std=0.05, bias=1.0) if op.classifier else Init())

    if width == 1:
        return net
    trunk = tuple((name, rewrite(node, change)) for name, node in net.trunk)
    return replace(net, trunk=trunk, head=rewrite(net.head, change))


def without_dropout(net: Net) -> Net:
    """The network with every dropout keeping all."""

    def change(op: Op) -> Op:
        return replace(op, p=0.0) if isinstance(op, Dropout) else op

    return replace(net, trunk=tuple((name, rewrite(node, change)) for name, node in net.trunk))


def fully_connected(net: Net, *before: Op) -> Net:
    """The network with a linear layer over all cells of its last maps, in place of their means."""
    if not isinstance(net.head, tuple) or not isinstance(last := net.head[0], Conv):
        msg = f"{net.name}: its head must begin with a convolution"
        raise TypeError(msg)
    maps = replace(last, classifier=False)
    return replace(net, head=(maps, *before, Linear(CLASSES, classifier=True)))


def without(words: tuple[str, ...], *keys: str) -> tuple[str, ...]:
    """Settings less some keys."""
    return tuple(word for word in words if word.partition("=")[0] not in keys)


def trials(side: int, width: float) -> Iterator[Trial]:
    """As published, without and with augmentation; then without one of its parts."""
    net = network(side, width)
    still, moved = (*LEARNED, *STILL), (*LEARNED, *MOVED)
    yield Trial(name="no augmentation", net=net, settings=still, note="paper 10.41 %")
    yield Trial(name="translations and flips", net=net, settings=moved, note="paper 8.81 %")
    yield Trial(
        name="no dropout",
        net=without_dropout(net),
        settings=still,
        note="paper at least 13 %",
    )
    yield Trial(
        name="fully connected",
        net=fully_connected(net),
        settings=still,
        note="paper 11.59 %",
    )
    yield Trial(
        name="fully connected, dropout",
        net=fully_connected(net, Dropout(0.5)),
        settings=still,
        note="paper 10.88 %",
    )
    if width == 1:
        of_2013 = ("lr=0.1", "lr_batch=128", "pixel_std=0.25", "label_smoothing=0")
        for name, images in {"no augmentation": STILL, "translations and flips": MOVED}.items():
            settings = (*of_2013, *images)
            yield Trial(name=f"SGD of 2013, {name}", net=net, settings=settings, recipe="nin_2013")


CLAIM = Claim(
    name="nin",
    says=(
        "**The paper** (arXiv:1312.4400, tables 1 and 5, section 4.1): 10.41 % test error on "
        "CIFAR-10, 8.81 % with translations and flips; a fully connected head has 11.59 %, and "
        "10.88 % with dropout before it; dropout between the mlpconv layers takes off a fifth."
    ),
    here=(
        "**Here**: the network a quarter as wide, on few images, all rows alike. "
        "Images are scaled, neither contrast-normalized nor whitened."
    ),
    trials=trials,
    width=0.25,
    epochs=25,
    alike=without(ALIKE, "crop", "padding"),
)

if __name__ == "__main__":
    run(CLAIM)
