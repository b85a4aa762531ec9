"""Color spaces in which regions are compared, each channel from 0 to 255."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.detection.types import Pixels

ColorSpace: TypeAlias = Literal["hsv", "lab"]

_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)
_TO_XYZ = np.array(  # of sRGB, divided by the white point D65
    [
        [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883],
    ],
    np.float32,
)


def converted(image: Pixels, space: ColorSpace) -> NDArray[np.float32]:
    """(height, width, 3) float32: hue, saturation, value; or L*, a*, b*, moved into 0 to 255."""
    if space == "hsv":
        return np.asarray(Image.fromarray(image).convert("HSV"), np.float32)
    xyz = _LINEAR.astype(np.float32)[image] @ _TO_XYZ.T
    roots = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).astype(np.float32)
    x, y, z = np.moveaxis(roots, -1, 0)
    lab = np.stack([(116 * y - 16) * 2.55, 500 * (x - y) + 128, 200 * (y - z) + 128], axis=-1)
    return np.asarray(np.clip(lab, 0, 255), np.float32)
