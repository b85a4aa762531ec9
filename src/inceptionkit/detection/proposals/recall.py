"""How many objects the proposals cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from inceptionkit.detection.boxes import iou
from inceptionkit.detection.types import AnnotatedImage, Boxes

Source: TypeAlias = Literal["search", "learnt", "both"]
"""Who proposes: selective search, a proposer that has learnt, or both in turn."""

COUNTS = (10, 30, 100, 300, 1000)
"""Numbers of proposals that recall is measured for."""


@dataclass(frozen=True, slots=True)
class RecallPoint:
    """Shares of objects that the best proposals of each image cover."""

    proposals: int  # at most, of each image
    mean_proposals: float  # that images really have
    at_50: float  # share of objects with a proposal of IoU 0.5 or more
    at_70: float
    source: Source = "search"


def recall(
    images: Sequence[AnnotatedImage],
    proposals: Sequence[Boxes],
    counts: Sequence[int] = COUNTS,
    source: Source = "search",
) -> tuple[RecallPoint, ...]:
    """Recall against the number of proposals; difficult objects are not counted.

    Args:
        images: the truth.
        proposals: of each image, the best first.
        counts: numbers of proposals.
        source: who proposed.
    """
    points = []
    overlaps = [
        iou(image.boxes[~image.difficult], boxes)
        for image, boxes in zip(images, proposals, strict=True)
    ]
    for count in counts:
        best = [one[:, :count].max(axis=1, initial=0.0) for one in overlaps]
        every = np.concatenate(best) if best else np.zeros(0)
        used = [min(one.shape[1], count) for one in overlaps]
        points.append(
            RecallPoint(
                count,
                float(np.mean(used)) if used else 0.0,
                float((every >= 0.5).mean()) if every.size else float("nan"),
                float((every >= 0.7).mean()) if every.size else float("nan"),
                source,
            )
        )
    return tuple(points)
