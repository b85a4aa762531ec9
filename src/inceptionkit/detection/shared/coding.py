"""Boxes as tensors: overlap, a box as its differences from another, and anchors.

A box is x1, y1, x2, y2 in pixels; coordinates are edges.
"""

from __future__ import annotations

import torch
from torch import Tensor

from inceptionkit.detection.shared.design import LARGEST, SPREAD


def iou(first: Tensor, second: Tensor) -> Tensor:
    """(..., n, m) intersection over union of (..., n, 4) and (..., m, 4) boxes, from 0 to 1."""
    shared = _intersection(first, second)
    union = area(first)[..., :, None] + area(second)[..., None, :] - shared
    return torch.where(union > 0, shared / union.clamp(min=1e-12), 0.0)


def coverage(first: Tensor, second: Tensor) -> Tensor:
    """(..., n, m) share of the area of each second box that each first box covers."""
    return _intersection(first, second) / area(second)[..., None, :].clamp(min=1e-12)


def _intersection(first: Tensor, second: Tensor) -> Tensor:
    low = torch.maximum(first[..., :, None, :2], second[..., None, :, :2])
    high = torch.minimum(first[..., :, None, 2:], second[..., None, :, 2:])
    return (high - low).clamp(min=0).prod(-1)


def area(boxes: Tensor) -> Tensor:
    """(...,) areas of (..., 4) boxes, in square pixels."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def encode(boxes: Tensor, around: Tensor) -> Tensor:
    """Boxes as differences from other boxes: of the middle in sides, and logarithms of sides.

    Args:
        boxes: (..., 4), each with an area.
        around: (..., 4), each with an area.

    Sources:
        Girshick et al. 2014, arXiv:1311.2524, appendix C; divided by the spreads of
        arXiv:1504.08083.
    """
    middle, sides = _middles(boxes)
    own_middle, own_sides = _middles(around)
    coded = torch.cat([(middle - own_middle) / own_sides, (sides / own_sides).log()], -1)
    return coded / coded.new_tensor(SPREAD)


def decode(coded: Tensor, around: Tensor) -> Tensor:
    """The boxes that `encode` coded: (..., 4)."""
    middle, sides = _middles(around)
    shift, growth = (coded * coded.new_tensor(SPREAD)).chunk(2, -1)
    middle = middle + shift * sides
    half = growth.clamp(max=LARGEST).exp() * sides / 2
    return torch.cat([middle - half, middle + half], -1)


def clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The parts of boxes inside an image of (height, width) pixels."""
    height, width = size
    return torch.stack(
        [boxes[..., at].clamp(0, (width, height)[at % 2]) for at in range(4)], dim=-1
    )


def _middles(boxes: Tensor) -> tuple[Tensor, Tensor]:
    low, high = boxes.chunk(2, -1)
    return (low + high) / 2, high - low


def anchor_grid(grid: tuple[int, int], scale: tuple[float, float], sides: Tensor) -> Tensor:
    """Every anchor of a grid of cells.

    Args:
        grid: rows and columns.
        scale: cells per pixel, down and to the right.
        sides: (sizes, 2), height and width in pixels.

    Returns:
        (rows * columns * sizes, 4) boxes in pixels, row by row, all sizes of a cell together.
    """
    rows, columns = (
        (torch.arange(cells, device=sides.device) + 0.5) / per_pixel
        for cells, per_pixel in zip(grid, scale, strict=True)
    )
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    middles = torch.stack([x, y], -1).unsqueeze(2)
    half = sides.flip(1) / 2
    return torch.cat([middles - half, middles + half], -1).flatten(0, 2)
