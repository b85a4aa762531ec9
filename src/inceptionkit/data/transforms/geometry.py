"""Turning, shearing and moving, a batch at once: one affine map per image."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

BEYOND = 128.0  # grey level of what lies beyond the border, as in the code of AutoAugment

_Affine: TypeAlias = NDArray[np.float64]
"""(2, 3), from a point (x, y, 1) of the result to the point of the image that is seen there."""


def warp(pixels: Tensor, maps: NDArray[np.float64]) -> Tensor:
    """See each image through its own affine map, bilinearly.

    Args:
        pixels: (batch, 3, height, width) float32, 0 to 255.
        maps: (batch, 2, 3), pixels of the result to pixels of the image, corner to corner.

    Returns:
        The same shape; grey beyond the border.
    """
    height, width = pixels.shape[2:]
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], 2).double()
    seen = torch.einsum("hwp,bcp->bhwc", points, torch.from_numpy(maps))
    grid = seen / torch.tensor([width, height]) * 2 - 1
    grid = grid.float().to(pixels.device)
    return grid_sample(pixels - BEYOND, grid, align_corners=False).add_(BEYOND)


def _shear_x(amount: float, _: int, __: int) -> _Affine:
    """Move each row to the right by `amount` times its distance from the top."""
    return np.array([[1.0, -amount, 0.0], [0.0, 1.0, 0.0]])


def _shear_y(amount: float, _: int, __: int) -> _Affine:
    """Move each column down by `amount` times its distance from the left."""
    return np.array([[1.0, 0.0, 0.0], [-amount, 1.0, 0.0]])


def _translate_x(amount: float, _: int, __: int) -> _Affine:
    """Move to the right by `amount` pixels."""
    return np.array([[1.0, 0.0, -amount], [0.0, 1.0, 0.0]])


def _translate_y(amount: float, _: int, __: int) -> _Affine:
    """Move down by `amount` pixels."""
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -amount]])


def rotate(degrees: float, height: int, width: int) -> _Affine:
    """Turn about the center, against the clock."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = width / 2, height / 2
    return np.array([[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y]])


WARPS: Mapping[str, Callable[[float, int, int], _Affine]] = MappingProxyType(
    {
        "shear x": _shear_x,
        "shear y": _shear_y,
        "translate x": _translate_x,
        "translate y": _translate_y,
        "rotate": rotate,
    }
)
"""Each takes an amount, and the image's height and width in pixels."""
