"""Proposals of two sources together: selective search, and a proposer that has learnt.

Sources:
    Szegedy et al., "Going Deeper with Convolutions", 2014, section 8: multi-box proposals beside
    those of selective search raised the coverage of objects from 92 % to 93 %.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.detection.boxes import iou
from inceptionkit.detection.proposals.selective_search import SelectiveSearch, selective_search
from inceptionkit.detection.types import Boxes, Pixels

NEAR = 0.9
"""IoU from which a box of the other source proposes the same."""

_AT_ONCE = 256  # boxes of the first source, whose overlaps are in memory together

Search: TypeAlias = Callable[[Pixels, SelectiveSearch], Boxes]
"""`selective_search`, or `propose`, which remembers."""


class Proposer(Protocol):
    """Proposes regions that it has learnt to find."""

    def proposals(self, image: Pixels, most: int) -> Boxes:
        """Propose boxes that may hold an object.

        Args:
            image: (height, width, 3) uint8, RGB, upright.
            most: number of boxes.

        Returns:
            (n, 4) boxes in pixels of the image, the best first.
        """


def candidates(
    image: Pixels,
    how: SelectiveSearch,
    proposer: Proposer | None,
    search: Search = selective_search,
) -> Boxes:
    """The proposals of selective search, joined by those of a proposer if there is one.

    Args:
        image: (height, width, 3) uint8, RGB.
        how: the settings of the search; its `most` is that of both together.
        proposer: has learnt to propose.
        search: searches, or remembers. What is learnt is never remembered.

    Returns:
        (n, 4) boxes, the best first.
    """
    found = search(image, how)
    if proposer is None:
        return found
    return joined(proposer.proposals(image, how.most), found, how.most)


def joined(first: Boxes, second: Boxes, most: int) -> Boxes:
    """Boxes of two sources, taken in turn by rank.

    A box is dropped where the other source has proposed nearly the same before, `NEAR` or more.

    Args:
        first: (n, 4), the best first; begins.
        second: (m, 4), the best first.
        most: number of boxes.
    """
    turns = np.concatenate([2 * np.arange(len(first)), 2 * np.arange(len(second)) + 1])
    dropped = set[int]()
    for earlier, later in _near(first, second).tolist():
        if earlier not in dropped:
            dropped.add(later)
    order = np.argsort(turns)
    kept = [at for at in order.tolist() if int(turns[at]) not in dropped]
    chosen: Boxes = np.concatenate([first, second])[kept[:most]]
    return chosen


def _near(first: Boxes, second: Boxes) -> NDArray[np.int64]:
    """(pairs, 2) turns of the boxes that are nearly the same, the earlier first; by the later."""
    parts = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(first), _AT_ONCE):
        one, other = np.nonzero(iou(first[start : start + _AT_ONCE], second) >= NEAR)
        parts.append(np.stack([2 * (one + start), 2 * other + 1], axis=1))
    pairs = np.sort(np.concatenate(parts), axis=1)
    return pairs[np.argsort(pairs[:, 1], kind="stable")]
