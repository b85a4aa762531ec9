"""BN-Inception. Ioffe & Szegedy 2015, "Batch Normalization", arXiv:1502.03167, appendix, figure 5.

Code often calls it Inception-v2. Against GoogLeNet: every 5x5 is two 3x3, there is a third module
at 28x28, and 3c and 4e halve the grid themselves: strided 3x3 beside a max pool that passes its
input on.

Where the printed table contradicts itself:
- it gives the pool projections of 4c and 4d as 128, which makes them 608 wide, and prints 576.
  "576" takes the width and projects to 96, as lim0606's Caffe network and TF-slim; "608" takes the
  projections, as MXNet and Cadene's port, and then 4e is 1056 wide;
- it prints the input grids of 3c and 4e as their outputs: they leave 14x14 and 7x7.
The paper's first layer is separable (7x7, eight maps per channel); only TF-slim builds it so.
Its 13.6 million parameters do not follow from the table.
MXNet's stem pools round down by default, which leaves grids of 55 and 27; all dialects here round
up, as the counts assume.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

from inceptionkit.spec import (
    BatchNorm,
    Conv,
    Dropout,
    Exit,
    GlobalPool,
    Init,
    Linear,
    Net,
    Node,
    Pair,
    Pool,
    Split,
    named,
)

NORM = BatchNorm(eps=1e-5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where published BN-Inceptions disagree."""

    says: str
    proj: int  # channels of the pool projection in 4c and 4d
    norm: BatchNorm = NORM
    bias: bool = False  # of convolutions, beside batch norm's beta
    separable: bool = False  # the stem
    padding: Literal["same", "tensorflow"] = "same"  # of strided convolutions
    count_padding: bool = True  # in average pools
    exits: bool = False
    dropout: float | None = None
    classes: int = 1000
    init: Init | None = None  # of convolutions; the next two in place of it
    init_reduce: Init | None = None  # of the 1x1 before a 3x3
    init_proj: Init | None = None  # of the 1x1 after a pool, and of the stem's


XAVIER = Init("uniform", gain=1.0)
DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "576": Dialect(
            says="lim0606's Caffe network: 4c and 4d 576 wide, exits after 3c and 4e",
            proj=96,
            exits=True,
            init=XAVIER,
            init_reduce=XAVIER,
            init_proj=XAVIER,
        ),
        "608": Dialect(says="MXNet's: 4c and 4d 608 wide, no exits", proj=128),
        "cadene": Dialect(
            says="Cadene's and yjxiong's bninception: 608 wide, biases beside batch norm",
            proj=128,
            bias=True,
        ),
        "tf_slim": Dialect(
            says="TF-slim's inception_v2: separable stem with a bias and no batch norm, batch norm "
            "without gamma, averages without padding, 1001 classes",
            proj=96,
            norm=BatchNorm(gamma=False),
            separable=True,
            padding="tensorflow",
            count_padding=False,
            dropout=0.2,
            classes=1001,
            init=Init("truncated", gain=2.6),  # slim multiplies by 1.3 for what truncation takes
            init_reduce=Init("truncated", std=0.09),
            init_proj=Init("truncated", std=0.1),
        ),
    }
)


def bn_inception(dialect: str = "576") -> Net:
    """BN-Inception for 224x224 images and 1000 classes.

    Golden counts (params, MACs): "576" 11,194,984 and 2,018,851,840, with both exits 16,075,832 and
    2,025,225,216; "608" 11,285,224 and 2,032,600,064; "cadene" 11,295,240 and 2,032,600,064;
    "tf_slim" 11,179,361 and 1,934,858,240, which others count as 11,189,313 with gammas everywhere
    and batch norm in place of the stem's bias.
    """
    d = DIALECTS[dialect]
    conv = partial(Conv, norm=d.norm, bias=d.bias, init=d.init)
    reduce = partial(conv, init=d.init_reduce)
    project = partial(conv, init=d.init_proj)

    def row(c1: int, c3: Pair, c33: Pair, kind: Literal["avg", "max"], proj: int) -> Split:
        """A row of the table: 1x1, 3x3 and double 3x3 paths, the pool and its projection."""
        return Split(
            named(
                p1=(conv(c1),),
                p3=(reduce(c3[0]), conv(c3[1], (3, 3))),
                p33=(reduce(c33[0]), conv(c33[1], (3, 3)), conv(c33[1], (3, 3))),
                pool=(Pool(kind, count_padding=d.count_padding), project(proj)),
            )
        )

    def halve(c3: Pair, c33: Pair) -> Split:
        """A row with stride 2: the last 3x3 of each path is strided, the pool passes all on."""
        last = partial(conv, kernel=(3, 3), stride=2, padding=d.padding)
        return Split(
            named(
                p3=(reduce(c3[0]), last(c3[1])),
                p33=(reduce(c33[0]), conv(c33[1], (3, 3)), last(c33[1])),
                pool=(Pool("max", stride=2, padding="tensorflow"),),
            )
        )

    down = Pool("max", stride=2, padding="tensorflow" if d.separable else "ceil")
    rest: tuple[Node, ...] = () if d.dropout is None else (Dropout(d.dropout),)
    return Net(
        name="bn_inception" if dialect == "576" else f"bn_inception:{dialect}",
        source="arXiv:1502.03167 figure 5",
        image=(3, 224, 224),
        trunk=named(
            conv1=stem(d),
            pool1=down,
            conv2=project(64),
            conv3=conv(192, (3, 3)),
            pool2=down,
            inception3a=row(64, (64, 64), (64, 96), "avg", 32),
            inception3b=row(64, (64, 96), (64, 96), "avg", 64),
            inception3c=halve((128, 160), (64, 96)),
            inception4a=row(224, (64, 96), (96, 128), "avg", 128),
            inception4b=row(192, (96, 128), (96, 128), "avg", 128),
            inception4c=row(160, (128, 160), (128, 160), "avg", d.proj),
            inception4d=row(96, (128, 192), (160, 192), "avg", d.proj),
            inception4e=halve((128, 192), (192, 256)),
            inception5a=row(352, (192, 320), (160, 224), "avg", 128),
            inception5b=row(352, (192, 320), (192, 224), "max", 128),
        ),
        head=(GlobalPool(), *rest, Linear(d.classes, classifier=True)),
        exits=(
            (exit_(d, "aux1", "inception3c", 4), exit_(d, "aux2", "inception4e", 2))
            if d.exits
            else ()
        ),
    )


def stem(d: Dialect) -> Node:
    """The first layer: dense, or depthwise with eight maps per channel and a 1x1 after it."""
    if not d.separable:
        return Conv(64, (7, 7), stride=2, norm=d.norm, bias=d.bias, init=d.init)
    conv = partial(Conv, norm=None, init=Init("truncated", std=1.0))
    depthwise = conv(24, (7, 7), stride=2, padding=d.padding, groups="each", relu=False)
    return (depthwise, conv(64, bias=True))


def exit_(d: Dialect, name: str, after: str, grid: int) -> Exit:
    """lim0606's auxiliary classifier.

    Its fully connected layer of 1024 reads a `grid` x `grid` grid: a convolution of that size,
    which reads larger grids too.
    """
    conv = partial(Conv, norm=d.norm, init=d.init)
    head: Node = (
        Pool("avg", (5, 5), stride=3, padding="ceil"),
        conv(128),
        conv(1024, (grid, grid), padding="valid"),
        GlobalPool(),
        Linear(d.classes, classifier=True, init=d.init),
    )
    return Exit(name=name, after=after, head=head, loss_weight=0.3)
