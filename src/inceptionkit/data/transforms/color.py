"""Distortion of colors, a batch at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.rng import CounterRng

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


def distort(pixels: Tensor, strength: float, rng: CounterRng) -> Tensor:
    """Vary brightness, contrast and saturation of each image.

    Args:
        pixels: (batch, 3, height, width) float32, 0 to 255.
        strength: each of the three is scaled by a factor uniform in 1 - strength to 1 + strength;
            0 changes nothing.
        rng: of the samples.

    Returns:
        The same shape, cut to 0 to 255.

    Sources:
        Howard 2013, arXiv:1312.5402, section 2.2, which arXiv:1409.4842, section 6, refers to.
    """
    brightness, contrast, saturation = (
        per_image(rng.between(name, 1 - strength, 1 + strength), pixels)[:, 0]
        for name in ("brightness", "contrast", "saturation")
    )
    luma = torch.tensor(LUMA, device=pixels.device)
    mix = saturation * torch.eye(3, device=pixels.device) + (1 - saturation) * luma.expand(3, 3)
    flat = pixels.flatten(2)
    level = (flat.mean(2) @ luma)[:, None, None]  # of the whole image, grey
    changed = torch.baddbmm(brightness * (1 - contrast) * level, brightness * contrast * mix, flat)
    return changed.clamp_(0, 255).view_as(pixels)


def inception_colors(pixels: Tensor, rng: CounterRng) -> Tensor:
    """Vary brightness, saturation, hue and contrast of each image, in one of four orders.

    Args:
        pixels: (batch, 3, height, width) float32, 0 to 255.
        rng: of the samples.

    Returns:
        The same shape, cut to 0 to 255 after each change (in the source: after the last).

    Sources:
        `distort_color` of TF-slim's `inception_preprocessing.py`, with which Inception-v2 and later
        networks were trained: its orders and ranges.
    """
    changed = torch.empty_like(pixels)
    order = rng.below("color order", len(ORDERS))
    amounts = {
        name: per_image(rng.between(f"color {name}", *limits), pixels)
        for name, limits in COLOR_RANGES.items()
    }
    for number in np.unique(order).tolist():
        chosen = torch.from_numpy(order == number).to(pixels.device)
        part = pixels[chosen]
        for name in ORDERS[number]:
            part = _CHANGES[name](part, amounts[name][chosen]).clamp_(0, 255)
        changed[chosen] = part
    return changed


def per_image(values: NDArray[np.float64], pixels: Tensor) -> Tensor:
    """One number per image, (batch, 1, 1, 1) float32, on the device of `pixels`."""
    return torch.from_numpy(values).float().to(pixels.device)[:, None, None, None]


def _add_brightness(pixels: Tensor, delta: Tensor) -> Tensor:
    """Add grey levels."""
    return pixels + delta


def scale_contrast(pixels: Tensor, factor: Tensor) -> Tensor:
    """Scale the distance from each channel's mean."""
    return pixels.mean((2, 3), keepdim=True).lerp(pixels, factor)


def scale_saturation(pixels: Tensor, factor: Tensor) -> Tensor:
    """Scale the saturation of hue, saturation and value; at most to 1."""
    value, chroma = _value_and_chroma(pixels)
    most = torch.where(chroma > 0, value / chroma.clamp_min(_EPSILON), torch.inf)
    return value - (value - pixels) * torch.minimum(factor.expand_as(most), most)


def turn_hue(pixels: Tensor, turn: Tensor) -> Tensor:
    """Move the hue of hue, saturation and value, by a share of the circle."""
    value, chroma = _value_and_chroma(pixels)
    red, green, blue = (pixels[:, channel, None] for channel in range(3))
    away = torch.where(
        red == value,
        green - blue,
        torch.where(green == value, blue - red, red - green),
    )
    sector = away / chroma.clamp_min(_EPSILON) + (red != value) * (4.0 - 2.0 * (green == value))
    offset = torch.tensor([5.0, 3.0, 1.0], device=pixels.device).view(1, 3, 1, 1)
    place = sector.add_(6 * turn) + offset
    place -= (place / 6).floor_().mul_(6)
    return value - torch.minimum(place, 4 - place).clamp_(0, 1).mul_(chroma)


def _value_and_chroma(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Largest channel, and its distance from the smallest, (batch, 1, height, width) each."""
    value = pixels.amax(1, keepdim=True)
    return value, value - pixels.amin(1, keepdim=True)


_EPSILON = 1e-6  # grey levels: below this a pixel is grey

_Change = Callable[[Tensor, Tensor], Tensor]
_CHANGES: Mapping[str, _Change] = MappingProxyType(
    {
        "brightness": _add_brightness,
        "saturation": scale_saturation,
        "hue": turn_hue,
        "contrast": scale_contrast,
    }
)
COLOR_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "brightness": (-32.0, 32.0),  # grey levels
        "saturation": (0.5, 1.5),
        "hue": (-0.2, 0.2),  # of the circle
        "contrast": (0.5, 1.5),
    }
)
ORDERS = (
    ("brightness", "saturation", "hue", "contrast"),
    ("saturation", "brightness", "contrast", "hue"),
    ("contrast", "hue", "brightness", "saturation"),
    ("hue", "saturation", "contrast", "brightness"),
)
