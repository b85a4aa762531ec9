"""Colors of heat maps, perceptually uniform: equal steps of evidence look equal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

INFERNO = (
    "#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60",
    "#cf4446", "#ed6925", "#fb9b06", "#f7d13d", "#fcffa4",
)  # fmt: skip
"""Matplotlib's colors (CC0) at ten even places, from no evidence to the strongest."""

_RGB = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in INFERNO], np.float32)
_COVER = 0.95  # share of a pixel that the strongest evidence covers


def strengths(evidence: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """The positive evidence, (rows, columns), from 0 to 1, smoothly enlarged to (side, side)."""
    positive = np.maximum(evidence, 0.0).astype(np.float32)
    top = float(positive.max())
    smooth = Image.fromarray(positive / top if top > 0 else positive).resize(
        (side, side), Image.Resampling.BICUBIC
    )
    found: NDArray[np.float32] = np.asarray(smooth).clip(0.0, 1.0)
    return found


def colors(strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """RGB, 0 to 255, of strengths from 0 to 1: (..., 3)."""
    places = np.linspace(0.0, 1.0, len(_RGB))
    channels = [np.interp(strength, places, _RGB[:, k]) for k in range(3)]
    return np.stack(channels, -1).astype(np.float32)


def cover(strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share of the image that the map covers, from 0 to 0.95: what has no evidence stays clear."""
    return (_COVER * np.sqrt(strength)).astype(np.float32)


def layer(evidence: NDArray[np.float32], side: int) -> Image.Image:
    """A transparent picture, (side, side) RGBA, to lay over what the network sees.

    Args:
        evidence: (rows, columns); the strongest is covered most, what is not positive stays clear.
        side: pixels.
    """
    strength = strengths(evidence, side)
    pixels = np.empty((side, side, 4), np.uint8)
    pixels[..., :3] = colors(strength).round()
    pixels[..., 3] = (255 * cover(strength)).round()
    return Image.fromarray(pixels, "RGBA")
