"""Superpixels by the graph-based method: neighbors merge while the border is weaker than inside.

Sources:
    Felzenszwalb, Huttenlocher, "Efficient Graph-Based Image Segmentation", 2004, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.detection.proposals.needs import scipy_part

_SIGMA = 0.8  # of the smoothing, pixels
_FINE, _COARSE = np.arange(0, 16, 0.25), 16 * 1.03 ** np.arange(114)
LEVELS = np.concatenate([_FINE, _COARSE])
"""Differences of color are rounded down to these: to a quarter of a level of 255, or to 3 %.

Borders of one level all merge at once. That is exact, for a merge at weight w leaves a region that
still takes borders of weight w: the order within a level has no effect. The paper's method takes
borders one by one, half a million for a photograph, which is slow in Python.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Borders:
    """The pairs of neighboring pixels, the smallest difference of color first."""

    size: tuple[int, int]  # height, width
    first: NDArray[np.int32]  # (edges,) number of a pixel
    second: NDArray[np.int32]  # (edges,)
    level: NDArray[np.uint8]  # (edges,) index into LEVELS, rising


def borders(channels: NDArray[np.float32]) -> Borders:
    """Every pair of pixels that touch, also at a corner.

    Args:
        channels: (height, width, 3), from 0 to 255.
    """
    height, width = channels.shape[:2]
    smooth = scipy_part("ndimage").gaussian_filter(channels, (_SIGMA, _SIGMA, 0))
    index = np.arange(height * width, dtype=np.int32).reshape(height, width)
    pairs = [
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None, -1), slice(None, -1)), (slice(1, None), slice(1, None))),
        ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))),
    ]
    squares = [((smooth[one] - smooth[other]) ** 2).sum(axis=2).ravel() for one, other in pairs]
    first = np.concatenate([index[one].ravel() for one, _ in pairs])
    second = np.concatenate([index[other].ravel() for _, other in pairs])
    limits = (LEVELS[1:] ** 2).astype(np.float32)
    level = np.searchsorted(limits, np.concatenate(squares), side="right").astype(np.uint8)
    order = np.argsort(level, kind="stable")
    return Borders((height, width), first[order], second[order], level[order])


def segment(edges: Borders, scale: float, least: int) -> NDArray[np.int32]:
    """Divide an image into regions.

    Args:
        edges: of the image.
        scale: k of the paper: larger regions for larger values.
        least: pixels of the smallest region.

    Returns:
        (height, width) numbers of regions, from 0 without gaps.
    """
    count = edges.size[0] * edges.size[1]
    region = np.arange(count, dtype=np.int32)  # of each pixel, named by its first pixel
    pixels = np.ones(count, np.int32)
    threshold = np.full(count, float(scale))  # weight up to which a region merges
    ends = np.searchsorted(edges.level, np.arange(len(LEVELS) + 1), side="left")
    for level in range(len(LEVELS)):
        inside = slice(ends[level], ends[level + 1])
        a, b = region[edges.first[inside]], region[edges.second[inside]]
        weight = LEVELS[level]
        merging = (a != b) & (threshold[a] >= weight) & (threshold[b] >= weight)
        if not merging.any():
            continue
        nodes, root, total = _merged(a[merging], b[merging], pixels)
        region[nodes] = root
        pixels[root] = total
        threshold[root] = weight + scale / total
        region = region[region]
    return _without_small(edges, region, least)


def _merged(
    a: NDArray[np.int32], b: NDArray[np.int32], pixels: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Regions that merge, the region that each goes into, and its pixels."""
    nodes, numbers = _numbered(np.concatenate([a, b]), len(pixels))
    half, count = len(a), len(nodes)
    sparse = scipy_part("sparse")
    graph = sparse.coo_array(
        (np.ones(half, np.bool_), (numbers[:half], numbers[half:])), (count, count)
    )
    groups, group = scipy_part("sparse.csgraph").connected_components(graph, directed=False)
    first = np.zeros(groups, np.int64)
    first[group[::-1]] = np.arange(count)[::-1]  # what is written last stays
    total = np.bincount(group, pixels[nodes]).astype(np.int32)
    return nodes, nodes[first][group], total[group]


def _without_small(edges: Borders, region: NDArray[np.int32], least: int) -> NDArray[np.int32]:
    """Give each region below `least` pixels to the neighbor with the weakest border."""
    nodes, number = _numbered(region, len(region))
    count = len(nodes)
    a, b = number[edges.first], number[edges.second]
    across = np.flatnonzero(a != b)
    a, b = a[across], b[across]
    pairs = np.minimum(a, b) * count + np.maximum(a, b)
    both = np.sort(pairs * len(a) + np.arange(len(a)))  # far faster than np.unique's index
    weakest = np.sort(both[np.diff(both // max(len(a), 1), prepend=-1) > 0] % max(len(a), 1))
    parent, pixels = list(range(count)), np.bincount(number).tolist()

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        return one

    for one, other in zip(a[weakest].tolist(), b[weakest].tolist(), strict=True):
        one, other = root(one), root(other)  # noqa: PLW2901 - the regions that they are in by now
        if one != other and min(pixels[one], pixels[other]) < least:
            parent[other] = one
            pixels[one] += pixels[other]
    final = np.unique([root(one) for one in range(count)], return_inverse=True)[1]
    return final[number].reshape(edges.size).astype(np.int32)


def _numbered(values: NDArray[np.int32], below: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The distinct values, rising, and the place of each value among them."""
    there = np.zeros(below, np.bool_)
    there[values] = True
    distinct = np.flatnonzero(there)
    place = np.zeros(below, np.int64)
    place[distinct] = np.arange(len(distinct))
    return distinct.astype(np.int32), place[values]
