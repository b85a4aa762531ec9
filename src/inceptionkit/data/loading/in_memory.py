"""Sets of images in memory, ready to be augmented or scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data.rng import CounterRng, permutation
from inceptionkit.data.transforms.augmentation import Cropping
from inceptionkit.data.transforms.random_crop import crop_resize, draw_boxes, draw_resamplers
from inceptionkit.data.types import Unusable


class Lookup(Protocol):
    """Something with a value for every index."""

    def __getitem__(self, index: Any, /) -> Any:  # noqa: ANN401 - one index, or many
        """The value of an index, or those of many."""


class TrainImages(Protocol):
    """What training needs of its images, whether they are in memory or streamed.

    An index beyond the count of images is an image again, in another draw: that of the index modulo
    the count.
    """

    @property
    def labels(self) -> Tensor:
        """(images,) int64."""

    @property
    def names(self) -> Lookup:
        """Names of the images, by index."""

    def __len__(self) -> int: ...

    def order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """The indices of an epoch in their order, a function of seed and epoch."""

    def expect(self, batches: Sequence[NDArray[np.int64]], cropping: Cropping) -> None:
        """Prepare for the batches that will be asked for, in this order."""

    def crops(
        self, indices: NDArray[np.int64], cropping: Cropping, device: str
    ) -> tuple[Tensor, Tensor]:
        """Crops (batch, 3, side, side), 0 to 255, on a device, and the labels of some images."""

    def unusable(self) -> Sequence[Unusable]:
        """Images that turned out to be unusable since training began."""


@dataclass(frozen=True, slots=True)
class Images:
    """One set of the data, in memory."""

    pixels: Tensor  # (images, 3, height, width) uint8
    labels: Tensor  # (images,) int64
    shape: NDArray[np.float64]  # (images,) width / height of the originals
    names: Sequence[str]
    hashes: NDArray[np.uint64] = field(default_factory=lambda: np.zeros((0, 2), np.uint64))

    def __len__(self) -> int:
        return len(self.labels)

    def order(
        self, seed: int, epoch: int, positions: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        return permutation(seed, epoch, len(self if positions is None else positions))

    def expect(self, batches: Sequence[NDArray[np.int64]], cropping: Cropping) -> None:
        """Nothing to do: everything is in memory."""

    def crops(
        self, indices: NDArray[np.int64], cropping: Cropping, device: str
    ) -> tuple[Tensor, Tensor]:
        at = indices % len(self.labels)
        picked = torch.from_numpy(at)
        rows = self.pixels.permute(0, 2, 3, 1)  # as they lie in memory: whole images are copied
        pixels = rows.index_select(0, picked).permute(0, 3, 1, 2).to(device)
        how, rng = cropping.how, CounterRng(cropping.seed, cropping.epoch, indices)
        boxes = draw_boxes(how, self.shape[at], rng)
        one = how.interpolation
        resamplers = draw_resamplers(rng) if one == "random" else [one]
        crops = crop_resize(pixels, boxes, cropping.side, resamplers)
        return crops, self.labels[picked]

    def unusable(self) -> tuple[Unusable, ...]:
        return ()
