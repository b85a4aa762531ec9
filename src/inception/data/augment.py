"""Augmentation of a batch at once, on the device that trains, from uint8 images in memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inception.data.draws import uniform
from inception.preprocess import Preprocessing

Mirror = Literal["none", "random", "alternating"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How training images are varied.

    A "random" mirror flips half of the images by chance; an "alternating" one flips a random half
    in even epochs and the other half in odd ones, so that two epochs show both sides of each.

    Sources:
        Random area and aspect: arXiv:1409.4842, section 6 ("8% to 100%", "3/4 and 4/3").
        Alternating mirror: Jordan 2024, arXiv:2404.00498, section 3.6.
    """

    area: tuple[float, float] = (0.08, 1.0)  # share of the image that a crop covers
    aspect: tuple[float, float] = (3 / 4, 4 / 3)  # width / height of a crop
    mirror: Mirror = "alternating"  # left-right


LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)
ATTEMPTS = 10  # draws of a crop before it is cut to the image, as in the published pipelines


@dataclass(frozen=True, slots=True)
class Boxes:
    """One crop per image, in shares of the image's height and width."""

    top: NDArray[np.float64]
    left: NDArray[np.float64]
    height: NDArray[np.float64]
    width: NDArray[np.float64]
    mirrored: NDArray[np.bool_]


def draw_boxes(
    how: Augmentation,
    shape: NDArray[np.float64],
    *,
    seed: int,
    epoch: int,
    indices: NDArray[np.int64],
) -> Boxes:
    """Draw a crop for each image.

    Args:
        how: the distribution.
        shape: (batch,) width / height of the original images.
        seed: of the run.
        epoch: counted from 0.
        indices: (batch,) numbers of the samples; the same number gets the same crop.

    Returns:
        Crops inside the image: area uniform in `how.area`, aspect log-uniform in `how.aspect`. A
        draw that is wider or taller than its image is drawn again, up to ten times, then cut.
    """
    width, height = np.full(len(indices), np.inf), np.full(len(indices), np.inf)
    for attempt in range(ATTEMPTS):
        area = spread(uniform(seed, epoch, indices, f"crop area {attempt}"), *how.area)
        stretch = uniform(seed, epoch, indices, f"crop aspect {attempt}")
        aspect = np.exp(spread(stretch, *map(math.log, how.aspect)))
        again = (width > 1.0) | (height > 1.0)
        width = np.where(again, np.sqrt(area * aspect / shape), width)
        height = np.where(again, np.sqrt(area / aspect * shape), height)
    width, height = np.minimum(width, 1.0), np.minimum(height, 1.0)
    return Boxes(
        top=(1.0 - height) * uniform(seed, epoch, indices, "crop top"),
        left=(1.0 - width) * uniform(seed, epoch, indices, "crop left"),
        height=height,
        width=width,
        mirrored=mirrored(how.mirror, seed=seed, epoch=epoch, indices=indices),
    )


def mirrored(
    how: Mirror, *, seed: int, epoch: int, indices: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which images to flip left to right in this epoch."""
    match how:
        case "none":
            return np.zeros(len(indices), np.bool_)
        case "random":
            return uniform(seed, epoch, indices, "mirror") < 0.5
        case "alternating":
            return (uniform(seed, 0, indices, "mirror") < 0.5) ^ (epoch % 2 == 1)


def spread(share: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Map [0, 1) to [low, high)."""
    return low + (high - low) * share


def crop_resize(images: Tensor, boxes: Boxes, side: int) -> Tensor:
    """Cut each image to its box and resize it, antialiased, by two small matrices per image.

    Args:
        images: (batch, 3, height, width) uint8.
        boxes: a crop per image.
        side: of the result, pixels.

    Returns:
        (batch, 3, side, side) float32, 0 to 255.
    """
    _, _, height, width = images.shape
    rows = resampling(boxes.top * height, boxes.height * height, height, side)
    cols = resampling(boxes.left * width, boxes.width * width, width, side)
    cols = torch.where(torch.from_numpy(boxes.mirrored)[:, None, None], cols.flip(1), cols)
    rows, cols = rows.to(images.device), cols.to(images.device)
    return rows[:, None] @ images.float() @ cols.mT[:, None]


def distort(
    pixels: Tensor, strength: float, *, seed: int, epoch: int, indices: NDArray[np.int64]
) -> Tensor:
    """Vary brightness, contrast and saturation of each image.

    Args:
        pixels: (batch, 3, height, width) float32, 0 to 255.
        strength: each of the three is scaled by a factor uniform in 1 - strength to 1 + strength;
            0 changes nothing.
        seed: of the run.
        epoch: counted from 0.
        indices: (batch,) numbers of the samples; the same number gets the same factors.

    Returns:
        The same shape, cut to 0 to 255.

    Sources:
        Howard 2013, arXiv:1312.5402, section 2.2, which arXiv:1409.4842, section 6, refers to.
    """
    brightness, contrast, saturation = (
        torch.from_numpy(spread(uniform(seed, epoch, indices, name), 1 - strength, 1 + strength))
        .float()
        .to(pixels.device)[:, None, None]
        for name in ("brightness", "contrast", "saturation")
    )
    luma = torch.tensor(LUMA, device=pixels.device)
    mix = saturation * torch.eye(3, device=pixels.device) + (1 - saturation) * luma.expand(3, 3)
    flat = pixels.flatten(2)
    level = (luma @ flat).mean(1)[:, None, None]  # of the whole image, grey
    changed = torch.baddbmm((1 - contrast) * level, contrast * mix, flat) * brightness
    return changed.clamp_(0, 255).view_as(pixels)


def resampling(
    start: NDArray[np.float64], length: NDArray[np.float64], cells: int, side: int
) -> Tensor:
    """Triangle filter as a (batch, side, cells) float32 matrix whose rows add up to one.

    Its support is that of Pillow's bilinear filter: one output pixel when shrinking, one input
    pixel when enlarging. Beyond the image nothing is read.
    """
    begin = torch.from_numpy(start.astype(np.float32))[:, None, None]
    scale = torch.from_numpy((length / side).astype(np.float32))[:, None, None]
    centre = begin + (torch.arange(side)[None, :, None] + 0.5) * scale
    place = torch.arange(cells)[None, None, :] + 0.5
    weight = (1 - (place - centre).abs() / scale.clamp_min(1.0)).clamp_min(0.0)
    return weight / weight.sum(2, keepdim=True)


def normalised(pixels: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Scale and shift each channel: (batch, 3, height, width), 0 to 255 -> float32, normalised."""
    scale = torch.tensor(preprocessing.scale, device=pixels.device).view(1, 3, 1, 1)
    shift = torch.tensor(preprocessing.shift, device=pixels.device).view(1, 3, 1, 1)
    return pixels.float() * scale + shift
