"""Network in Network. Lin, Chen, Yan 2013, arXiv:1312.4400.

A stage is a convolution and two 1x1 convolutions ("cccp" in the author's files), each with bias and
ReLU. The last 1x1 has one map per class, goes through its ReLU too, and is averaged over the grid:
there is no linear layer.

The paper gives the structure; widths and standard deviations are those of the author's cuda-convnet
definitions, and for ImageNet, on which the paper has no experiment, of Caffe's model zoo. Pools
round up, as in both programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from inceptionkit.spec import Conv, Dropout, GlobalPool, Init, Named, Net, Node, Pool

Three: TypeAlias = tuple[int, int, int]
Stds: TypeAlias = tuple[float, float, float]

CIFAR10_DIALECTS: Mapping[str, str] = MappingProxyType(
    {
        "paper": "as in the paper's text and cuda-convnet file: both pools take the maximum",
        "caffe": "as in Caffe's model zoo, which most ports follow: the second pool averages",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One mlpconv: the spatial convolution, two 1x1, and what follows."""

    kernel: int
    widths: Three
    stds: Stds  # of the first weights
    stride: int = 1
    padding: Literal["same", "valid"] = "same"
    pool: Literal["max", "avg"] | None = "max"
    dropout: bool = True


_STD_05: Stds = (0.05, 0.05, 0.05)


def small(last: int, stages: tuple[Three, Three, Three], first: Stds = _STD_05) -> list[Stage]:
    """Three stages for small images; `last` is the third stage's kernel."""
    kernels = (5, 5, last)
    pools: tuple[Literal["max"] | None, ...] = ("max", "max", None)
    rows = zip(kernels, stages, pools, (first, _STD_05, _STD_05), strict=True)
    return [
        Stage(kernel=kernel, widths=widths, stds=stds, pool=pool, dropout=pool is not None)
        for kernel, widths, pool, stds in rows
    ]


def nin_cifar10(dialect: str = "paper") -> Net:
    """NIN for 32x32 color images and 10 classes.

    Golden counts (params, MACs): 966,986 and 222,486,528 in both dialects. The paper's 10.4 % come
    from maxima in both pools, as its text says; the model zoo averages in the second.
    """
    one, two, three = small(3, ((192, 160, 96), (192, 192, 192), (192, 192, 10)))
    if dialect == "caffe":
        two = Stage(kernel=5, widths=two.widths, stds=_STD_05, pool="avg")
    name = "nin_cifar10" if dialect == "paper" else f"nin_cifar10:{dialect}"
    return network(name, (3, 32, 32), [one, two, three])


def nin_cifar100() -> Net:
    """NIN for 32x32 color images and 100 classes: 984,356 params, 223,592,448 MACs."""
    widths = ((192, 160, 96), (192, 192, 192), (192, 192, 100))
    return network("nin_cifar100", (3, 32, 32), small(3, widths, (0.001, 0.01, 0.01)))


def nin_mnist() -> Net:
    """NIN for 28x28 grey images and 10 classes: 349,674 params, 50,699,712 MACs."""
    stages = small(5, ((96, 64, 48), (128, 96, 48), (128, 96, 10)))
    return network("nin_mnist", (1, 28, 28), stages)


def nin_svhn() -> Net:
    """NIN for 32x32 house numbers and 10 classes: 1,986,026 params, 274,235,392 MACs."""
    stages = small(5, ((128, 96, 64), (320, 256, 128), (384, 256, 10)))
    return network("nin_svhn", (3, 32, 32), stages)


def nin_imagenet() -> Net:
    """NIN for 224x224 images and 1000 classes: 7,595,176 params, 1,100,188,800 MACs.

    Its first convolution is not padded (54x54), and only the third pool is followed by dropout.
    """
    first: Stds = (0.01, 0.05, 0.05)
    stages = [
        Stage(kernel=11, widths=(96, 96, 96), stds=first, stride=4, padding="valid", dropout=False),
        Stage(kernel=5, widths=(256, 256, 256), stds=_STD_05, dropout=False),
        Stage(kernel=3, widths=(384, 384, 384), stds=first),
        Stage(
            kernel=3, widths=(1024, 1024, 1000), stds=(0.05, 0.05, 0.01), pool=None, dropout=False
        ),
    ]
    return network("nin_imagenet", (3, 224, 224), stages)


def network(name: str, image: Three, stages: list[Stage]) -> Net:
    """Chain the stages; the last 1x1 convolution is the head."""
    chain: list[tuple[str, Node]] = []
    for number, stage in enumerate(stages, start=1):
        chain.extend(mlpconv(number, stage))
    *trunk, (_, last) = chain
    return Net(
        name=name,
        source="arXiv:1312.4400 figure 2; widths of the author's definition files",
        image=image,
        trunk=tuple(trunk),
        head=(last, GlobalPool()),
    )


def mlpconv(number: int, stage: Stage) -> Named:
    """The blocks of stage `number`, under the names of the author's files."""

    def conv(position: int, kernel: int = 1, *, classifier: bool = False) -> Conv:
        return Conv(
            stage.widths[position],
            (kernel, kernel),
            stage.stride if position == 0 else 1,
            stage.padding if position == 0 else "same",
            norm=None,
            bias=True,
            classifier=classifier,
            init=Init(std=stage.stds[position]),
        )

    last = stage.pool is None
    blocks: list[tuple[str, Node]] = [
        (f"conv{number}", conv(0, stage.kernel)),
        (f"cccp{2 * number - 1}", conv(1)),
    ]
    blocks.append((f"cccp{2 * number}", conv(2, classifier=last)))
    if stage.pool is not None:
        blocks.append((f"pool{number}", Pool(stage.pool, stride=2, padding="ceil")))
    if stage.dropout:
        blocks.append((f"drop{number}", Dropout(0.5)))
    return tuple(blocks)


__all__ = [
    "CIFAR10_DIALECTS",
    "nin_cifar10",
    "nin_cifar100",
    "nin_imagenet",
    "nin_mnist",
    "nin_svhn",
]
