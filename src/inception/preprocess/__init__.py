"""Preprocessing as data, and decoding: the one place where pixels become what a network takes.

Needs numpy and Pillow; a deployed model prepares its images without torch.
"""

from inception.preprocess.crop import Box, crop_from_encoded, crop_from_pixels
from inception.preprocess.decode import (
    EXTENSIONS,
    PIXEL_LIMIT,
    ImageHeader,
    as_rgb,
    decode,
    examine,
    header,
)
from inception.preprocess.preprocessing import INTERPOLATIONS, Interpolation, Preprocessing
from inception.preprocess.printable import printable
from inception.preprocess.quick import RESAMPLERS, Resampler
from inception.preprocess.rgb import UnusableImage

__all__ = [
    "EXTENSIONS",
    "INTERPOLATIONS",
    "PIXEL_LIMIT",
    "RESAMPLERS",
    "Box",
    "ImageHeader",
    "Interpolation",
    "Preprocessing",
    "Resampler",
    "UnusableImage",
    "as_rgb",
    "crop_from_encoded",
    "crop_from_pixels",
    "decode",
    "examine",
    "header",
    "printable",
]
