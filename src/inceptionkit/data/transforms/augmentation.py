"""How training images are varied, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias

from inceptionkit.errors import RecipeError
from inceptionkit.preprocess import Resampler
from inceptionkit.records import Between

Share: TypeAlias = Annotated[float, Between(0.0, 1.0)]

Balance: TypeAlias = Literal["none", "loss", "sample"]
"""Classes of unequal size: left as they are, weighted in the loss, or drawn equally often."""

Flip: TypeAlias = Literal["none", "random", "alternating"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomCrop:
    """A part of random area and aspect (arXiv:1409.4842, section 6).

    Attributes:
        area_low: smallest crop, share of the image.
        area_high: largest crop, share of the image.
        aspect: largest width / height of a crop; the smallest is its inverse.
    """

    TAG: ClassVar[str] = "random"
    area_low: Annotated[float, Between(0.0001, 1.0)] = 0.08
    area_high: Annotated[float, Between(0.0001, 1.0)] = 1.0
    aspect: Annotated[float, Between(1.0, 10.0)] = 4 / 3

    def __post_init__(self) -> None:
        if self.area_low > self.area_high:
            low, high = self.area_low, self.area_high
            msg = f"area_low must not exceed area_high, got {low} and {high}"
            raise RecipeError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaddedCrop:
    """The central square, moved by up to some pixels; what lies beyond the border is reflected.

    Attributes:
        padding: pixels of the crop.
    """

    TAG: ClassVar[str] = "padded"
    padding: Annotated[int, Between(1, 64)] = 4


Crop: TypeAlias = RandomCrop | PaddedCrop


@dataclass(frozen=True, slots=True)
class Photometric:
    """Brightness, contrast and saturation vary by a share."""

    TAG: ClassVar[str] = "photometric"
    strength: Share = 0.4


@dataclass(frozen=True, slots=True)
class InceptionColors:
    """Brightness, saturation, hue and contrast in one of four orders: TF-slim's, for Inception."""

    TAG: ClassVar[str] = "inception"


@dataclass(frozen=True, slots=True)
class TrivialAugment:
    """One operation of a random kind and a random strength (Müller and Hutter 2021)."""

    TAG: ClassVar[str] = "trivial"


@dataclass(frozen=True, slots=True)
class RandAugment:
    """Some operations of random kinds, all of one strength (Cubuk et al. 2019)."""

    TAG: ClassVar[str] = "rand"
    operations: Annotated[int, Between(1, 10)] = 2  # one after the other
    magnitude: Share = 0.9  # share of the strongest; the paper's 9 of 10


Policy: TypeAlias = Photometric | InceptionColors | TrivialAugment | RandAugment


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How training images are varied, each by itself.

    A "random" flip (left-right) flips half of the images by chance; an "alternating" one flips a
    random half in even epochs and the other half in odd ones, so that two epochs show both sides of
    each.

    Sources:
        Random area and aspect, and an interpolation at random: arXiv:1409.4842, section 6 ("8% to
        100%", "3/4 and 4/3", "bilinear, area, nearest neighbor and cubic, with equal probability").
        Padded crop: He et al. 2015, arXiv:1512.03385, section 4.2; reflected, and alternating
        flip: Jordan 2024, arXiv:2404.00498, sections 3.1 and 3.6.
        Erasing: Zhong et al. 2017, arXiv:1708.04896.
    """

    crop: Crop = RandomCrop()
    interpolation: Literal[Resampler, "random"] = "bilinear"
    flip: Flip = "alternating"
    policy: Policy | None = None
    erasing: Share = 0.0  # share of the images of which a rectangle is erased


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

    With both, each step takes one of the two, by chance.

    Attributes:
        mixup: shares are drawn from Beta(mixup, mixup); 0 for never.
        cutmix: areas are drawn from Beta(cutmix, cutmix); 0 for never.

    Sources:
        Mixup: Zhang et al. 2018, arXiv:1710.09412. CutMix: Yun et al. 2019, arXiv:1905.04899.
    """

    mixup: Annotated[float, Between(0.0, 10.0)] = 0.0
    cutmix: Annotated[float, Between(0.0, 10.0)] = 0.0
