"""The pass over all images of a source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.quality import cache
from inceptionkit.data.quality.groups import Group, find_groups
from inceptionkit.data.quality.inspect import LOOK, Looks, look
from inceptionkit.data.types import Source, Unusable
from inceptionkit.preprocess import UnusableImage

_CHUNK = 64  # images per task


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What one look at each image showed."""

    source: Source
    looks: Looks  # (samples,) rows of LOOK; those of unusable images are empty
    reasons: Mapping[int, str]  # index of a sample that cannot be used -> why
    remembered: int  # how many looks were remembered from an earlier scan

    @property
    def usable(self) -> NDArray[np.int64]:
        """Indices of the samples that can be used."""
        return np.flatnonzero(self.looks["usable"])

    @property
    def unusable(self) -> tuple[Unusable, ...]:
        """Everything that cannot be used, unlisted things first."""
        names = self.source.samples.names
        bad = sorted(self.reasons.items())
        return self.source.unlisted + tuple(Unusable(names[i], reason) for i, reason in bad)

    def groups(self, threads: int = 1) -> tuple[Group, ...]:
        """Images that show the same picture."""
        usable = self.usable
        seen, mirror = self.looks[usable], self.source.mirror
        return find_groups(
            seen["thumbnail"], usable, mirror=mirror, pixels=seen["pixels"], threads=threads
        )


def scan(source: Source, *, threads: int, progress: Callable[[int], None] | None = None) -> Scan:
    """Look at every image once; what was seen before and did not change since is remembered.

    In threads, since Pillow decodes without holding the interpreter. Processes were no faster on
    two cores, and would need a source that can be opened again.

    Args:
        source: what to look at; nothing is written to it.
        threads: how many look at once.
        progress: called in the calling thread with the count of images done so far.
    """
    count = len(source.samples)
    looks = np.zeros(count, LOOK)
    reasons: dict[int, str] = {}
    stamps = cache.stamps(source)
    known = cache.recall(source, stamps, looks, reasons)
    new = np.flatnonzero(~known)

    def some(indices: NDArray[np.int64]) -> int:
        for index in indices.tolist():
            try:
                look(source, index, looks[index])
            except UnusableImage as error:
                reasons[index] = error.reason
        return len(indices)

    done = count - len(new)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="look")
    try:
        chunks = [new[start : start + _CHUNK] for start in range(0, len(new), _CHUNK)]
        for size in pool.map(some, chunks):
            done += size
            if progress:
                progress(done)
    finally:
        pool.shutdown(cancel_futures=True)
    if len(new):
        cache.keep(source, stamps, looks, reasons)
    return Scan(source, looks, reasons, count - len(new))
