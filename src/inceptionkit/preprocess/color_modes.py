"""Any Pillow image as 8-bit RGB, and the reasons why some cannot be."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.errors import DataError
from inceptionkit.preprocess import tiff

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


def converted(image: Image.Image, depth: int = 16) -> Pixels:
    """The pixels of a loaded `image` that is more than plain RGB, on white where transparent.

    16-bit grey uses as many bits as the file says, else `depth`. 32-bit grey (modes I and F) has no
    agreed range: integers within 0..65535 count as 16-bit, others without a sign use as many bits
    as the largest; float values within 0..1, 0..255 and 0..65535 count as such; anything else is
    stretched from its smallest value to its largest. Color profiles are not applied.

    Args:
        image: as Pillow loaded it.
        depth: bits that the integers of its set use, 16 if they use all or it is not known.

    Returns:
        (height, width, 3) uint8, as stored.

    Raises:
        UnusableImage: the color mode has no conversion (LAB).
    """
    if image.mode[0] not in "IF":
        return np.asarray(_on_white(image))
    values = np.asarray(image)
    grey = _from_floats(values) if image.mode == "F" else _from_integers(values, image, depth)
    if tiff.zero_is_white(image):
        grey = 255 - grey
    return np.repeat(grey[:, :, None], 3, axis=2)


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


def scaled(values: NDArray[np.integer], bits: int) -> Pixels:
    """Whole numbers of so many bits as 8-bit levels, to the nearest; larger ones are white."""
    white = 2**bits - 1
    wide = np.minimum(values.astype(np.uint32 if bits <= 16 else np.uint64), white)
    levels: Pixels = ((wide * 255 + white // 2) // white).astype(np.uint8)
    return levels


def _from_integers(values: NDArray[np.integer], image: Image.Image, depth: int) -> Pixels:
    if image.mode == "I" and tiff.is_unsigned(image):
        values = values.view(np.uint32)
        if depth == 16:
            depth = max(16, int(values.max()).bit_length())
    elif image.mode == "I" and (values.min() < 0 or values.max() > 65_535):
        return _stretched(values.astype(np.float64))
    return scaled(values, tiff.stated_bits(image) or depth)


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
