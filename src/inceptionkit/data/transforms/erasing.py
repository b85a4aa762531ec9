"""Random erasing."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.random_crop import draw_rectangles

ERASED_AREA = (0.02, 0.4)  # share of the image
_ERASED_ASPECT = (0.3, 1 / 0.3)


def erase(images: Tensor, probability: float, rng: CounterRng) -> Tensor:
    """Set a rectangle of some of the images to zero, which is the mean once they are normalized.

    Args:
        images: (batch, channels, height, width), normalized.
        probability: share of the images that lose a rectangle.
        rng: of the samples.

    Returns:
        The same shape.

    Sources:
        Zhong et al. 2017, arXiv:1708.04896, algorithm 1, the variant "RE-M", with the areas of its
        section 4 and the aspect log-uniform, so that tall and wide are equally likely.
    """
    if not probability:
        return images
    height, width = images.shape[2:]
    shape = np.full(len(images), width / height)
    top, left, tall, wide = draw_rectangles(ERASED_AREA, _ERASED_ASPECT, shape, rng, name="erase")
    tall = np.where(rng.uniform("erase") < probability, tall, 0.0)
    rows, cols = _within(top, tall, height), _within(left, wide, width)
    mask = torch.from_numpy(rows[:, None, :, None] & cols[:, None, None, :])
    return images.masked_fill(mask.to(images.device), 0.0)


def _within(
    start: NDArray[np.float64], length: NDArray[np.float64], cells: int
) -> NDArray[np.bool_]:
    """(batch, cells): which cells have their center in a range given in shares."""
    center = (np.arange(cells) + 0.5) / cells
    return (center >= start[:, None]) & (center < (start + length)[:, None])
