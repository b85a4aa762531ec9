"""GoogLeNet. Szegedy et al. 2014, "Going Deeper with Convolutions", arXiv:1409.4842.

Table 1 gives the widths, figure 3 the paddings and the places of the local response
normalization, section 5 the auxiliary classifiers. What the paper leaves open is as in Caffe's
`bvlc_googlenet`: a dense 7x7 stem, biases, max pooling that rounds up, first weights.

Where table 1 contradicts itself:
- its first row prints 2.7K params and 34M operations, which are exactly those of a depthwise 7x7
  with eight maps per channel and a 1x1 after it; every published network has the dense 7x7 (9.4K,
  118M), and so have all dialects but "separable", which takes the printed row;
- row 5a prints 54M operations where its widths give 51M, and the params of rows 4a and 4c to 5b do
  not follow from their widths; the widths are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

from inceptionkit.spec import (
    AdaptivePool,
    BatchNorm,
    Conv,
    Dropout,
    Exit,
    GlobalPool,
    Init,
    Linear,
    LocalNorm,
    Named,
    Net,
    Node,
    Pair,
    Pool,
    Split,
    named,
)

NORM = BatchNorm()
XAVIER = Init("uniform", gain=1.0, bias=0.2)  # Caffe's; its classifiers have bias 0
_XAVIER_CLASSIFIER = Init("uniform", gain=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where published GoogLeNets disagree."""

    says: str
    norm: BatchNorm | None = NORM  # None: biases, and local normalization in the stem
    stem: Literal["same", "tensorflow", "separable"] = "same"  # padding of the 7x7, or its form
    five: Pair = (5, 5)  # kernel of the path that the paper calls 5x5
    pool4: Pair = (3, 3)
    exits: Literal["5x5/3", "4x4", "none"] = "5x5/3"  # how the exits shrink the grid
    dropout: float = 0.4
    classes: int = 1000
    init: Init | None = None
    init_classifier: Init | None = None


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "paper": Dialect(
            says="as in the paper: biases, local normalization",
            norm=None,
            init=XAVIER,
            init_classifier=_XAVIER_CLASSIFIER,
        ),
        "bn": Dialect(says="batch norm after every convolution, no biases"),
        "separable": Dialect(
            says="the paper's first row as printed: a separable 7x7 in place of the dense one",
            norm=None,
            stem="separable",
            init=XAVIER,
            init_classifier=_XAVIER_CLASSIFIER,
        ),
        "torchvision": Dialect(
            says="torchvision's: batch norm, 3x3 where the paper has 5x5 (its issue 906), "
            "last pool 2x2, exits on an adaptive 4x4 grid",
            five=(3, 3),
            pool4=(2, 2),
            exits="4x4",
            dropout=0.2,
            init=Init(std=0.01),
            init_classifier=Init(std=0.01),
        ),
        "tf_slim": Dialect(
            says="TF-slim's inception_v1: batch norm without gamma, 3x3 where the paper has 5x5, "
            "last pool 2x2, no exits, 1001 classes",
            norm=BatchNorm(gamma=False),
            stem="tensorflow",
            five=(3, 3),
            pool4=(2, 2),
            exits="none",
            dropout=0.2,
            classes=1001,
            init=Init("truncated", std=0.01),
            init_classifier=Init("truncated", std=0.01),
        ),
    }
)


def googlenet(dialect: str = "paper") -> Net:
    """GoogLeNet for 224x224 images and 1000 classes.

    Golden counts (params, MACs): "paper" 6,998,552 and 1,582,671,872, with both exits 13,378,280
    and 1,591,044,096; "bn" 7,005,832 and 1,582,671,872; "separable" 6,991,792 and 1,498,677,248;
    "torchvision" 6,624,904 and 1,498,376,192, with both exits 13,004,888 and 1,506,748,416;
    "tf_slim" 6,618,649 and 1,498,377,216, where 7,280 gammas are missing that others count.
    """
    d = DIALECTS[dialect]
    conv = partial(Conv, norm=d.norm, bias=d.norm is None, init=d.init)

    def row(c1: int, c3: Pair, c5: Pair, proj: int) -> Split:
        """One row of table 1: widths of the 1x1, 3x3 and 5x5 paths, and of the projection."""
        return Split(
            named(
                p1=(conv(c1),),
                p3=(conv(c3[0]), conv(c3[1], (3, 3))),
                p5=(conv(c5[0]), conv(c5[1], d.five)),
                pool=(Pool("max"), conv(proj)),
            )
        )

    return Net(
        name="googlenet" if dialect == "paper" else f"googlenet:{dialect}",
        source="arXiv:1409.4842 table 1",
        image=(3, 224, 224),
        trunk=(
            *stem(d),
            *named(
                inception3a=row(64, (96, 128), (16, 32), 32),
                inception3b=row(128, (128, 192), (32, 96), 64),
                pool3=down(d),
                inception4a=row(192, (96, 208), (16, 48), 64),
                inception4b=row(160, (112, 224), (24, 64), 64),
                inception4c=row(128, (128, 256), (24, 64), 64),
                inception4d=row(112, (144, 288), (32, 64), 64),
                inception4e=row(256, (160, 320), (32, 128), 128),
                pool4=down(d, d.pool4),
                inception5a=row(256, (160, 320), (32, 128), 128),
                inception5b=row(384, (192, 384), (48, 128), 128),
            ),
        ),
        head=(
            GlobalPool(),
            Dropout(d.dropout),
            Linear(d.classes, classifier=True, init=d.init_classifier),
        ),
        exits=exits(d),
    )


def stem(d: Dialect) -> Named:
    """What comes before the first module; table 1's row "convolution 3x3" is conv2 and conv3."""
    conv = partial(Conv, norm=d.norm, bias=d.norm is None, init=d.init)
    first: Node
    if d.stem == "separable":
        plain = partial(Conv, norm=None, bias=False, init=d.init)
        first = (plain(24, (7, 7), stride=2, groups="each", relu=False), plain(64))
    else:
        first = conv(64, (7, 7), stride=2, padding=d.stem)

    def local_norm(name: str) -> Named:
        return ((name, LocalNorm()),) if d.norm is None else ()

    return (
        *named(conv1=first, pool1=down(d)),
        *local_norm("norm1"),
        *named(conv2=conv(64), conv3=conv(192, (3, 3))),
        *local_norm("norm2"),
        *named(pool2=down(d)),
    )


def down(d: Dialect, kernel: Pair = (3, 3)) -> Pool:
    """Max pool that halves the grid. On even grids Caffe and TensorFlow mean the same by it."""
    return Pool("max", kernel, 2, "tensorflow" if d.stem == "tensorflow" else "ceil")


def exits(d: Dialect) -> tuple[Exit, ...]:
    """The auxiliary classifiers of section 5; their fully connected layers fix the 4x4 grid."""
    if d.exits == "none":
        return ()
    shrink = AdaptivePool((4, 4)) if d.exits == "4x4" else Pool("avg", (5, 5), 3, "valid")
    head: Node = (
        shrink,
        Conv(128, norm=d.norm, bias=d.norm is None, init=d.init),
        Linear(1024, relu=True, init=d.init),
        Dropout(0.7),
        Linear(d.classes, classifier=True, init=d.init_classifier),
    )
    return (
        Exit(name="aux1", after="inception4a", head=head, loss_weight=0.3),
        Exit(name="aux2", after="inception4d", head=head, loss_weight=0.3),
    )
