"""A first convolution that whitens patches of the training images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from inceptionkit.network import InceptionNet
from inceptionkit.spec import Net
from inceptionkit.training.recipe import whitened_layer

_MOST_IMAGES, _LEAST_IMAGES = 5_000, 256  # whose patches are looked at
_PATCHES = 2**21  # as many as images between these have
_AT_ONCE = 2**24  # numbers of patches in memory
_EPS = 5e-4  # added to variances that are divided by, share of the mean one
_BLACK = 1e-4  # mean variance that images have at least: none divides by zero


def whitened_convolution(model: InceptionNet) -> nn.Conv2d:
    """The convolution that reads the image, of a model whose recipe whitens there."""
    return cast(nn.Conv2d, model.get_submodule(f"{whitened_layer(model.spec).at}.conv"))


def images_for_whitening(net: Net) -> int:
    """How many training images `whitening_kernels` should see."""
    height, width = whitened_layer(net).output.size
    return min(_MOST_IMAGES, max(_LEAST_IMAGES, _PATCHES // (height * width)))


def whitening_kernels(conv: nn.Conv2d, batches: Iterable[Tensor]) -> Tensor:
    """Kernels whose answers to patches of images are uncorrelated, each of variance one.

    The main axes of the patches, those of the largest variance first, divided by the root of it;
    then the same with the other sign, since a ReLU follows.

    Args:
        conv: the layer that they are for.
        batches: (batch, channels, height, width), float, normalized.

    Returns:
        (out, channels, height, width), on the CPU.

    Sources:
        Page 2018, "How to train your ResNet", part 8; Jordan 2024, arXiv:2404.00498, section 3.1.
    """
    total, count = torch.zeros((), dtype=torch.float64), 0
    for images in batches:
        cells = images[0].numel() * conv.kernel_size[0] * conv.kernel_size[1]
        for part in torch.split(images, max(1, _AT_ONCE // cells)):
            patches = unfold(part, conv.kernel_size, stride=conv.stride).transpose(0, 1).flatten(1)
            total = total + (patches @ patches.T).cpu().double()
            count += patches.shape[1]
    variances, axes = torch.linalg.eigh(total / count)
    scaled = axes / (variances + _EPS * variances.mean().clamp_min(_BLACK)).sqrt()
    half = scaled.T.flip(0)[: conv.out_channels // 2]
    return torch.cat([half, -half]).view(conv.weight.shape)
