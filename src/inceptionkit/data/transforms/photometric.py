"""Operations on grey levels, a batch at once, each with one amount per image.

Pixels are (batch, 3, height, width) float32, 0 to 255; amounts (batch, 1, 1, 1). Each does what
Pillow's `ImageOps` or `ImageEnhance` of that name does, to a level or two: Pillow rounds on the
way, and fractions of a level are kept here.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from inceptionkit.data.transforms.color import LUMA

_LEVELS = 256
_SMOOTH = ((1.0, 1.0, 1.0), (1.0, 5.0, 1.0), (1.0, 1.0, 1.0))  # Pillow's `ImageFilter.SMOOTH`


def brightness(pixels: Tensor, factor: Tensor) -> Tensor:
    """Scale every level; 1 changes nothing."""
    return (pixels * factor).clamp(0, 255)


def saturation(pixels: Tensor, factor: Tensor) -> Tensor:
    """Scale the distance from grey; 1 changes nothing."""
    return between(grey(pixels), pixels, factor)


def contrast(pixels: Tensor, factor: Tensor) -> Tensor:
    """Scale the distance from the image's mean, grey; 1 changes nothing."""
    return between(grey(pixels).mean((2, 3), keepdim=True), pixels, factor)


def sharpness(pixels: Tensor, factor: Tensor) -> Tensor:
    """Scale the distance from the smoothed image; 1 changes nothing. The border stays as it is."""
    if min(pixels.shape[2:]) < 3:
        return pixels
    kernel = torch.tensor(_SMOOTH, device=pixels.device).expand(3, 1, 3, 3)
    inner = conv2d(pixels, kernel / kernel[0].sum(), groups=3)
    change = (pixels[:, :, 1:-1, 1:-1] - inner) * (factor - 1)
    return (pixels + pad(change, (1, 1, 1, 1))).clamp(0, 255)


def posterize(pixels: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest `bits` bits of each level; 8 changes nothing."""
    step = torch.exp2(8 - bits.round())
    return torch.where(step > 1, torch.floor((pixels + 0.5) / step) * step, pixels)


def solarize(pixels: Tensor, threshold: Tensor) -> Tensor:
    """Invert the levels from `threshold` on; 256 changes nothing."""
    return torch.where(pixels >= threshold, 255 - pixels, pixels)


def autocontrast(pixels: Tensor, _: Tensor) -> Tensor:
    """Stretch each channel to 0 to 255; a channel of one level stays as it is."""
    low, high = pixels.amin((2, 3), keepdim=True), pixels.amax((2, 3), keepdim=True)
    flat = high - low < 0.5
    stretched = (pixels - low) * (255 / (high - low).clamp_min(0.5))
    return torch.where(flat, pixels, stretched)


def equalize(pixels: Tensor, _: Tensor) -> Tensor:
    """Make each channel's levels equally frequent, as nearly as Pillow does."""
    levels = pixels.flatten(2).flatten(0, 1).round().long()  # (batch * 3, height * width)
    counts = torch.zeros(len(levels), _LEVELS, device=pixels.device)
    counts.scatter_add_(1, levels, torch.ones_like(levels, dtype=counts.dtype))
    brightest = counts.gather(1, levels.amax(1, keepdim=True))
    step = torch.floor((levels.shape[1] - brightest) / (_LEVELS - 1))
    below = counts.cumsum(1) - counts
    table = torch.floor((below + torch.floor(step / 2)) / step.clamp_min(1)).clamp(0, 255)
    equal = table.gather(1, levels).view_as(pixels)
    return torch.where(step.view(*pixels.shape[:2], 1, 1) > 0, equal, pixels)


def grey(pixels: Tensor) -> Tensor:
    """Luma of each pixel, (batch, 1, height, width)."""
    weights = torch.tensor(LUMA, device=pixels.device).view(1, 3, 1, 1)
    return (pixels * weights).sum(1, keepdim=True)


def between(from_: Tensor, to: Tensor, share: Tensor) -> Tensor:
    """From one to the other and, with shares above 1, beyond; cut to 0 to 255."""
    return (to + (to - from_) * (share - 1)).clamp(0, 255)
