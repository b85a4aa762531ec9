"""Looking for near-duplicates on the way, while something else reads the images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.quality.groups import Group, find_groups
from inceptionkit.data.quality.inspect import THUMBNAIL, Pixels, thumbnail
from inceptionkit.data.types import Blocks, Samples, Source, Unusable, pixels


@dataclass(frozen=True, slots=True, eq=False)
class WatchedSource:
    """A source that keeps a thumbnail of every image that is read from it."""

    source: Source
    seen: NDArray[np.bool_]  # (samples,)
    thumbnails: NDArray[np.uint8]  # (samples, 16, 16, 3)

    @property
    def address(self) -> str:
        """Of the source."""
        return self.source.address

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the source."""
        return self.source.classes

    @property
    def samples(self) -> Samples:
        """Of the source."""
        return self.source.samples

    @property
    def mirror(self) -> bool:
        """Of the source."""
        return self.source.mirror

    @property
    def unlisted(self) -> tuple[Unusable, ...]:
        """Of the source."""
        return self.source.unlisted

    @property
    def blocks(self) -> Blocks | None:
        """Of the source."""
        return self.source.blocks

    def read(self, index: int) -> Pixels:
        """Give one image decoded, (height, width, 3).

        Raises:
            UnusableImage: it cannot be used.
        """
        image = pixels(self.source, index)
        self.thumbnails[index] = thumbnail(image)
        self.seen[index] = True
        return image

    def fingerprint(self) -> str:
        """Of the source."""
        return self.source.fingerprint()

    def groups(self, threads: int) -> tuple[Group, ...]:
        """Near-duplicates among the images that were read."""
        indices = np.flatnonzero(self.seen)
        shown = self.thumbnails[indices]
        return find_groups(shown, indices, mirror=self.mirror, threads=threads)


def watched(source: Source) -> WatchedSource:
    """Watch what is read from `source`."""
    count = len(source.samples)
    return WatchedSource(
        source, np.zeros(count, np.bool_), np.zeros((count, THUMBNAIL, THUMBNAIL, 3), np.uint8)
    )
