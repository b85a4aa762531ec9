"""Resizing an image to what a detector takes, on numpy and Pillow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from inceptionkit.detection.types import Pixels
from inceptionkit.preprocess import Preprocessing


def fitted(image: Pixels, size: tuple[int, int], fill: Sequence[int]) -> tuple[Pixels, float]:
    """Resize an image to fit into a size, at the top left, its shape kept.

    Args:
        image: (height, width, 3).
        size: height and width of the result.
        fill: RGB of the rest.

    Returns:
        (*size, 3), and how many pixels one of the image became.
    """
    height, width = image.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    rows, columns = (
        max(1, min(most, round(side * scale)))
        for side, most in zip((height, width), size, strict=True)
    )
    whole = np.empty((*size, 3), np.uint8)
    whole[:] = np.array(fill, np.uint8)
    resized = Image.fromarray(image).resize((columns, rows), Image.Resampling.BILINEAR)
    whole[:rows, :columns] = np.asarray(resized)
    return whole, scale


def fill_of(preprocessing: Preprocessing) -> tuple[int, int, int]:
    """The pixel that is 0 after normalization."""
    red, green, blue = (round(255 * mean) for mean in preprocessing.mean)
    return red, green, blue
