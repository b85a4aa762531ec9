"""How many bits the values of deep images use, where their files do not say it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from inceptionkit.preprocess.decode import low_bytes, open_image
from inceptionkit.preprocess.tiff import is_unsigned, stated_bits


def bits_used(source: bytes | Path) -> int | None:
    """Bits of the largest value of an image with more than 8 bits a channel.

    Returns:
        None for other images, and where the file says how many bits it uses.

    Raises:
        UnusableImage: as `decode` does.
    """
    with open_image(source) as image:
        if image.mode == "RGB" and ";16" in str(getattr(image, "tile", "")):
            low = low_bytes(source)
            image.load()
            high = int(np.asarray(image).max())
            return 8 + high.bit_length() if high else int(low.max()).bit_length()
        if not image.mode.startswith("I") or stated_bits(image):
            return None
        image.load()
        values = np.asarray(image)
        if is_unsigned(image):
            values = values.view(np.uint32)
        return int(values.max()).bit_length() if values.min() >= 0 else None


def common_depth(bits: Iterable[int | None]) -> int:
    """Depth of the images of a set, of some of which `bits_used` says this.

    15 of 16 bits count as all, and so does nothing known.

    >>> common_depth([12, None, 11]), common_depth([15]), common_depth([])
    (12, 16, 16)
    """
    used = max((number for number in bits if number), default=16)
    return 16 if used in (15, 16) else used
