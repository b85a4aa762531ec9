"""A quick look at the sizes of images, from their headers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.types import Dataset
from inceptionkit.errors import DataError
from inceptionkit.preprocess import UnusableImage, header

_NEIGHBOURS = 16  # samples that are read together: they tend to lie together


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a sample of the images looks like."""

    images: int  # looked at and usable as far as their header tells
    median: int  # short side, upright, in pixels
    smallest: int  # short side
    largest: int  # short side
    uniform: tuple[int, int] | None  # height and width, where all have the same
    grey: float  # share that is stored without colour


def survey(dataset: Dataset, limit: int = 2_000) -> Survey:
    """Read the headers of at most `limit` images, always the same ones; no pixel is decoded.

    Raises:
        DataError: none of them is an image.
    """
    chosen = _sample(len(dataset.samples), limit)
    sizes = []
    for index in chosen.tolist():
        try:
            raw = dataset.read(index)
            if isinstance(raw, np.ndarray):
                sizes.append((raw.shape[0], raw.shape[1], raw.ndim == 2))
            else:
                image = header(raw)
                sizes.append((image.height, image.width, image.grey))
        except UnusableImage:
            continue
    if not sizes:
        msg = (
            f"{dataset.address}: none of {len(chosen)} images could be opened; "
            "check that they are image files"
        )
        raise DataError(msg)
    heights, widths, grey = np.array(sizes).T
    sides = np.minimum(heights, widths)
    same = len(set(heights.tolist())) == len(set(widths.tolist())) == 1
    return Survey(
        images=len(sizes),
        median=int(np.median(sides)),
        smallest=int(sides.min()),
        largest=int(sides.max()),
        uniform=(int(heights[0]), int(widths[0])) if same else None,
        grey=float(grey.mean()),
    )


def _sample(count: int, limit: int) -> NDArray[np.int64]:
    if count <= limit:
        return np.arange(count)
    blocks = np.random.default_rng(0).permutation(count // _NEIGHBOURS)
    starts = np.sort(blocks[: max(1, limit // _NEIGHBOURS)]) * _NEIGHBOURS
    return (starts[:, None] + np.arange(_NEIGHBOURS)).ravel()[:limit]
