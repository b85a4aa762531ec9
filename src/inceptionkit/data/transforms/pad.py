"""Padded random crop: the whole image, moved by some pixels, what lies beyond it reflected."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.rng import CounterRng


def padded_crop(pixels: Tensor, padding: int, rng: CounterRng) -> Tensor:
    """Pad each image by reflection, and cut a window of its own size at a random place.

    Args:
        pixels: (batch, 3, height, width).
        padding: pixels on each side; 0 changes nothing.
        rng: of the samples.

    Returns:
        The same shape; each of the (2 padding + 1)^2 places is equally likely.

    Sources:
        He et al. 2015, arXiv:1512.03385, section 4.2, with zeros for what lies beyond; reflected in
        Jordan 2024, arXiv:2404.00498, section 3.1.
    """
    if not padding:
        return pixels
    height, width = pixels.shape[2:]
    down, right = (
        rng.below(f"padding {direction}", 2 * padding + 1) for direction in ("down", "right")
    )
    rows, cols = reflected(down - padding, height), reflected(right - padding, width)
    places = torch.from_numpy(rows[:, :, None] * width + cols[:, None, :]).to(pixels.device)
    flat = places.view(len(pixels), 1, -1).expand(-1, pixels.shape[1], -1)
    return pixels.flatten(2).gather(2, flat).view(pixels.shape)


def reflected(start: NDArray[np.int64], cells: int) -> NDArray[np.int64]:
    """(batch, cells) places of a window that begins at `start`, turned back at the border.

    >>> reflected(np.array([-2]), 4).tolist()
    [[2, 1, 0, 1]]
    """
    period = max(1, 2 * (cells - 1))
    place = (start[:, None] + np.arange(cells)) % period
    return np.minimum(place, period - place) if cells > 1 else place
