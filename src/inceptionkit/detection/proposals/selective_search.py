"""Selective search: superpixels, merged step by step, each region's box a proposal.

Sources:
    Uijlings et al., "Selective Search for Object Recognition", 2013, sections 3 and 5.3: "fast" is
    HSV and Lab, two similarities, two scales. GoogLeNet's entry in ILSVRC 2014 doubled the size of
    the superpixels, which halved the number of regions (Szegedy et al. 2014, section 8).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.data.rng import uniform
from inceptionkit.detection.boxes import clip
from inceptionkit.detection.proposals.colors import ColorSpace, converted
from inceptionkit.detection.proposals.regions import Regions, Similarity, texture_bins
from inceptionkit.detection.proposals.segmentation import borders, segment
from inceptionkit.detection.types import Boxes, Pixels, no_boxes

_LEAST_PIXELS = 16  # sides of an image below: the whole is the only proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectiveSearch:
    """Settings of the search; the published "fast" ones are the default.

    Attributes:
        scales: of the superpixels (k of the paper), which have at least as many pixels.
        spaces: color spaces.
        similarities: by which regions merge.
        pixels: an image with more is reduced; R-CNN searched at 500 pixels of width.
        least_side: pixels of the shorter side of a proposal.
        most: number of proposals, the best first.
        seed: of the order of proposals of one rank.
    """

    scales: tuple[float, ...] = (50, 100)
    spaces: tuple[ColorSpace, ...] = ("hsv", "lab")
    similarities: tuple[Similarity, ...] = ("ctsf", "tsf")
    pixels: int = 500 * 375
    least_side: float = 10
    most: int = 2000
    seed: int = 0


def selective_search(image: Pixels, how: SelectiveSearch | None = None) -> Boxes:
    """Propose boxes that may hold an object.

    Every region of every hierarchy is a proposal. Regions that merged last come first, in an order
    drawn at random from the seed among the hierarchies, as published. The same image and settings
    give the same boxes.

    Args:
        image: (height, width, 3) uint8, RGB.
        how: the settings.

    Returns:
        (n, 4) boxes without equals, the best first.
    """
    how = how or SelectiveSearch()
    height, width = image.shape[:2]
    if min(height, width) < _LEAST_PIXELS:
        return np.array([[0, 0, width, height]], np.float32)
    small = _reduced(image, how.pixels)
    found, ranks = list[NDArray[np.float32]](), list[NDArray[np.float64]]()
    for space in how.spaces:
        channels = converted(small, space)
        edges, texture = borders(channels), texture_bins(channels)
        for scale in how.scales:
            regions = Regions(segment(edges, scale, int(scale)), channels, texture)
            for similarity in how.similarities:
                boxes = regions.grouped(similarity)
                draws = uniform(how.seed, len(found), np.arange(len(boxes)), "selective search")
                found.append(boxes)
                ranks.append(np.arange(len(boxes), 0, -1) * draws)  # the whole image has rank 1
    boxes = np.concatenate(found)[np.argsort(np.concatenate(ranks), kind="stable")]
    scale_back = np.array([width / small.shape[1], height / small.shape[0]] * 2, np.float32)
    boxes = clip(boxes * scale_back, (height, width))
    sides = boxes[:, 2:] - boxes[:, :2]
    boxes = boxes[(sides >= how.least_side).all(axis=1)]
    first = np.sort(np.unique(boxes, axis=0, return_index=True)[1])
    return boxes[first][: how.most] if len(first) else no_boxes()


def _reduced(image: Pixels, most: int) -> Pixels:
    height, width = image.shape[:2]
    if height * width <= most:
        return image
    factor = math.sqrt(most / (height * width))
    size = (max(round(width * factor), _LEAST_PIXELS), max(round(height * factor), _LEAST_PIXELS))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
