"""Any Pillow image as 8-bit RGB, and the reasons why some cannot be."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.errors import DataError

Pixels: TypeAlias = NDArray[np.uint8]


class UnusableImage(DataError):  # noqa: N818 - it is the name of the thing, as in `unusable.csv`
    """An image that cannot be used.

    Attributes:
        reason: a few words for people, without the file's name: "truncated", "empty file".
    """

    def __init__(self, reason: str, where: str | None = None) -> None:
        """Say `reason` about the image at `where`, if it has a place."""
        super().__init__(reason if where is None else f"{where}: {reason}")
        self.reason = reason


def converted(image: Image.Image) -> Pixels:
    """The pixels of a loaded `image` that is more than plain RGB, on white where transparent.

    16-bit grey is divided by 257. 32-bit grey (modes I and F) has no agreed range: values within
    0..65535 count as 16-bit; float values within 0..1 and 0..255 count as such; anything else is
    stretched from its smallest value to its largest. Color profiles are not applied.

    Returns:
        (height, width, 3) uint8, as stored.

    Raises:
        UnusableImage: the color mode has no conversion (LAB).
    """
    if image.mode.startswith("I;16"):
        return _repeated(_from_16_bits(np.asarray(image)))
    if image.mode == "I":
        return _repeated(_from_integers(np.asarray(image)))
    if image.mode == "F":
        return _repeated(_from_floats(np.asarray(image)))
    return np.asarray(_on_white(image))


def _on_white(image: Image.Image) -> Image.Image:
    try:
        if not image.has_transparency_data:
            return image.convert("RGB")
        image = image.convert("RGBA")
    except (ValueError, KeyError) as error:
        reason = f"color mode {image.mode} cannot be shown as RGB"
        raise UnusableImage(reason) from error
    page = Image.new("RGB", image.size, (255, 255, 255))
    page.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return page


def _repeated(grey: Pixels) -> Pixels:
    return np.repeat(grey[:, :, None], 3, axis=2)


def _from_16_bits(values: NDArray[np.unsignedinteger]) -> Pixels:
    nearest: NDArray[np.uint32] = (values.astype(np.uint32) + 128) // 257
    return nearest.astype(np.uint8)


def _from_integers(values: NDArray[np.int32]) -> Pixels:
    if values.min() >= 0 and values.max() <= 65_535:
        return _from_16_bits(values.astype(np.uint32))
    return _stretched(values.astype(np.float64))


def _from_floats(values: NDArray[np.float32]) -> Pixels:
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    if numbers.min() >= 0:
        for top in (1, 255, 65_535):
            if numbers.max() <= top:
                return np.rint(numbers * (255 / top)).astype(np.uint8)
    return _stretched(numbers)


def _stretched(values: NDArray[np.float64]) -> Pixels:
    low = values.min()
    width = float(values.max() - low)
    scaled: NDArray[np.float64] = (values - low) * (255 / width if width else 0.0)
    return np.rint(scaled).astype(np.uint8)
