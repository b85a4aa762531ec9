"""AlexNet and VGG-16: not of the family, here to measure its cost and speed against.

AlexNet: Krizhevsky et al. 2012, as Caffe's `bvlc_alexnet` (two groups, 227x227) and as
torchvision's one tower (Krizhevsky 2014, arXiv:1404.5997). VGG-16: Simonyan & Zisserman 2014,
arXiv:1409.1556, table 1, configuration D.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from inceptionkit.spec import (
    AdaptivePool,
    Conv,
    Dropout,
    Init,
    Linear,
    LocalNorm,
    Net,
    Node,
    Pool,
    named,
)

ALEXNET_DIALECTS: Mapping[str, str] = MappingProxyType(
    {
        "caffe": "Caffe's bvlc_alexnet: two groups, local normalization before the pools, 227x227",
        "torchvision": "torchvision's one tower: no groups, no local normalization, 224x224",
    }
)

plain = partial(Conv, norm=None, bias=True)


def alexnet(dialect: str = "caffe") -> Net:
    """AlexNet for 1000 classes.

    Golden counts (params, MACs): "caffe" 60,965,224 and 724,406,816; "torchvision" 61,100,840 and
    714,188,480. The paper's biases begin at 1 where Caffe's begin at 0.1.
    """
    return caffe() if dialect == "caffe" else torchvision()


def caffe() -> Net:
    """Two groups, as Caffe's `bvlc_alexnet`."""
    low, high = Init(std=0.01), Init(std=0.01, bias=0.1)
    connected = Init(std=0.005, bias=0.1)
    down = Pool("max", stride=2, padding="ceil")
    return Net(
        name="alexnet",
        source="Krizhevsky et al. 2012; Caffe's bvlc_alexnet",
        image=(3, 227, 227),
        trunk=named(
            conv1=plain(96, (11, 11), stride=4, padding="valid", init=low),
            norm1=LocalNorm(),
            pool1=down,
            conv2=plain(256, (5, 5), groups=2, init=high),
            norm2=LocalNorm(),
            pool2=down,
            conv3=plain(384, (3, 3), init=low),
            conv4=plain(384, (3, 3), groups=2, init=high),
            conv5=plain(256, (3, 3), groups=2, init=high),
            pool5=down,
        ),
        head=(
            Linear(4096, relu=True, init=connected),
            Dropout(0.5),
            Linear(4096, relu=True, init=connected),
            Dropout(0.5),
            Linear(1000, classifier=True, init=low),
        ),
    )


def torchvision() -> Net:
    """One tower, as torchvision's `alexnet`."""
    down = Pool("max", stride=2, padding="valid")
    return Net(
        name="alexnet:torchvision",
        source="arXiv:1404.5997; torchvision's alexnet",
        image=(3, 224, 224),
        trunk=named(
            conv1=plain(64, (11, 11), stride=4, padding=2),
            pool1=down,
            conv2=plain(192, (5, 5)),
            pool2=down,
            conv3=plain(384, (3, 3)),
            conv4=plain(256, (3, 3)),
            conv5=plain(256, (3, 3)),
            pool5=down,
        ),
        head=(
            AdaptivePool((6, 6)),
            Dropout(0.5),
            Linear(4096, relu=True),
            Dropout(0.5),
            Linear(4096, relu=True),
            Linear(1000, classifier=True),
        ),
    )


def vgg16() -> Net:
    """VGG-16 for 224x224 images and 1000 classes: 138,357,544 params, 15,470,264,320 MACs."""
    rows = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
    trunk: list[tuple[str, Node]] = []
    for i, (depth, width) in enumerate(rows, start=1):
        trunk += [(f"conv{i}_{j}", plain(width, (3, 3))) for j in range(1, depth + 1)]
        trunk.append((f"pool{i}", Pool("max", (2, 2), stride=2, padding="valid")))
    return Net(
        name="vgg16",
        source="arXiv:1409.1556 table 1, configuration D",
        image=(3, 224, 224),
        trunk=tuple(trunk),
        head=(
            Linear(4096, relu=True),
            Dropout(0.5),
            Linear(4096, relu=True),
            Dropout(0.5),
            Linear(1000, classifier=True),
        ),
    )
