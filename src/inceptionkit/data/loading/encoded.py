"""Crops of encoded images, as drawn; numpy and Pillow alone, so that any worker can make them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.transforms.augmentation import Cropping
from inceptionkit.data.transforms.boxes import draw_boxes, resamplers
from inceptionkit.data.types import Raw
from inceptionkit.preprocess import (
    Box,
    Resampler,
    UnusableImage,
    as_rgb,
    crop_from_encoded,
    crop_from_pixels,
    header,
)

Given: TypeAlias = Raw | UnusableImage


def crops_from_encoded(
    raws: Sequence[Given], cropping: Cropping, indices: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Cut a random crop out of each encoded image, decoding no more than it needs.

    Args:
        raws: the images' files, their bytes or their pixels; or why there are none.
        cropping: which crops are drawn.
        indices: (batch,) of the images: the same image gets the same crop in any batch.

    Returns:
        (batch, side, side, 3), mirrored where drawn so; and of images that cannot be used, whose
        places are not filled, place -> why.
    """
    shape = np.array([_aspect(raw) for raw in raws])
    how, side, rng = cropping.how, cropping.side, cropping.rng(indices)
    boxes, names = draw_boxes(how, shape, rng), resamplers(how, rng)
    crops, reasons = np.empty((len(raws), side, side, 3), np.uint8), dict[int, str]()
    for place, (raw, name) in enumerate(zip(raws, names, strict=True)):
        flip = bool(boxes.mirrored[place])
        try:
            crops[place] = _crop(raw, boxes.box(place), side, name, mirrored=flip)
        except UnusableImage as error:
            reasons[place] = error.reason
    return crops, reasons


def _aspect(raw: Given) -> float:
    """Width / height; 1 of what cannot be used, as cutting it will tell."""
    if isinstance(raw, np.ndarray):
        return float(raw.shape[1] / raw.shape[0])
    try:
        seen = header(_told(raw))
    except UnusableImage:
        return 1.0
    return seen.width / seen.height


def _crop(
    raw: Given, box: Box, side: int, resampler: Resampler, *, mirrored: bool
) -> NDArray[np.uint8]:
    if isinstance(raw, np.ndarray):
        return crop_from_pixels(as_rgb(raw), box, side, resampler, mirrored=mirrored)
    return crop_from_encoded(_told(raw), box, side, resampler, mirrored=mirrored)


def _told(raw: bytes | Path | UnusableImage) -> bytes | Path:
    if isinstance(raw, UnusableImage):
        raise raw
    return raw
