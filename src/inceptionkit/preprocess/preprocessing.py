"""Preprocessing as data: what happens to an image between its file and the network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.errors import DataError, UnknownNameError, did_you_mean

Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Triple: TypeAlias = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)

INTERPOLATIONS: Mapping[str, Image.Resampling] = MappingProxyType(
    {
        "nearest": Image.Resampling.NEAREST,
        "bilinear": Image.Resampling.BILINEAR,
        "bicubic": Image.Resampling.BICUBIC,
        "lanczos": Image.Resampling.LANCZOS,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """How an image of any size becomes what a network takes.

    The short side is resized to `short_side`, the middle `size` x `size` is cut out, and each
    channel is taken to (pixel / 255 - mean) / std. The defaults of `mean` and `std` give -1 to 1.

    Sources:
        -1 to 1 and the central 0.875: `inception_preprocessing.py` of TF-slim.
    """

    size: int  # side of the square that the network sees, in pixels
    crop: float = 1.0  # share of the short side that is kept, above 0, at most 1
    interpolation: Interpolation = "bilinear"  # Pillow's, which antialiases
    mean: Triple = (0.5, 0.5, 0.5)  # of each channel, on the scale from 0 to 1
    std: Triple = (0.5, 0.5, 0.5)  # of each channel, on the scale from 0 to 1
    color: Literal["RGB"] = "RGB"  # a network trained on BGR has its first kernels reversed
    depth: int = 16  # bits that images with more than 8 bits a channel use, where they do not say

    def __post_init__(self) -> None:
        if str(self.interpolation) not in INTERPOLATIONS:
            advice = did_you_mean(str(self.interpolation), tuple(INTERPOLATIONS))
            msg = f"no interpolation {self.interpolation!r}; {advice}"
            raise UnknownNameError(msg)
        whole = type(self.size) is int
        crop, mean, std = (
            isinstance(values, tuple)
            and len(values) == count
            and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
            and all(map(math.isfinite, values))
            for values, count in (((self.crop,), 1), (self.mean, 3), (self.std, 3))
        )
        wanted = {
            "size": (whole and 1 <= self.size <= 16_384, "a whole number from 1 to 16384"),
            "crop": (crop and 0 < self.crop <= 1, "above 0 and at most 1"),
            "mean": (mean, "three numbers"),
            "std": (std and min(self.std) > 0, "three numbers above 0"),
            "depth": (type(self.depth) is int and 1 <= self.depth <= 32, "from 1 to 32 bits"),
            "color": (self.color == "RGB", "'RGB'"),
        }
        for name, (right, what) in wanted.items():
            if not right:
                msg = f"{name} must be {what}, got {getattr(self, name)!r}"
                raise DataError(msg)

    @property
    def short_side(self) -> int:
        """Pixels to which the short side is resized before the crop."""
        return max(self.size, round(self.size / self.crop))

    @property
    def affine(self) -> tuple[Triple, Triple]:
        """Scale and shift per channel: normalized = pixel * scale + shift, pixels 0 to 255."""
        (r, g, b), (mean_r, mean_g, mean_b) = self.std, self.mean
        return (1 / (255 * r), 1 / (255 * g), 1 / (255 * b)), (
            -mean_r / r,
            -mean_g / g,
            -mean_b / b,
        )

    def fit(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize and crop `image` to the square that the network sees.

        Only what the crop keeps is computed, so memory does not grow with the aspect ratio. An
        image whose short side is `short_side` already is cropped only, every pixel kept as it is.

        Args:
            image: (height, width, 3), any size from 1x1.

        Returns:
            (size, size, 3), contiguous; `image` itself where it fits already.

        Raises:
            DataError: `image` is not (height, width, 3) uint8.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            msg = f"fit: an image must be (height, width, 3) uint8, got {image.shape} {image.dtype}"
            raise DataError(msg)
        height, width = image.shape[:2]
        short = min(height, width)
        tall, wide = (round(side * self.short_side / short) for side in (height, width))
        top, left = (tall - self.size) // 2, (wide - self.size) // 2
        if (tall, wide) == (height, width):
            cut = image[top : top + self.size, left : left + self.size]
            return np.ascontiguousarray(cut)
        box = (
            left * width / wide,
            top * height / tall,
            min((left + self.size) * width / wide, width),
            min((top + self.size) * height / tall, height),
        )
        square = (self.size, self.size)
        resample = INTERPOLATIONS[self.interpolation]
        return np.array(Image.fromarray(image).resize(square, resample, box=box))

    def normalize(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Take pixels to the scale that the network was trained on.

        Args:
            images: (batch, size, size, 3), 0 to 255.

        Returns:
            (batch, 3, size, size), contiguous.

        Raises:
            DataError: `images` has another shape or type.
        """
        wanted = (self.size, self.size, 3)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != wanted:
            msg = (
                f"normalize: a batch must be (batch, {self.size}, {self.size}, 3) uint8, "
                f"got {images.shape} {images.dtype}; fit each image first"
            )
            raise DataError(msg)
        planes = np.empty((len(images), 3, self.size, self.size), np.float32)
        for channel, (scale, shift) in enumerate(zip(*self.affine, strict=True)):
            plane = planes[:, channel]
            np.multiply(images[..., channel], np.float32(scale), out=plane)
            plane += np.float32(shift)
        return planes
