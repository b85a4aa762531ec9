"""How training images are varied, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from inceptionkit.preprocess import Resampler

Balance: TypeAlias = Literal["none", "loss", "sample"]
"""Classes of unequal size: left as they are, weighted in the loss, or drawn equally often."""

Mirror: TypeAlias = Literal["none", "random", "alternating"]


@dataclass(frozen=True, slots=True)
class InceptionColors:
    """Brightness, saturation, hue and contrast in one of four orders: TF-slim's, for Inception."""


@dataclass(frozen=True, slots=True)
class TrivialAugment:
    """One operation of a random kind and a random strength (Müller and Hutter 2021)."""


@dataclass(frozen=True, slots=True)
class RandAugment:
    """Some operations of random kinds, all of one strength (Cubuk et al. 2019)."""

    operations: int = 2  # one after the other
    magnitude: float = 0.9  # share of the strongest


Policy: TypeAlias = InceptionColors | TrivialAugment | RandAugment


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How training images are varied, each by itself.

    A crop is a part of random area and aspect; where there is a padding, it is instead the central
    square, moved by up to that many pixels, and what lies beyond the border is reflected.

    A "random" mirror flips half of the images by chance; an "alternating" one flips a random half
    in even epochs and the other half in odd ones, so that two epochs show both sides of each.

    Sources:
        Random area and aspect, and an interpolation at random: arXiv:1409.4842, section 6 ("8% to
        100%", "3/4 and 4/3", "bilinear, area, nearest neighbor and cubic, with equal probability").
        Padded crop: He et al. 2015, arXiv:1512.03385, section 4.2; reflected, and alternating
        mirror: Jordan 2024, arXiv:2404.00498, sections 3.1 and 3.6.
        Erasing: Zhong et al. 2017, arXiv:1708.04896.
    """

    area: tuple[float, float] = (0.08, 1.0)  # share of the image that a crop covers
    aspect: tuple[float, float] = (3 / 4, 4 / 3)  # width / height of a crop
    padding: int = 0  # pixels of the result
    interpolation: Literal[Resampler, "random"] = "bilinear"
    mirror: Mirror = "alternating"  # left-right
    photometric: float = 0.0  # brightness, contrast, saturation vary by this share
    policy: Policy | None = None
    erasing: float = 0.0  # share of the images of which a rectangle is erased


@dataclass(frozen=True, slots=True, kw_only=True)
class Cropping:
    """Which crops the updates of an epoch see."""

    how: Augmentation
    side: int  # pixels
    seed: int  # of the run
    epoch: int  # counted from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixing:
    """How images are mixed in pairs, and their classes with them.

    With both, each update takes one of the two, by chance.

    Sources:
        Mixup: Zhang et al. 2018, arXiv:1710.09412. CutMix: Yun et al. 2019, arXiv:1905.04899.
    """

    mixup: float = 0.0  # shares are drawn from Beta(mixup, mixup); 0 for never
    cutmix: float = 0.0  # areas are drawn from Beta(cutmix, cutmix); 0 for never
