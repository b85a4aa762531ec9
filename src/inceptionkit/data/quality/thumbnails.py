"""Looking for near-duplicates on the way, while something else reads the images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.quality.groups import Group, find_groups
from inceptionkit.data.quality.inspect import THUMBNAIL, Pixels, thumbnail
from inceptionkit.data.types import Blocks, Dataset, SampleTable, Unusable, decode_sample


@dataclass(frozen=True, slots=True, eq=False)
class ThumbnailRecorder:
    """A dataset that keeps a thumbnail of every image that is read from it."""

    dataset: Dataset
    seen: NDArray[np.bool_]  # (samples,)
    thumbnails: NDArray[np.uint8]  # (samples, 16, 16, 3)

    @property
    def address(self) -> str:
        """Of the dataset."""
        return self.dataset.address

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the dataset."""
        return self.dataset.classes

    @property
    def samples(self) -> SampleTable:
        """Of the dataset."""
        return self.dataset.samples

    @property
    def allows_flip(self) -> bool:
        """Of the dataset."""
        return self.dataset.allows_flip

    @property
    def skipped(self) -> tuple[Unusable, ...]:
        """Of the dataset."""
        return self.dataset.skipped

    @property
    def blocks(self) -> Blocks | None:
        """Of the dataset."""
        return self.dataset.blocks

    def read(self, index: int) -> Pixels:
        """Give one image decoded, (height, width, 3).

        Raises:
            UnusableImage: it cannot be used.
        """
        image = decode_sample(self.dataset, index)
        self.thumbnails[index] = thumbnail(image)
        self.seen[index] = True
        return image

    def fingerprint(self) -> str:
        """Of the dataset."""
        return self.dataset.fingerprint()

    def groups(self, threads: int) -> tuple[Group, ...]:
        """Near-duplicates among the images that were read."""
        indices = np.flatnonzero(self.seen)
        shown = self.thumbnails[indices]
        return find_groups(shown, indices, allows_flip=self.allows_flip, threads=threads)


def record_thumbnails(dataset: Dataset) -> ThumbnailRecorder:
    """Watch what is read from `dataset`."""
    count = len(dataset.samples)
    return ThumbnailRecorder(
        dataset, np.zeros(count, np.bool_), np.zeros((count, THUMBNAIL, THUMBNAIL, 3), np.uint8)
    )
