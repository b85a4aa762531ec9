"""Small networks for the record on CIFAR-10: the plain one of two published entries, and ours.

Sources:
    airbench94_muon (Jordan 2024, arXiv:2404.00498; repository KellerJordan/cifar10-airbench) and
    hiverge/cifar10-speedrun: widths 64, 256, 256; the convolution before the pool before the
    norm; norms without a gain; a stem that whitens patches of 2x2 pixels; a head without a bias on
    the maximum over the last grid. Ours keeps all that and replaces convolutions by modules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

STEM = 24  # filters: both signs of the 12 main axes of 2x2 pixels in three colors
WHITENING_EPS = 5e-4
Activation: TypeAlias = Callable[[], nn.Module]


@dataclass(frozen=True, slots=True)
class Row:
    """One layer: a 3x3 path, a 1x1 path beside it, and a pool or none.

    Attributes:
        c3: channels of the 3x3 path.
        c1: channels of the 1x1 path; 0 for a plain convolution.
        pool: whether the grid is halved, before the norm.
    """

    c3: int
    c1: int = 0
    pool: bool = False


PLAIN = (Row(64, pool=True), Row(64), Row(256, pool=True), Row(256), Row(256, pool=True), Row(256))
"""The published networks: 118.2 MMACs at 32 px."""

INCEPTION = (
    Row(48, pool=True),
    Row(48, 16),
    Row(160, 64, pool=True),
    Row(144, 80),
    Row(176, 80, pool=True),
    Row(192, 64),
)
"""Ours: 1x1 paths carry a quarter to a third of most rows. 74.2 MMACs at 32 px."""


class Layer(nn.Module):
    """Paths side by side, the pool, the norm and the activation.

    Each path begins by passing channels on: the 3x3 path the first, the 1x1 path those that follow,
    so that a module begins as the identity as a plain convolution does.
    """

    def __init__(self, channels: int, row: Row, activation: Activation, keep: float) -> None:
        super().__init__()
        self.wide = nn.Conv2d(channels, row.c3, 3, padding=1, bias=False)
        self.narrow = nn.Conv2d(channels, row.c1, 1, bias=False) if row.c1 else None
        self.pool = nn.MaxPool2d(2) if row.pool else nn.Identity()
        self.norm = nn.BatchNorm2d(row.c3 + row.c1, eps=1e-12, momentum=1 - keep)
        self.norm.weight.requires_grad = False
        self.activation = activation()
        self.pass_on()

    @torch.no_grad()
    def pass_on(self) -> None:
        """Let the first filters of each path pass a channel on."""
        count = min(self.wide.out_channels, self.wide.in_channels)
        nn.init.dirac_(self.wide.weight[:count])
        if self.narrow is not None:
            left = min(self.narrow.out_channels, self.narrow.in_channels - count)
            for at in range(left):
                self.narrow.weight[at] = 0
                self.narrow.weight[at, count + at] = 1

    def forward(self, x: Tensor) -> Tensor:
        """Run it."""
        x = self.wide(x) if self.narrow is None else torch.cat([self.wide(x), self.narrow(x)], 1)
        out: Tensor = self.activation(self.norm(self.pool(x)))
        return out


class RecordNet(nn.Module):
    """Stem, rows, and a head on the maximum over the last grid.

    Args:
        rows: of the trunk.
        activation: after each norm; the stem has a GELU.
        keep: share of the running statistics that a step keeps.
        classes: number of them.
    """

    def __init__(
        self, rows: Sequence[Row], activation: Activation, keep: float, classes: int = 10
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 2)
        self.stem.weight.requires_grad = False
        layers, channels = list[nn.Module](), STEM
        for row in rows:
            layers.append(Layer(channels, row, activation, keep))
            channels = row.c3 + row.c1
        self.rows = nn.Sequential(*layers)
        self.head = nn.Linear(channels, classes, bias=False)
        with torch.no_grad():
            self.head.weight /= self.head.weight.std()

    def forward(self, images: Tensor) -> Tensor:
        """(batch, classes) logits of (batch, 3, side, side) images."""
        x = nn.functional.gelu(self.stem(images))
        x = self.rows(x).amax((2, 3))
        logits: Tensor = self.head(x) / x.shape[1]
        return logits

    @torch.no_grad()
    def whiten(self, images: Tensor) -> None:
        """Make the stem's filters whiten the patches of some images, with both signs."""
        patches = nn.functional.unfold(images, 2).permute(0, 2, 1).reshape(-1, 12)
        variances, axes = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = (axes / torch.sqrt(variances + WHITENING_EPS)).T.reshape(12, 3, 2, 2)
        self.stem.weight.copy_(torch.cat([filters, -filters]))


def macs(net: nn.Module, side: int = 32) -> int:
    """Multiply-adds of convolutions and linear layers for one image."""
    total = 0

    def count(layer: nn.Module, _: object, out: Tensor) -> None:
        nonlocal total
        weight = layer.weight
        if isinstance(weight, Tensor):
            total += out.numel() * weight[0].numel()

    counted = (layer for layer in net.modules() if isinstance(layer, (nn.Conv2d, nn.Linear)))
    hooks = [layer.register_forward_hook(count) for layer in counted]
    training = net.training
    with torch.no_grad():
        net.eval()(torch.zeros(1, 3, side, side))
    net.train(training)
    for hook in hooks:
        hook.remove()
    return total
