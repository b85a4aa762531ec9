"""Groups of images that show the same picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.quality.near_duplicates import Thumbnails, similar_pairs


@dataclass(frozen=True, slots=True)
class Group:
    """Images that show the same picture."""

    members: tuple[int, ...]  # indices into the source's samples, ascending, two or more
    exact: bool  # whether all have the same pixels
    mirrored: bool  # whether some is another one mirrored


def find_groups(
    thumbnails: Thumbnails,
    indices: NDArray[np.int64],
    *,
    allows_flip: bool,
    pixels: NDArray[np.uint64] | None = None,
    threads: int = 1,
) -> tuple[Group, ...]:
    """Groups among some images; no image is in two.

    Args:
        thumbnails: (images, 16, 16, 3) of the images.
        indices: (images,) their places in the dataset, which the groups name.
        allows_flip: whether a mirrored image is a copy too.
        pixels: (images,) hash of all pixels of each; without it no group is called exact.
        threads: how many search at once.

    Returns:
        By first member.
    """
    pairs = similar_pairs(thumbnails, allows_flip=allows_flip, threads=threads)
    roots = _joined(len(indices), pairs)
    turned = {int(roots[one]) for one in pairs[pairs[:, 2] == 1, 0].tolist()}
    order = np.argsort(roots, kind="stable")
    found, starts, counts = np.unique(roots[order], return_index=True, return_counts=True)
    several = counts > 1
    parts = [
        (int(root), order[start : start + count])
        for root, start, count in zip(found[several], starts[several], counts[several], strict=True)
    ]
    return tuple(
        Group(
            tuple(indices[part].tolist()),
            exact=pixels is not None and len(set(pixels[part].tolist())) == 1,
            mirrored=root in turned,
        )
        for root, part in parts
    )


def _joined(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each image the smallest one that pairs lead to."""
    parents = list(range(count))

    def root(one: int) -> int:
        while parents[one] != one:
            parents[one] = one = parents[parents[one]]
        return one

    for one, other in pairs[:, :2].tolist():
        low, high = sorted((root(one), root(other)))
        parents[high] = low
    return np.array([root(one) for one in range(count)], np.int64)
