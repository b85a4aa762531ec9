"""Whether mirrored images keep their class, as far as the images themselves tell."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.quality.near_duplicates import (
    MAX_PICTURE_DIFFERENCE,
    Thumbnails,
    detail_limit,
    likeness,
)

_COMPARED = 2_000  # images at most, each with each
_ONCE_IN = 100  # datasets of symmetric classes, one may be taken for another
_TIMES = 2  # as many must be lost as won: no photographs are quite symmetric


def mirroring_changes_class(thumbnails: Thumbnails, labels: NDArray[np.integer]) -> bool:
    """Whether mirrored images of a class look like another class.

    The nearest image to each one, copies of it left out, is of its class or not. Mirroring changes
    what images are where, in some class or in all, those that are in their class only as they are
    outnumber those that are in it only mirrored: twofold, and more than by chance. So it does where
    mirrored images are copies of those of another class. At most `_COMPARED` are looked at, always
    the same ones, of each class alike.

    Sources:
        Q. McNemar (1947), Note on the sampling error of the difference between correlated
        proportions or percentages, doi:10.1007/BF02295996: the test, here exact and one-sided.
    """
    if not len(labels):
        return False
    shuffled = np.random.default_rng(0).permutation(len(labels))
    shuffled = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels)
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = shuffled[np.argsort(rank, kind="stable")][:_COMPARED]
    plain, labels = thumbnails[chosen], labels[chosen]
    limit = detail_limit(plain)
    straight = likeness(plain, plain)
    turned = likeness(plain[:, :, ::-1], plain)
    copy, turned_copy = (
        (1 - picture <= MAX_PICTURE_DIFFERENCE) & (1 - detail <= limit)
        for picture, detail in (straight, turned)
    )
    np.fill_diagonal(copy, val=True)
    np.fill_diagonal(turned_copy, val=False)
    same = labels[:, None] == labels
    near = (np.where(copy, -np.inf, pictures[0]) for pictures in (straight, turned))
    right, still = (
        np.where(same, to, -np.inf).max(axis=1) > np.where(same, -np.inf, to).max(axis=1)
        for to in near
    )
    first = ~np.tril(copy, -1).any(axis=1)  # of the copies of one picture, one counts
    lost, won = right & ~still & first, ~right & still & first
    classes = np.unique(labels)
    tests = [(lost, won), *((lost & (labels == one), won & (labels == one)) for one in classes)]
    among, elsewhere = (turned_copy & same).any(axis=1), (turned_copy & ~same).any(axis=1)
    return _outnumber(elsewhere & ~among, among & ~elsewhere, _ONCE_IN) or any(
        _outnumber(*marks, _ONCE_IN * len(tests)) for marks in tests
    )


def _outnumber(lost: NDArray[np.bool_], won: NDArray[np.bool_], once_in: int) -> bool:
    """Whether more are lost than chance would bring about more often than `once_in` times."""
    most, least = int(lost.sum()), int(won.sum())
    every = most + least
    tail = sum(comb(every, count) for count in range(most, every + 1))
    return most >= max(1, _TIMES * least) and tail * once_in <= 2**every
