"""Inception-v3. Szegedy et al. 2015, "Rethinking the Inception Architecture", arXiv:1512.00567.

The network that Google released (TF-slim's `inception_v3`), shared by torchvision, timm and Keras.
It is not table 1 of the paper, which `inception_v2` builds:
- the 3x3 to 80 channels is a 1x1, the strided 3x3 to 192 a plain one and a max pool;
- the third 35x35 convolution is missing: the first module reads 192 channels and gives 256;
- the 35x35 modules keep a true 5x5 beside the double 3x3 (figure 5 has a 3x3);
- there are four 17x17 modules, not five; neither reduction is figure 10's;
- figure 8 draws the auxiliary head with a fully connected layer of 1024, the code has a 5x5
  convolution of 768. The dialect "figure8" takes the figure.
The paper's "4.8 billion multiply-adds" are 5.7 when counted, its "less than 25 million parameters"
hold without the auxiliary head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal, TypeAlias

from inceptionkit.spec import (
    BatchNorm,
    Conv,
    Dropout,
    Exit,
    GlobalPool,
    Init,
    Linear,
    Named,
    Net,
    Node,
    Pool,
    Split,
    named,
)

Stem: TypeAlias = Literal["299", "151", "79"]

INIT = Init("truncated", std=0.1)  # of TensorFlow's training code
INIT_EXIT, INIT_EXIT_CLASSIFIER = Init("truncated", std=0.01), Init("truncated", std=0.001)
DOWN = Pool("max", stride=2, padding="valid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where published Inception-v3s disagree."""

    says: str
    gamma: bool = True
    count_padding: bool = True  # in the modules' average pools
    last_pool: Literal["avg", "max"] = "avg"  # of the last module
    dropout: float | None = 0.2
    exit: Literal["conv", "linear"] | None = "conv"
    classes: int = 1000

    @property
    def conv(self) -> partial[Conv]:
        """A convolution with this dialect's batch norm."""
        return partial(Conv, norm=BatchNorm(gamma=self.gamma), init=INIT)


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "torchvision": Dialect(
            says="torchvision's and timm's: gamma, averages count the padding",
            dropout=0.5,
        ),
        "tf": Dialect(
            says="TensorFlow's: no gamma, averages do not count the padding, 1001 classes",
            gamma=False,
            count_padding=False,
            classes=1001,
        ),
        "keras": Dialect(
            says="Keras': TensorFlow's with 1000 classes, without auxiliary head and dropout",
            gamma=False,
            count_padding=False,
            dropout=None,
            exit=None,
        ),
        "fid": Dialect(
            says="the graph of 2015 behind the Frechet inception distance: 1008 classes, averages "
            "do not count the padding, the last module takes maxima",
            count_padding=False,
            last_pool="max",
            dropout=None,
            exit=None,
            classes=1008,
        ),
        "figure8": Dialect(
            says="torchvision's with the auxiliary head of figure 8: fully connected, 1024",
            exit="linear",
        ),
    }
)


def inception_v3(dialect: str = "torchvision") -> Net:
    """Inception-v3 for 299x299 images and 1000 classes.

    Golden counts (params, MACs): "torchvision" 23,834,568 and 5,713,216,096, with the exit
    27,161,264 and 5,718,899,296; "fid" 23,850,960 and 5,713,232,480; "figure8" with its exit
    28,236,976 and 5,719,974,496; "keras" 23,817,352, which is torchvision's without 17,216 gammas;
    "tf" 23,819,401 and 5,713,218,144. The exit fits from 299 pixels on.
    """
    name = "inception_v3" if dialect == "torchvision" else f"inception_v3:{dialect}"
    return network(name, DIALECTS[dialect], "299")


def inception_v3_151() -> Net:
    """Inception-v3 for 151x151 images at the cost of 299x299: its first convolution has stride 1.

    Section 8 and table 2. 23,834,568 params and 5,713,216,096 MACs, like `inception_v3`; the grids
    are the same from 149x149 on, so that the exit fits.
    """
    return network("inception_v3_151", DIALECTS["torchvision"], "151")


def inception_v3_79() -> Net:
    """Inception-v3 for 79x79 images at nearly the cost of 299x299: stride 1, no first pool.

    Section 8 and table 2. 23,834,568 params and 5,361,703,520 MACs, 6 % fewer than `inception_v3`;
    the 17x17 and 8x8 grids are the same, so that the exit fits.
    """
    return network("inception_v3_79", DIALECTS["torchvision"], "79")


