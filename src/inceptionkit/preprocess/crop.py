"""A part of an encoded image as a small square, decoding no more than that takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from inceptionkit.preprocess.color_modes import Pixels
from inceptionkit.preprocess.decode import open_image, orientation, rgb, upright
from inceptionkit.preprocess.fast_codecs import Corners, Resampler, decode_jpeg, resize

_SCALES = (8, 4, 2)  # a JPEG can be decoded at an eighth, a quarter and half of its size
_MIRRORED = 2  # EXIF orientation
_REACH = 2  # of the widest filter, pixels of the result when shrinking, else of the original
_ROUNDING = 1e-9  # a box may exceed its image by so little, in shares


class Box(NamedTuple):
    """A part of an upright image, in shares of its height and width; it lies in the image."""

    top: float
    left: float
    height: float
    width: float


def crop_from_encoded(
    source: bytes | Path,
    box: Box,
    side: int,
    resampler: Resampler = "bilinear",
    *,
    mirrored: bool = False,
) -> Pixels:
    """Cut `box` out of an image file and resize it to a square.

    A JPEG is decoded at an eighth, a quarter or half of its size, in the cosine domain, where the
    box still has at least `side` pixels in both directions; "nearest" picks pixels of the original,
    so it gets them all. Orientation, transparency and depth are treated as `decode` does.

    Args:
        source: an image file, or the bytes of one.
        box: which part of the upright image.
        side: of the result, pixels.
        resampler: how to resize.
        mirrored: whether to flip the result left to right.

    Returns:
        (side, side, 3) uint8, contiguous, upright.

    Raises:
        UnusableImage: as `decode` raises.
    """
    _refuse_outside(box)
    with open_image(source) as image:
        cut = _cut(image, box, 1 if resampler == "nearest" else _scale(image, box, side), side)
        small = upright(resize(cut.pixels, cut.corners, side, resampler), cut.turned)
    return upright(small, _MIRRORED) if mirrored else small


def crop_from_pixels(
    pixels: Pixels,
    box: Box,
    side: int,
    resampler: Resampler = "bilinear",
    *,
    mirrored: bool = False,
) -> Pixels:
    """Cut `box` out of (height, width, 3) uint8, upright, as `crop_from_encoded` does of a file."""
    _refuse_outside(box)
    height, width = pixels.shape[:2]
    small = resize(pixels, _corners(box, (width, height)), side, resampler)
    return upright(small, _MIRRORED) if mirrored else small


class _Cut(NamedTuple):
    """A part of a decoded image, where the box lies in it, and how it is to be turned upright."""

    pixels: Pixels
    corners: Corners
    turned: int  # EXIF orientation


def _refuse_outside(box: Box) -> None:
    for start, length in ((box.top, box.height), (box.left, box.width)):
        if not (start >= 0.0 and length > 0.0 and start + length <= 1.0 + _ROUNDING):
            msg = f"a box lies in its image, in shares from 0 to 1, got {box}"
            raise ValueError(msg)


def _scale(image: Image.Image, box: Box, side: int) -> int:
    """The largest scale at which `box` still has `side` pixels both ways."""
    width, height = image.size
    stored = _as_stored(box, orientation(image))
    least = min(stored.width * width, stored.height * height)
    return next((scale for scale in _SCALES if least >= side * scale), 1)


def _cut(image: Image.Image, box: Box, scale: int, side: int) -> _Cut:
    """Decode an opened image, at a scale if it is a JPEG, and cut out what a filter will read."""
    width, height = image.size
    pixels = decode_jpeg(image, scale)
    if pixels is None:
        drafted = image.draft(image.mode, (width // scale, height // scale)) if scale > 1 else None
        scale = scale if drafted else 1
        image.load()
        width, height = image.size if scale == 1 else (width, height)
    turned = orientation(image)
    extent = width / scale, height / scale  # to fractions of a pixel, which a decoder rounds up
    if pixels is None and (image.mode != "RGB" or "transparency" in image.info):
        pixels, extent = rgb(image), extent if turned < 5 else extent[::-1]
        turned = 1
    corners = _corners(_as_stored(box, turned), extent)
    size = image.size if pixels is None else (pixels.shape[1], pixels.shape[0])
    x, y, right, bottom = _read(corners, size, side)
    if pixels is None:
        pixels = np.asarray(image.crop((x, y, right, bottom)))
    else:
        pixels = pixels[y:bottom, x:right]
    return _Cut(pixels, (corners[0] - x, corners[1] - y, corners[2] - x, corners[3] - y), turned)


def _read(corners: Corners, size: tuple[int, int], side: int) -> tuple[int, int, int, int]:
    """Whole pixels that a filter reads to resize what lies between `corners`."""
    left, top, right, bottom = corners
    across, down = (
        math.ceil(_REACH * max(1.0, length / side)) for length in (right - left, bottom - top)
    )
    return (
        max(0, math.floor(left) - across),
        max(0, math.floor(top) - down),
        min(size[0], math.ceil(right) + across),
        min(size[1], math.ceil(bottom) + down),
    )


def _corners(box: Box, extent: tuple[float, float]) -> Corners:
    """Where a box lies in an image of this width and height."""
    width, height = extent
    right, bottom = min(1.0, box.left + box.width), min(1.0, box.top + box.height)
    return max(0.0, box.left) * width, max(0.0, box.top) * height, right * width, bottom * height


def _as_stored(box: Box, orientation: int) -> Box:
    """Where a box of the upright image lies in the image as stored."""
    top, left, height, width = box
    below, right = 1.0 - top - height, 1.0 - left - width
    if orientation in (2, 3, 6, 7):  # what `upright` does, undone from its last step to its first
        left = right
    if orientation in (3, 4, 7, 8):
        top = below
    if orientation in (5, 6, 7, 8):
        top, left, height, width = left, top, width, height
    return Box(top, left, height, width)
