"""Regions of a superpixel segmentation, and the hierarchies that they merge into.

Sources:
    Uijlings et al., "Selective Search for Object Recognition", 2013, section 3.2: histograms of 25
    bins for each channel of color, and of 10 bins for each channel and eight directions of
    gradient; the similarity of two regions is the sum of its parts.
"""

from __future__ import annotations

import heapq
import math
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.detection.proposals.needs import scipy_part

Similarity: TypeAlias = Literal["ctsf", "tsf"]
"""What two regions are compared by: color, texture, size, fill; or without color."""

_COLOR_BINS, _TEXTURE_BINS = 25, 10
_COLORS = 3 * _COLOR_BINS
_DIRECTIONS = 4  # and their opposites


class Regions:
    """The superpixels of an image, with what they are compared by."""

    def __init__(
        self,
        labels: NDArray[np.int32],
        channels: NDArray[np.float32],
        texture: list[NDArray[np.int32]],
    ) -> None:
        self.count = int(labels.max()) + 1
        self.image_pixels = labels.size
        self.sizes = np.bincount(labels.ravel(), minlength=self.count)
        self.boxes = _boxes_of(labels, self.count)
        self.histograms = np.concatenate(
            [self._colors(labels, channels), self._textures(labels, texture)], axis=1
        )
        self.neighbors = _neighbors(labels, self.count)

    def _colors(
        self, labels: NDArray[np.int32], channels: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        bins = np.minimum(channels * (_COLOR_BINS / 256), _COLOR_BINS - 1).astype(np.int32)
        base = labels * _COLOR_BINS
        counts = [self._counts(base + bins[..., at], _COLOR_BINS) for at in range(3)]
        return _shares(np.concatenate(counts, axis=1))

    def _textures(
        self, labels: NDArray[np.int32], texture: list[NDArray[np.int32]]
    ) -> NDArray[np.float32]:
        """Histograms of gradients in eight directions; what points away counts as zero."""
        signed = 2 * _TEXTURE_BINS - 1
        base = labels * signed + _TEXTURE_BINS - 1
        parts = []
        for bins in texture:
            counts = self._counts(base + bins, signed)
            for part in (counts[:, _TEXTURE_BINS - 1 :], counts[:, _TEXTURE_BINS - 1 :: -1]):
                part = part.copy()  # noqa: PLW2901 - its first bin takes the other direction
                part[:, 0] = self.sizes - part[:, 1:].sum(axis=1)
                parts.append(part)
        return _shares(np.concatenate(parts, axis=1))

    def _counts(self, keys: NDArray[np.int32], bins: int) -> NDArray[np.int64]:
        return np.bincount(keys.ravel(), minlength=self.count * bins).reshape(self.count, bins)

    def grouped(self, similarity: Similarity) -> NDArray[np.float32]:
        """Boxes of all regions, in the order in which they came to be; the whole image is last."""
        hierarchy = _Hierarchy(self, similarity)
        queue: list[tuple[float, int, int]] = []
        for one in range(self.count):
            queue += hierarchy.compared(
                one, {other for other in self.neighbors[one] if other > one}
            )
        heapq.heapify(queue)
        while queue:
            _, one, other = heapq.heappop(queue)
            if one in hierarchy.merged or other in hierarchy.merged:
                continue
            new = hierarchy.merge(one, other)
            for pair in hierarchy.compared(new, hierarchy.neighbors[new]):
                heapq.heappush(queue, pair)
        return hierarchy.boxes[: len(hierarchy.neighbors)].astype(np.float32)


class _Hierarchy:
    """Regions that merge until one is left; a merged one has the next number.

    Attributes:
        boxes: (2 count - 1, 4) of each region, as far as there are regions.
        neighbors: of each region; what merged is nobody's neighbor.
        merged: regions that are part of another.
    """

    def __init__(self, regions: Regions, similarity: Similarity) -> None:
        count, total = regions.count, 2 * regions.count - 1
        columns = slice(None) if similarity == "ctsf" else slice(_COLORS, None)
        own = regions.histograms[:, columns]
        self._histograms = np.zeros((total, own.shape[1]), np.float32)
        self._histograms[:count] = own
        self._pixels = np.zeros(total)
        self._pixels[:count] = regions.sizes
        self._image_pixels = regions.image_pixels
        self.boxes = np.zeros((total, 4))
        self.boxes[:count] = regions.boxes
        self.neighbors = [set(one) for one in regions.neighbors]
        self.merged = set[int]()

    def compared(self, one: int, others: set[int]) -> list[tuple[float, int, int]]:
        """A region with some others: minus the similarity of each pair, and the pair."""
        if not others:
            return []
        index = np.array(sorted(others), np.int64)
        shared = np.minimum(self._histograms[one], self._histograms[index]).sum(axis=1)
        low = np.minimum(self.boxes[one, :2], self.boxes[index, :2])
        high = np.maximum(self.boxes[one, 2:], self.boxes[index, 2:])
        together = (self._pixels[one] + self._pixels[index]) / self._image_pixels
        around = (high - low).prod(axis=1) / self._image_pixels
        size, fill = 1 - together, 1 - (around - together)
        values = -(shared + size + fill)
        return [
            (value, one, other)
            for value, other in zip(values.tolist(), index.tolist(), strict=True)
        ]

    def merge(self, one: int, other: int) -> int:
        """Make one region of two; its number."""
        new, whole = len(self.neighbors), self._pixels[one] + self._pixels[other]
        first, second = self._pixels[one] / whole, self._pixels[other] / whole
        self._histograms[new] = self._histograms[one] * first + self._histograms[other] * second
        self._pixels[new] = whole
        self.boxes[new, :2] = np.minimum(self.boxes[one, :2], self.boxes[other, :2])
        self.boxes[new, 2:] = np.maximum(self.boxes[one, 2:], self.boxes[other, 2:])
        around = (self.neighbors[one] | self.neighbors[other]) - {one, other}
        self.neighbors.append(around)
        for near in around:
            self.neighbors[near] -= {one, other}
            self.neighbors[near].add(new)
        self.merged |= {one, other}
        return new


def texture_bins(channels: NDArray[np.float32]) -> list[NDArray[np.int32]]:
    """Gradients of each channel in four directions, as signed numbers of bins, (height, width)."""
    gaussian_filter, found = scipy_part("ndimage").gaussian_filter, []
    for at in range(3):
        down = gaussian_filter(channels[..., at], 1, order=(1, 0))
        right = gaussian_filter(channels[..., at], 1, order=(0, 1))
        largest = max(float(np.hypot(down, right).max()), 1e-6)
        for step in range(_DIRECTIONS):
            angle = math.pi * step / _DIRECTIONS
            factor = _TEXTURE_BINS / largest
            along = right * (math.cos(angle) * factor) + down * (math.sin(angle) * factor)
            limit = _TEXTURE_BINS - 1
            found.append(np.clip(along, -limit, limit).astype(np.int32))
    return found


def _boxes_of(labels: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """(count, 4) the smallest box around each region."""
    height, width = labels.shape
    boxes = np.zeros((count, 4))
    for axis, (low, high) in ((1, (0, 2)), (0, (1, 3))):
        length = width if axis == 1 else height
        seen = np.zeros((count, length), np.bool_)
        seen[labels, np.arange(width) if axis == 1 else np.arange(height)[:, None]] = True
        boxes[:, low] = seen.argmax(axis=1)
        boxes[:, high] = length - seen[:, ::-1].argmax(axis=1)
    return boxes


def _neighbors(labels: NDArray[np.int32], count: int) -> list[set[int]]:
    """The regions that each touches."""
    pairs = np.concatenate(
        [
            np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()], axis=1),
            np.stack([labels[:-1].ravel(), labels[1:].ravel()], axis=1),
        ]
    ).astype(np.int64)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    pairs.sort(axis=1)
    found: list[set[int]] = [set() for _ in range(count)]
    for key in np.unique(pairs[:, 0] * count + pairs[:, 1]).tolist():
        found[key // count].add(key % count)
        found[key % count].add(key // count)
    return found


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Histograms whose sum is 1."""
    return np.asarray(counts / counts.sum(axis=1, keepdims=True), np.float32)
