"""Random crops: drawn before any pixel is decoded, and cut out of encoded images. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.augmentation import Augmentation, Cropping, PaddedCrop
from inceptionkit.data.types import Raw
from inceptionkit.preprocess import (
    RESAMPLERS,
    Box,
    Resampler,
    UnusableImage,
    as_rgb,
    crop_from_encoded,
    crop_from_pixels,
    header,
)

Undecoded: TypeAlias = Raw | UnusableImage
"""What a dataset gave of an image, or why it gave nothing."""

_ATTEMPTS = 10  # draws of a crop before it is cut to the image, as in the published pipelines


@dataclass(frozen=True, slots=True)
class Boxes:
    """One crop per image, in shares of the image's height and width."""

    top: NDArray[np.float64]
    left: NDArray[np.float64]
    height: NDArray[np.float64]
    width: NDArray[np.float64]
    mirrored: NDArray[np.bool_]

    def box(self, place: int) -> Box:
        """The crop of one image."""
        fields = (self.top, self.left, self.height, self.width)
        return Box(*(float(values[place]) for values in fields))


Rectangles: TypeAlias = tuple[
    NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]
]


def draw_boxes(how: Augmentation, shape: NDArray[np.float64], rng: CounterRng) -> Boxes:
    """Draw a crop for each image.

    Args:
        how: the distribution.
        shape: (batch,) width / height of the original images.
        rng: of the samples; the same sample gets the same crop in any batch.

    Returns:
        Crops inside the image: area and the logarithm of the aspect are uniform; the central
        square where it is moved later.
    """
    crop = how.crop
    if isinstance(crop, PaddedCrop):
        height, width = np.minimum(1.0, shape), np.minimum(1.0, 1.0 / shape)
        rectangles = (1.0 - height) / 2, (1.0 - width) / 2, height, width
    else:
        area, aspect = (crop.area_low, crop.area_high), (1 / crop.aspect, crop.aspect)
        rectangles = draw_rectangles(area, aspect, shape, rng, name="crop")
    mirrored = np.zeros(len(shape), np.bool_)
    if how.flip == "random":
        mirrored = rng.uniform("mirror") < 0.5
    elif how.flip == "alternating":
        in_even_epochs = replace(rng, epoch=0).uniform("mirror") < 0.5
        mirrored = in_even_epochs ^ (rng.epoch % 2 == 1)
    return Boxes(*rectangles, mirrored)


def draw_rectangles(
    area: tuple[float, float],
    aspect: tuple[float, float],
    shape: NDArray[np.float64],
    rng: CounterRng,
    *,
    name: str,
) -> Rectangles:
    """Draw a rectangle inside each image.

    Returns:
        Top, left, height and width, in shares of the image. A draw that is wider or taller than its
        image is drawn again, up to ten times, then cut.
    """
    width, height = np.full(len(shape), np.inf), np.full(len(shape), np.inf)
    for attempt in range(_ATTEMPTS):
        again = (width > 1.0) | (height > 1.0)
        if not again.any():
            break
        share = rng.between(f"{name} area {attempt}", *area)
        ratio = np.exp(rng.between(f"{name} aspect {attempt}", *map(math.log, aspect)))
        width = np.where(again, np.sqrt(share * ratio / shape), width)
        height = np.where(again, np.sqrt(share / ratio * shape), height)
    width, height = np.minimum(width, 1.0), np.minimum(height, 1.0)
    top = (1.0 - height) * rng.uniform(f"{name} top")
    left = (1.0 - width) * rng.uniform(f"{name} left")
    return top, left, height, width


def draw_resamplers(how: Augmentation, rng: CounterRng) -> list[Resampler]:
    """By which interpolation each image is resized."""
    if how.interpolation != "random":
        return [how.interpolation] * len(rng.indices)
    names = tuple(RESAMPLERS)
    return [names[number] for number in rng.below("interpolation", len(names)).tolist()]


def crops_from_encoded(
    raws: Sequence[Undecoded], cropping: Cropping, indices: NDArray[np.int64]
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
    how, side, rng = cropping.how, cropping.side, CounterRng(cropping.seed, cropping.epoch, indices)
    names, boxes = draw_resamplers(how, rng), draw_boxes(how, shape, rng)
    crops, reasons = np.empty((len(raws), side, side, 3), np.uint8), dict[int, str]()
    for place, (raw, name) in enumerate(zip(raws, names, strict=True)):
        flip = bool(boxes.mirrored[place])
        try:
            crops[place] = _crop(raw, boxes.box(place), side, name, mirrored=flip)
        except UnusableImage as error:
            reasons[place] = error.reason
    return crops, reasons


def _aspect(raw: Undecoded) -> float:
    """Width / height; 1 if it cannot be used, which cutting it will report."""
    if isinstance(raw, np.ndarray):
        return float(raw.shape[1] / raw.shape[0])
    try:
        size = header(_or_raise(raw))
    except UnusableImage:
        return 1.0
    return size.width / size.height


def _crop(
    raw: Undecoded, box: Box, side: int, resampler: Resampler, *, mirrored: bool
) -> NDArray[np.uint8]:
    if isinstance(raw, np.ndarray):
        return crop_from_pixels(as_rgb(raw), box, side, resampler, mirrored=mirrored)
    return crop_from_encoded(_or_raise(raw), box, side, resampler, mirrored=mirrored)


def _or_raise(raw: bytes | Path | UnusableImage) -> bytes | Path:
    if isinstance(raw, UnusableImage):
        raise raw
    return raw
