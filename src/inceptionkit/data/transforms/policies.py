"""TrivialAugment and RandAugment: operations of random kinds, a batch at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, assert_never

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms import photometric as levels
from inceptionkit.data.transforms.augmentation import (
    InceptionColors,
    Photometric,
    Policy,
    RandAugment,
    TrivialAugment,
)
from inceptionkit.data.transforms.color import distort, inception_colors, per_image
from inceptionkit.data.transforms.geometry import WARPS, warp


class Span(NamedTuple):
    """Amounts of an operation from strength 0, which changes nothing, to strength 1."""

    none: float
    most: float
    random_sign: bool = False  # as often `none` less the difference
    of_side: bool = False  # in shares of the image's side, not pixels


Space = Mapping[str, Span]

WIDE: Space = MappingProxyType(
    {
        "identity": Span(0, 0),
        "shear x": Span(0, 0.99, random_sign=True),
        "shear y": Span(0, 0.99, random_sign=True),
        "translate x": Span(0, 32, random_sign=True),  # pixels, whatever the image's size
        "translate y": Span(0, 32, random_sign=True),
        "rotate": Span(0, 135, random_sign=True),  # degrees
        "brightness": Span(1, 1.99, random_sign=True),
        "saturation": Span(1, 1.99, random_sign=True),
        "contrast": Span(1, 1.99, random_sign=True),
        "sharpness": Span(1, 1.99, random_sign=True),
        "posterize": Span(8, 2),  # bits
        "solarize": Span(256, 0),  # level from which on it is inverted
        "autocontrast": Span(0, 0),
        "equalize": Span(0, 0),
    }
)
"""TrivialAugment's "wide" space: arXiv:2103.10158, table 1 of the appendix."""

NARROW: Space = MappingProxyType(
    {
        **WIDE,
        "shear x": Span(0, 0.3, random_sign=True),
        "shear y": Span(0, 0.3, random_sign=True),
        "translate x": Span(0, 150 / 331, random_sign=True, of_side=True),
        "translate y": Span(0, 150 / 331, random_sign=True, of_side=True),
        "rotate": Span(0, 30, random_sign=True),
        "brightness": Span(1, 1.9, random_sign=True),
        "saturation": Span(1, 1.9, random_sign=True),
        "contrast": Span(1, 1.9, random_sign=True),
        "sharpness": Span(1, 1.9, random_sign=True),
        "posterize": Span(8, 4),
    }
)
"""RandAugment's: the ranges of AutoAugment, arXiv:1805.09501, table 6 (150 of 331 pixels)."""

_ON_LEVELS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {
        "brightness": levels.brightness,
        "saturation": levels.saturation,
        "contrast": levels.contrast,
        "sharpness": levels.sharpness,
        "posterize": levels.posterize,
        "solarize": levels.solarize,
        "autocontrast": levels.autocontrast,
        "equalize": levels.equalize,
    }
)

STRENGTHS = 31  # from 0 to 1, both included


def apply(policy: Policy, pixels: Tensor, rng: CounterRng) -> Tensor:
    """Vary each image as the policy draws for it.

    Args:
        policy: which.
        pixels: (batch, 3, height, width) float32, 0 to 255.
        rng: of the samples.

    Returns:
        The same shape and range.
    """
    match policy:
        case Photometric(strength):
            return distort(pixels, strength, rng)
        case InceptionColors():
            return inception_colors(pixels, rng)
        case TrivialAugment():
            return trivial_augment(pixels, rng)
        case RandAugment():
            return rand_augment(pixels, policy, rng)
        case _:
            assert_never(policy)


def trivial_augment(pixels: Tensor, rng: CounterRng) -> Tensor:
    """One operation for each image, and one of 31 strengths, all equally likely.

    Sources:
        Müller and Hutter 2021, arXiv:2103.10158, algorithm 1.
    """
    strength = rng.below("trivial strength", STRENGTHS) / (STRENGTHS - 1)
    return operate(pixels, WIDE, strength, rng, name="trivial")


def rand_augment(pixels: Tensor, policy: RandAugment, rng: CounterRng) -> Tensor:
    """Some operations for each image one after the other, all of the same strength.

    Every operation grows with the magnitude, as in timm's "increasing" variant and torchvision; in
    the code of the paper posterize and solarize weaken.

    Sources:
        Cubuk et al. 2019, arXiv:1909.13719, section 3.
    """
    strength = np.full(len(pixels), policy.magnitude)
    for number in range(policy.operations):
        pixels = operate(pixels, NARROW, strength, rng, name=f"rand {number}")
    return pixels


def operate(
    pixels: Tensor, space: Space, strength: NDArray[np.float64], rng: CounterRng, *, name: str
) -> Tensor:
    """One operation for each image, of a random kind and given strength."""
    kinds = tuple(space)
    drawn, signs = rng.below(f"{name} operation", len(kinds)), rng.signs(f"{name} sign")
    side = pixels.shape[3]
    changed = pixels.clone()
    maps = np.tile(np.eye(2, 3), (len(pixels), 1, 1))
    for number in np.unique(drawn).tolist():
        kind, span, places = kinds[number], space[kinds[number]], np.flatnonzero(drawn == number)
        amounts = amount(span, strength[places], signs[places]) * (side if span.of_side else 1)
        if kind in _ON_LEVELS:
            chosen = torch.from_numpy(places).to(pixels.device)
            part = pixels[chosen]
            changed[chosen] = _ON_LEVELS[kind](part, per_image(amounts, part))
        elif kind in WARPS:
            maps[places] = [WARPS[kind](each, *pixels.shape[2:]) for each in amounts]
    return _warped(changed, maps)


def amount(
    span: Span, strength: NDArray[np.float64], signs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Amounts of an operation at these strengths."""
    return span.none + (span.most - span.none) * strength * (signs if span.random_sign else 1)


def _warped(pixels: Tensor, maps: NDArray[np.float64]) -> Tensor:
    """The images whose map moves anything are replaced by what is seen through it."""
    places = np.flatnonzero((maps != np.eye(2, 3)).any((1, 2)))
    if len(places):
        chosen = torch.from_numpy(places).to(pixels.device)
        pixels[chosen] = warp(pixels[chosen], maps[places])
    return pixels
