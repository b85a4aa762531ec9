"""First weights that a recipe asks for beyond those drawn: whitened patches, partial identities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from inceptionkit.errors import RecipeError
from inceptionkit.network import InceptionNet
from inceptionkit.spec import Conv, Net, Step, steps
from inceptionkit.training.recipe import Initialization, Whitened

_MOST_IMAGES, _LEAST_IMAGES = 5_000, 256  # whose patches are looked at
_PATCHES = 2**21  # as many as images between these have
_AT_ONCE = 2**24  # numbers of patches in memory
_EPS = 5e-4  # added to variances that are divided by, share of the mean one
_BLACK = 1e-4  # mean variance that images have at least: none divides by zero


def check_first_layer(net: Net) -> None:
    """Refuse a network whose first convolution cannot begin with whitening kernels.

    Raises:
        RecipeError: it has a norm or no bias, or too many channels or an odd number.
    """
    step = _first(net)
    op, most = cast(Conv, step.op), 2 * _fan_in(step)
    msg = f"first_layer=whitened: {step.at} of {net.name} "
    if op.norm is not None or not op.bias:
        msg += "must have a bias and no norm; use an architecture with such a first convolution"
    elif op.groups != 1:
        msg += "must read all channels together"
    elif op.out > most or op.out % 2:
        msg += f"must have an even number of channels, at most {most}; it has {op.out}"
    else:
        return
    raise RecipeError(msg)


def first_convolution(model: InceptionNet) -> nn.Conv2d:
    """The convolution that reads the image."""
    return cast(nn.Conv2d, model.get_submodule(f"{_first(model.spec).at}.conv"))


def _first(net: Net) -> Step:
    return next(step for step in steps(net) if isinstance(step.op, Conv))


def _fan_in(step: Step) -> int:
    kernel = cast(Conv, step.op).kernel
    return step.input.channels * kernel[0] * kernel[1]


def initialize(model: InceptionNet, init: Initialization) -> None:
    """What a recipe changes in the weights that were drawn, and which of them do not learn."""
    if init.identity:
        begin_as_identity(model)
    if isinstance(init.first_layer, Whitened):
        first = first_convolution(model)
        first.weight.requires_grad = False
        if first.bias is not None:
            first.bias.requires_grad_(init.first_layer.bias_share > 0)


@torch.no_grad()
def begin_as_identity(model: InceptionNet) -> None:
    """Let convolutions begin by passing channels on: output i is input i, for as many as there are.

    Those whose window has a center and is more than one cell; outputs beyond the inputs stay as
    they were drawn. Not the first one, and none that treats channels apart.

    Sources:
        Jordan 2024, arXiv:2404.00498, section 3.2.
    """
    _, *others = (step for step in steps(model.spec) if isinstance(step.op, Conv))
    for step in others:
        layer = model.get_submodule(f"{step.at}.conv")
        if (
            isinstance(layer, nn.Conv2d)
            and layer.groups == 1
            and max(layer.kernel_size) > 1
            and all(side % 2 for side in layer.kernel_size)
        ):
            nn.init.dirac_(layer.weight[: layer.in_channels])


def images_for_whitening(net: Net) -> int:
    """How many training images `whitening_kernels` should see."""
    height, width = _first(net).output.size
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
