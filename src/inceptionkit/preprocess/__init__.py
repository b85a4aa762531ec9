"""Preprocessing as data, and decoding: the one place where pixels become what a network takes.

Needs numpy and Pillow; a deployed model prepares its images without torch.
"""

from inceptionkit.preprocess.color_modes import UnusableImage
from inceptionkit.preprocess.crop import Box, crop_from_encoded, crop_from_pixels
from inceptionkit.preprocess.decode import (
    EXTENSIONS,
    PIXEL_LIMIT,
    as_rgb,
    decode,
    looks_like_image,
)
from inceptionkit.preprocess.depth import bits_used, common_depth
from inceptionkit.preprocess.fast_codecs import RESAMPLERS, Resampler
from inceptionkit.preprocess.header import ImageHeader, examine, header
from inceptionkit.preprocess.preprocessing import INTERPOLATIONS, Interpolation, Preprocessing

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
    "bits_used",
    "common_depth",
    "crop_from_encoded",
    "crop_from_pixels",
    "decode",
    "examine",
    "header",
    "looks_like_image",
]
