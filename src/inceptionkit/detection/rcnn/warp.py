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
    around = (boxes[:, 2:] - boxes[:, :2]) * (context / (1 - 2 * context))
    wide = np.concatenate([boxes[:, :2] - around, boxes[:, 2:] + around], axis=1)
    borders = np.ceil(around.max(axis=1, initial=0)).astype(int) + 1  # of grey, pixels
    picture = Image.fromarray(image)
    for index, ((x1, y1, x2, y2), border) in enumerate(
        zip(wide.tolist(), borders.tolist(), strict=True)
    ):
        left, right = _reach(x1, x2, side, (-border, picture.width + border))
        top, bottom = _reach(y1, y2, side, (-border, picture.height + border))
        cut = Image.new("RGB", (right - left, bottom - top), GREY)
        inside = (max(left, 0), max(top, 0), min(right, picture.width), min(bottom, picture.height))
        cut.paste(picture.crop(inside), (inside[0] - left, inside[1] - top))
        region = (x1 - left, y1 - top, x2 - left, y2 - top)
        found[index] = np.asarray(
            cut.resize((side, side), Image.Resampling.BILINEAR, box=region), np.uint8
        )
    return found


def _reach(low: float, high: float, side: int, limits: tuple[int, int]) -> tuple[int, int]:
    """The pixels that the resize of a region looks at along an axis: those of its filter, too."""
    margin = 1 + math.ceil(max(1.0, (high - low) / side))
    return max(limits[0], math.floor(low) - margin), min(limits[1], math.ceil(high) + margin)
