"""Everything that is done to a batch of crops, in its order; at last images are mixed in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inceptionkit.data.rng import CounterRng, step_seed, uniform_scalar
from inceptionkit.data.transforms.augmentation import Augmentation, Mixing, PaddedCrop
from inceptionkit.data.transforms.erasing import erase
from inceptionkit.data.transforms.policies import apply
from inceptionkit.preprocess import Preprocessing


def augment(
    crops: Tensor, how: Augmentation, preprocessing: Preprocessing, rng: CounterRng
) -> Tensor:
    """Move, distort, normalize and erase crops, in this order.

    Args:
        crops: (batch, 3, side, side), 0 to 255, flipped already.
        how: what varies, and how much.
        preprocessing: whose mean and standard deviation to use.
        rng: of the samples.

    Returns:
        (batch, 3, side, side) float32, normalized.
    """
    if isinstance(how.crop, PaddedCrop):
        crops = padded_crop(crops, how.crop.padding, rng)
    if how.policy is not None:
        crops = apply(how.policy, crops.float(), rng)
    crops = normalize(crops, preprocessing.mean, preprocessing.std)
    return erase(crops, how.erasing, rng) if how.erasing else crops


@dataclass(frozen=True, slots=True)
class Mixture:
    """How the images of one update are mixed with their partners."""

    kept: float  # share of each image, and of its class; the rest is the partner's
    box: tuple[int, int, int, int] | None = None  # top, left, bottom, right where partners show


def draw_mixture(how: Mixing, side: int, *, seed: int, step: int) -> Mixture | None:
    """Draw for one step how its images are mixed; None without mixing.

    Mixup blends with the partner, and the larger share is always the image's own. CutMix shows the
    partner in a square, which is cut where it reaches beyond the border.

    Args:
        how: the distributions.
        side: of the images, pixels.
        seed: of the run.
        step: steps done.

    Sources:
        Zhang et al. 2018, arXiv:1710.09412, section 2. Yun et al. 2019, arXiv:1905.04899, section
        3.1 and algorithm A1.
    """
    if not how.mixup and not how.cutmix:
        return None
    random = np.random.default_rng(step_seed(seed, step))
    if how.mixup and (not how.cutmix or uniform_scalar(seed, step, "mixture") >= 0.5):
        drawn = random.beta(how.mixup, how.mixup)
        return Mixture(float(max(drawn, 1.0 - drawn)))
    half = side * np.sqrt(1.0 - random.beta(how.cutmix, how.cutmix)) / 2
    center = random.uniform(0, side, 2)
    top, left = (int(v) for v in np.rint(np.clip(center - half, 0, side)))
    bottom, right = (int(v) for v in np.rint(np.clip(center + half, 0, side)))
    kept = 1.0 - (bottom - top) * (right - left) / side**2
    return Mixture(kept, (top, left, bottom, right))


def mix(images: Tensor, partners: Tensor, mixture: Mixture) -> Tensor:
    """Mix images with their partners.

    The partner of an image is the one before it in its update, that of the first the last one: the
    order of an update's images is random, and does not depend on how many processes share it.

    Args:
        images: (batch, channels, height, width).
        partners: of the same shape.
        mixture: how.

    Returns:
        The same shape.
    """
    if mixture.box is None:
        return images.lerp(partners, 1.0 - mixture.kept)
    top, left, bottom, right = mixture.box
    pasted = images.clone()
    pasted[:, :, top:bottom, left:right] = partners[:, :, top:bottom, left:right]
    return pasted


def padded_crop(pixels: Tensor, padding: int, rng: CounterRng) -> Tensor:
    """Pad each image by reflection, and cut a window of its own size at a random place.

    Args:
        pixels: (batch, 3, height, width).
        padding: pixels on each side; 0 changes nothing.
        rng: of the samples.

    Returns:
        The same shape; each of the (2 padding + 1)^2 places is equally likely.

    Sources:
        He et al. 2015, arXiv:1512.03385, section 4.2, with zeros for what lies beyond; reflected in
        Jordan 2024, arXiv:2404.00498, section 3.1.
    """
    if not padding:
        return pixels
    lines = []  # (batch, cells) places of the rows, and of the columns, turned back at the border
    for direction, cells in zip(("down", "right"), pixels.shape[2:], strict=True):
        start, period = rng.below(f"padding {direction}", 2 * padding + 1) - padding, 2 * cells - 2
        place = (start[:, None] + np.arange(cells)) % max(1, period)
        lines.append(np.minimum(place, period - place) if period else place)
    rows, cols = lines
    at = rows[:, :, None] * pixels.shape[3] + cols[:, None, :]
    places = torch.from_numpy(at).to(pixels.device)
    flat = places.view(len(pixels), 1, -1).expand(-1, pixels.shape[1], -1)
    return pixels.flatten(2).gather(2, flat).view(pixels.shape)


def normalize(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Each channel as (pixel / 255 - mean) / std, float32.

    Where channels are innermost in memory, whole rows are scaled at once: that is twice as fast.

    Args:
        pixels: (batch, 3, height, width), 0 to 255.
        mean: of each channel, on the scale from 0 to 1.
        std: of each channel, on the scale from 0 to 1.

    Returns:
        The same shape and layout.
    """
    factors = torch.tensor([1 / (255 * s) for s in std], device=pixels.device)
    offsets = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=pixels.device)
    rows = pixels.permute(0, 2, 3, 1)
    if not pixels.is_contiguous() and rows.is_contiguous():
        width = pixels.shape[3]
        scaled = rows.flatten(2).to(torch.float32).mul(factors.repeat(width))
        return scaled.add_(offsets.repeat(width)).view_as(rows).permute(0, 3, 1, 2)
    return (pixels * factors.view(1, 3, 1, 1)).add_(offsets.view(1, 3, 1, 1))
