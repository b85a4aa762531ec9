"""RoIAlign as two matrix products: bilinear sampling on a grid is separable.

A region's features are the means of bilinear samples in a grid of bins. A sample's weights are a
product of one over rows and one over columns, and so are the means. All regions of an image are
then one product over the rows of its features, and a small one over the columns for each. Both run
at the speed of matrix products, forward and backward.

Sources:
    He et al. 2017, arXiv:1703.06870, section 3; the border as in torchvision.ops.roi_align.
"""

from __future__ import annotations

import torch
from torch import Tensor


def roi_align(
    features: Tensor,
    boxes: Tensor,
    grid: tuple[int, int],
    scale: tuple[float, float],
    samples: int = 2,
) -> Tensor:
    """Features of regions, on a grid of the same size for all.

    Args:
        features: (batch, channels, rows, columns), float; fastest if channels are innermost.
        boxes: (batch, regions, 4), x1, y1, x2, y2 in pixels; no gradient flows to them.
        grid: rows and columns of bins.
        scale: features' rows and columns per pixel.
        samples: in each bin, along each side.

    Returns:
        (batch, regions, channels, *grid). Samples more than a cell outside count as 0, others are
        moved to the border.
    """
    batch, channels, height, width = features.shape
    regions = boxes.shape[1]
    x1, y1, x2, y2 = boxes.detach().to(torch.float32).unbind(-1)
    (rows, columns), (down, right) = grid, scale
    by_row = _weights(y1 * down, y2 * down, rows, height, samples).to(features.dtype)
    by_column = _weights(x1 * right, x2 * right, columns, width, samples).to(features.dtype)
    lines = features.permute(0, 2, 3, 1).reshape(batch, height, width * channels)
    pooled = by_row.reshape(batch, regions * rows, height) @ lines
    pooled = pooled.view(batch, regions, rows, width, channels)
    return (by_column.unsqueeze(2) @ pooled).permute(0, 1, 4, 2, 3)


def _weights(start: Tensor, stop: Tensor, bins: int, cells: int, samples: int) -> Tensor:
    """What each cell adds to each bin of the intervals from `start` to `stop`, in cells.

    The middle of cell 0 lies at 0.5.

    Returns:
        (*start.shape, bins, cells); a bin's weights add up to 1, less where samples lie outside.
    """
    inside = torch.arange(bins * samples, device=start.device, dtype=torch.float32) + 0.5
    each = (stop - start).unsqueeze(-1) / (bins * samples)
    at = start.unsqueeze(-1) - 0.5 + inside * each
    counts = (at >= -1.0) & (at <= cells)
    places = torch.arange(cells, device=start.device, dtype=torch.float32)
    distance = (at.clamp(0.0, cells - 1.0).unsqueeze(-1) - places).abs()
    weights = (1.0 - distance).clamp(min=0.0) * counts.unsqueeze(-1)
    return weights.view(*start.shape, bins, samples, cells).mean(-2)
