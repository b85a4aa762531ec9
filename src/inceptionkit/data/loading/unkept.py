"""Sets that are scored, and do not fit into memory: decoded each time they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data import checks
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.data.loading.read import Shape, decode_samples
from inceptionkit.data.types import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class UnkeptPixels:
    """(images, 3, size, size) uint8 as a tensor has them, as far as scoring asks for them."""

    dataset: Dataset
    indices: NDArray[np.int64]  # of the samples
    fit: Shape
    threads: int

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, part: slice) -> UnkeptPixels:
        return replace(self, indices=self.indices[part])

    def split(self, size: int) -> Iterator[Tensor]:
        """Batches of `size` images; the next one is decoded while one is in use.

        Raises:
            DataError: an image that could be read cannot be read any more.
        """
        batches = [self.indices[at : at + size] for at in range(0, len(self), size)]
        with ThreadPoolExecutor(1, thread_name_prefix="scored") as ahead:
            coming = ahead.submit(self._decoded, batches[0]) if batches else None
            for following in [*batches[1:], None]:
                if coming is None:
                    return
                batch = coming.result()
                coming = None if following is None else ahead.submit(self._decoded, following)
                yield batch

    def _decoded(self, indices: NDArray[np.int64]) -> Tensor:
        loaded = decode_samples(self.dataset, indices, self.fit, self.threads)
        if loaded.unusable:
            first = loaded.unusable[0]
            wrong = f"{first.name} could be read before, and cannot any more ({first.reason})"
            raise checks.data_error(self.dataset.address, wrong, "put it back as it was")
        return torch.from_numpy(loaded.pixels).permute(0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class UnkeptImages:
    """One set of the data that is decoded again each time it is scored."""

    pixels: UnkeptPixels
    labels: Tensor  # (images,) int64
    shape: NDArray[np.float64]  # (images,) width / height of the originals
    names: Sequence[str]
    hashes: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.labels)


ScoredImages: TypeAlias = Images | UnkeptImages
ScoredPixels: TypeAlias = Tensor | UnkeptPixels


def corner(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What is kept of an image that is decoded to see whether it can be."""
    return image[:1, :1]
