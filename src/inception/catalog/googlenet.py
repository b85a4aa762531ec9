"""GoogLeNet. Szegedy et al. 2014, "Going Deeper with Convolutions", arXiv:1409.4842.

Table 1 gives the widths, figure 3 the paddings and the places of the local response
normalisation, section 5 the auxiliary classifiers. What the paper leaves open is as in Caffe's
`bvlc_googlenet`: a dense 7x7 stem, biases, max pooling that rounds up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from inception.spec import (
    BatchNorm,
    Conv,
    Dropout,
    Exit,
    GlobalPool,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where published GoogLeNets disagree."""

    says: str
    batch_norm: bool  # after every convolution; else biases, and local normalisation in the stem


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "paper": Dialect(says="as in the paper: biases, local normalisation", batch_norm=False),
        "bn": Dialect(says="batch norm after every convolution, no biases", batch_norm=True),
    }
)


def googlenet(dialect: str = "paper") -> Net:
    """GoogLeNet for 224x224 images and 1000 classes.

    Golden counts (params, MACs): "paper" 6,998,552 and 1,582,671,872, with both exits 13,378,280
    and 1,591,044,096; "bn" 7,005,832 and 1,582,671,872.
    """
    batch_norm = DIALECTS[dialect].batch_norm
    conv = partial(Conv, norm=BatchNorm() if batch_norm else None, bias=not batch_norm)

    def row(c1: int, c3: Pair, c5: Pair, proj: int) -> Split:
        """One row of table 1: widths of the 1x1, 3x3 and 5x5 paths, and of the projection."""
        return Split(
            named(
                p1=(conv(c1),),
                p3=(conv(c3[0]), conv(c3[1], (3, 3))),
                p5=(conv(c5[0]), conv(c5[1], (5, 5))),
                pool=(Pool("max"), conv(proj)),
            )
        )

    def exit_(name: str, after: str) -> Exit:
        """Auxiliary classifier of section 5."""
        head: Node = (
            Pool("avg", (5, 5), stride=3, padding="valid"),
            conv(128),
            Linear(1024, relu=True),
            Dropout(0.7),
            Linear(1000, classifier=True),
        )
        return Exit(name=name, after=after, head=head, loss_weight=0.3)

    def local_norm(name: str) -> Named:
        return () if batch_norm else ((name, LocalNorm()),)

    down = Pool("max", stride=2, padding="ceil")
    return Net(
        name="googlenet" if dialect == "paper" else f"googlenet:{dialect}",
        source="arXiv:1409.4842 table 1",
        image=(3, 224, 224),
        trunk=(
            *named(conv1=conv(64, (7, 7), stride=2), pool1=down),
            *local_norm("norm1"),
            *named(conv2=conv(64), conv3=conv(192, (3, 3))),
            *local_norm("norm2"),
            *named(
                pool2=down,
                inception3a=row(64, (96, 128), (16, 32), 32),
                inception3b=row(128, (128, 192), (32, 96), 64),
                pool3=down,
                inception4a=row(192, (96, 208), (16, 48), 64),
                inception4b=row(160, (112, 224), (24, 64), 64),
                inception4c=row(128, (128, 256), (24, 64), 64),
                inception4d=row(112, (144, 288), (32, 64), 64),
                inception4e=row(256, (160, 320), (32, 128), 128),
                pool4=down,
                inception5a=row(256, (160, 320), (32, 128), 128),
                inception5b=row(384, (192, 384), (48, 128), 128),
            ),
        ),
        head=(GlobalPool(), Dropout(0.4), Linear(1000, classifier=True)),
        exits=(exit_("aux1", "inception4a"), exit_("aux2", "inception4d")),
    )