def network(name: str, d: Dialect, first: Stem) -> Net:
    """Inception-v3 with the stem for one of the three input sizes."""
    rest: tuple[Node, ...] = () if d.dropout is None else (Dropout(d.dropout),)
    side = int(first)
    return Net(
        name=name,
        source="arXiv:1512.00567 figures 5 to 8; widths of TF-slim's inception_v3",
        image=(3, side, side),
        trunk=(
            *stem(d, first),
            *named(
                mixed5b=module_a(d, 32),
                mixed5c=module_a(d, 64),
                mixed5d=module_a(d, 64),
                mixed6a=_reduction_a(d),
                mixed6b=module_b(d.conv, average(d), 128),
                mixed6c=module_b(d.conv, average(d), 160),
                mixed6d=module_b(d.conv, average(d), 160),
                mixed6e=module_b(d.conv, average(d), 192),
                mixed7a=_reduction_b(d),
                mixed7b=module_c(d.conv, average(d)),
                mixed7c=module_c(d.conv, Pool(d.last_pool, count_padding=d.count_padding)),
            ),
        ),
        head=(GlobalPool(), *rest, Linear(d.classes, classifier=True)),
        exits=exits(d),
    )


def average(d: Dialect) -> Pool:
    """The pool of the modules."""
    return Pool("avg", count_padding=d.count_padding)


def stem(d: Dialect, first: Stem) -> Named:
    """Down to 35x35 (36x36 for 79 pixels); what halves the grid early depends on the input size."""
    conv = d.conv
    pool: Named = () if first == "79" else (("pool1", DOWN),)
    return (
        *named(
            conv1a=conv(32, (3, 3), stride=2 if first == "299" else 1, padding="valid"),
            conv2a=conv(32, (3, 3), padding="valid"),
            conv2b=conv(64, (3, 3)),
        ),
        *pool,
        *named(conv3b=conv(80), conv4a=conv(192, (3, 3), padding="valid"), pool2=DOWN),
    )


def module_a(d: Dialect, proj: int) -> Split:
    """35x35: figure 5, with a 5x5 where the figure has a 3x3."""
    conv = d.conv
    return Split(
        named(
            p1=(conv(64),),
            p5=(conv(48), conv(64, (5, 5))),
            p33=(conv(64), conv(96, (3, 3)), conv(96, (3, 3))),
            pool=(average(d), conv(proj)),
        )
    )


def _reduction_a(d: Dialect) -> Split:
    """35x35 to 17x17: figure 10, but the single 3x3 reads the input directly."""
    down = partial(d.conv, kernel=(3, 3), stride=2, padding="valid")
    return Split(
        named(
            p3=(down(384),),
            p33=(d.conv(64), d.conv(96, (3, 3)), down(96)),
            pool=(DOWN,),
        )
    )


def module_b(conv: partial[Conv], pool: Pool, c: int) -> Split:
    """17x17: figure 6 with n = 7; the long path begins with the 7x1, as in the code."""
    row, column = (1, 7), (7, 1)
    return Split(
        named(
            p1=(conv(192),),
            p7=(conv(c), conv(c, row), conv(192, column)),
            p77=(conv(c), conv(c, column), conv(c, row), conv(c, column), conv(192, row)),
            pool=(pool, conv(192)),
        )
    )


def _reduction_b(d: Dialect) -> Split:
    """17x17 to 8x8."""
    conv, down = d.conv, partial(d.conv, kernel=(3, 3), stride=2, padding="valid")
    return Split(
        named(
            p3=(conv(192), down(320)),
            p7=(conv(192), conv(192, (1, 7)), conv(192, (7, 1)), down(192)),
            pool=(DOWN,),
        )
    )


def module_c(conv: partial[Conv], pool: Pool) -> Split:
    """8x8: figure 7, wide, with 1x3 and 3x1 side by side."""
    fan = Split(named(a=(conv(384, (1, 3)),), b=(conv(384, (3, 1)),)))
    return Split(
        named(
            p1=(conv(320),),
            p3=(conv(384), fan),
            p33=(conv(448), conv(384, (3, 3)), fan),
            pool=(pool, conv(192)),
        )
    )


def exits(d: Dialect) -> tuple[Exit, ...]:
    """The auxiliary head; its window on a 5x5 grid needs 17x17 cells or more to hang on.

    The paper states no loss weight; 0.4 is that of TensorFlow's training code.
    """
    if d.exit is None:
        return ()
    width = 768 if d.exit == "conv" else 1024
    head: Node = (
        Pool("avg", (5, 5), stride=3, padding="valid"),
        d.conv(128),
        d.conv(width, (5, 5), padding="valid", init=INIT_EXIT),
        GlobalPool(),
        Linear(d.classes, classifier=True, init=INIT_EXIT_CLASSIFIER),
    )
    return (Exit(name="aux", after="mixed6e", head=head, loss_weight=0.4),)
