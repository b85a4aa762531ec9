"""Resizing an image to what a detector takes, on numpy and Pillow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.detection.types import Pixels
from inceptionkit.preprocess import Preprocessing


def fitted(
    image: Pixels, size: tuple[int, int], fill: Sequence[int]
) -> tuple[Pixels, NDArray[np.float32]]:
    """Resize an image to fit into a size, at the top left, its shape kept.

    Args:
        image: (height, width, 3).
        size: height and width of the result.
        fill: RGB of the rest.

    Returns:
        (*size, 3), and what boxes in the image are multiplied by to lie in the result: (4,), right
        and down, twice.
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
    return whole, np.array([columns / width, rows / height] * 2, np.float32)


def fill_of(preprocessing: Preprocessing) -> tuple[int, int, int]:
    """The pixel that is 0 after normalization."""
    red, green, blue = (round(255 * mean) for mean in preprocessing.mean)
    return red, green, blue
