"""Whether an exported model says what the trained one says, on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.model.export_info import Precision

TOLERANCE: Mapping[Precision, float] = MappingProxyType({"fp32": 1e-4, "bf16": 0.1})
"""Largest difference of a probability. What int8 changes is judged by accuracy instead."""


BLOCK_TOLERANCE: Mapping[Precision, float] = MappingProxyType(
    {"fp32": 1e-4, "bf16": 0.05, "int8": 0.2}
)
"""Largest difference of what a block gives, as a share of its largest value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How two models differ on some images."""

    images: int
    top1: float  # share of the images to which both give the same name
    difference: float  # largest between two probabilities of the same class
    worst: str  # name of the image where it is

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


def agreement(
    ours: NDArray[np.float32], theirs: NDArray[np.float32], names: Sequence[str]
) -> Agreement:
    """Compare probabilities, (images, classes) each.

    Args:
        ours: of one model.
        theirs: of the other.
        names: of the images.
    """
    apart = np.abs(ours - theirs).max(1)
    worst = int(apart.argmax())
    return Agreement(
        images=len(names),
        top1=float((ours.argmax(1) == theirs.argmax(1)).mean()),
        difference=float(apart[worst]),
        worst=names[worst],
    )
