"""Which part of each image is shown: drawn with numpy alone, before any pixel is decoded."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.augmentation import Augmentation, Mirror
from inceptionkit.preprocess import RESAMPLERS, Box, Resampler

ATTEMPTS = 10  # draws of a crop before it is cut to the image, as in the published pipelines


@dataclass(frozen=True, slots=True)
class Boxes:
    """One crop per image, in shares of the image's height and width."""

    top: NDArray[np.float64]
    left: NDArray[np.float64]
    height: NDArray[np.float64]
    width: NDArray[np.float64]
    mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.top)

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
        Crops inside the image: area uniform in `how.area`, aspect log-uniform in `how.aspect`; the
        central square where `how` has a padding.
    """
    if how.padding:
        found = central(shape)
    else:
        found = rectangles(how.area, how.aspect, shape, rng, name="crop")
    return Boxes(*found, mirrored(how.mirror, rng))


def rectangles(
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
    for attempt in range(ATTEMPTS):
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


def central(shape: NDArray[np.float64]) -> Rectangles:
    """The largest square in the middle of each image, as `rectangles` gives it."""
    height, width = np.minimum(1.0, shape), np.minimum(1.0, 1.0 / shape)
    return (1.0 - height) / 2, (1.0 - width) / 2, height, width


def mirrored(how: Mirror, rng: CounterRng) -> NDArray[np.bool_]:
    """Which images to flip left to right in this epoch."""
    match how:
        case "none":
            return np.zeros(len(rng.indices), np.bool_)
        case "random":
            return rng.uniform("mirror") < 0.5
        case "alternating":
            first = replace(rng, epoch=0).uniform("mirror") < 0.5
            return first ^ (rng.epoch % 2 == 1)


def resamplers(how: Augmentation, rng: CounterRng) -> list[Resampler]:
    """By which interpolation each image is resized."""
    if how.interpolation != "random":
        return [how.interpolation] * len(rng.indices)
    names = tuple(RESAMPLERS)
    return [names[number] for number in rng.below("interpolation", len(names)).tolist()]
