"""Images in memory, ready to be augmented or scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Images:
    """One set of the data."""

    pixels: Tensor  # (images, 3, height, width) uint8
    labels: Tensor  # (images,) int64
    shape: NDArray[np.float64]  # (images,) width / height of the originals
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Pixels and labels of some images, copied."""
        picked = torch.from_numpy(indices)
        return self.pixels[picked], self.labels[picked]
