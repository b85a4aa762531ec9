"""Decoding and resizing photographs by packages that are faster than Pillow, where there are any.

simplejpeg gives the bytes that Pillow gives: both are libjpeg-turbo. cykooz_resizer has Pillow's
filters, and gives Pillow's levels or their neighbors. Both let other threads run meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

from inceptionkit.preprocess.color_modes import Pixels

Resampler: TypeAlias = Literal["nearest", "area", "bilinear", "bicubic"]
Corners: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""

RESAMPLERS: Mapping[Resampler, Image.Resampling] = MappingProxyType(
    {
        "bilinear": Image.Resampling.BILINEAR,
        "area": Image.Resampling.BOX,
        "nearest": Image.Resampling.NEAREST,
        "bicubic": Image.Resampling.BICUBIC,
    }
)
"""How crops are resized; all but "nearest" antialias."""

_FILTERS: Mapping[Resampler, str] = MappingProxyType(
    {"bilinear": "bilinear", "bicubic": "catmull_rom"}
)


def decode_jpeg(image: Image.Image, scale: int) -> Pixels | None:
    """Decode a JPEG that Pillow has opened, as stored, at a part of its size.

    Returns:
        What Pillow would give after `draft`; None where simplejpeg is not installed, or cannot do
        it: another format, other colors, a damaged file.
    """
    simplejpeg = package("simplejpeg")
    if simplejpeg is None or image.format != "JPEG" or image.mode != "RGB":
        return None
    width, height = (-(-side // scale) for side in image.size)
    try:
        raw = _whole_file(image)
        pixels: Pixels = simplejpeg.decode_jpeg(raw, "RGB", min_height=height, min_width=width)
    except ValueError:
        return None
    return pixels if pixels.shape == (height, width, 3) else None


def resize(pixels: Pixels, corners: Corners, side: int, resampler: Resampler) -> Pixels:
    """Resize what lies between `corners` to (side, side, 3), as Pillow does."""
    cykooz = package("cykooz_resizer") if resampler in _FILTERS else None
    if cykooz is None:
        square = (side, side)
        small = Image.fromarray(pixels).resize(square, RESAMPLERS[resampler], box=corners)
        return np.asarray(small)
    left, top, right, bottom = corners
    kind = cykooz.FilterType[_FILTERS[resampler]]
    options = cykooz.ResizeOptions(
        cykooz.ResizeAlg.convolution(kind),
        use_alpha=False,
        crop_box=cykooz.CropBox(left, top, right - left, bottom - top),
    )
    rgb8 = cykooz.PixelType.U8x3
    source = cykooz.ImageData(pixels.shape[1], pixels.shape[0], rgb8, pixels.tobytes())
    target = cykooz.ImageData(side, side, rgb8)
    cykooz.Resizer().resize(source, target, options)
    return np.frombuffer(target.get_buffer(), np.uint8).reshape(side, side, 3)


def _whole_file(image: Image.Image) -> bytes:
    if not isinstance(image, ImageFile) or image.fp is None:
        return b""
    place = image.fp.tell()
    image.fp.seek(0)
    raw = image.fp.read()
    image.fp.seek(place)
    return raw


@cache
def package(name: str) -> ModuleType | None:
    """A package, if it is installed."""
    try:
        return import_module(name)
    except ImportError:
        return None
