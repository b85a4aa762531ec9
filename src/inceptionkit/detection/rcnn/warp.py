"""Regions as the square images that a classifier sees, with context around them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.detection.types import Boxes, Pixels

GREY = (124, 116, 104)
"""What lies outside of the image: the mean color of ImageNet."""


def warp(image: Pixels, boxes: Boxes, side: int, context: float) -> NDArray[np.uint8]:
    """Cut regions out and stretch each to a square, whatever its aspect.

    Args:
        image: (height, width, 3), RGB.
        boxes: (n, 4), inside the image.
        side: pixels of the square.
        context: border of the square that shows what is around the region, share of its side.

    Returns:
        (n, side, side, 3) uint8.

    Sources:
        Girshick et al. 2014, supplementary material A: warp with context padding.
    """
    found = np.empty((len(boxes), side, side, 3), np.uint8)
    if not len(boxes):
        return found
    sides = boxes[:, 2:] - boxes[:, :2]
    around = sides * (context / (1 - 2 * context))
    wide = np.concatenate([boxes[:, :2] - around, boxes[:, 2:] + around], axis=1)
    border = math.ceil(float(around.max())) + 1
    height, width = image.shape[:2]
    canvas = Image.new("RGB", (width + 2 * border, height + 2 * border), GREY)
    canvas.paste(Image.fromarray(image), (border, border))
    for index, (x1, y1, x2, y2) in enumerate((wide + border).tolist()):
        cut = canvas.resize((side, side), Image.Resampling.BILINEAR, box=(x1, y1, x2, y2))
        found[index] = np.asarray(cut)
    return found
