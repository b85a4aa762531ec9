"""The pass over all images of a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.loading.read import at_depth, survey
from inceptionkit.data.quality import cache
from inceptionkit.data.quality.inspect import STATS_DTYPE, ImageStats, inspect_image
from inceptionkit.data.quality.mirroring import mirroring_changes_class
from inceptionkit.data.quality.near_duplicates import Group, find_groups
from inceptionkit.data.types import Dataset, Unusable
from inceptionkit.preprocess import UnusableImage

_CHUNK = 64  # images per task


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What one look at each image showed."""

    dataset: Dataset
    stats: ImageStats  # (samples,) rows of STATS_DTYPE; those of unusable images are empty
    reasons: Mapping[int, str]  # index of a sample that cannot be used -> why
    remembered: int  # how many images were remembered from an earlier scan

    @property
    def usable(self) -> NDArray[np.int64]:
        """Indices of the samples that can be used."""
        return np.flatnonzero(self.stats["usable"])

    @property
    def unusable(self) -> tuple[Unusable, ...]:
        names = self.dataset.samples.names
        bad = sorted(self.reasons.items())
        return self.dataset.skipped + tuple(Unusable(names[i], reason) for i, reason in bad)

    @property
    def allows_flip(self) -> bool:
        """Whether a mirrored image keeps its meaning, as the names and the images say."""
        usable, samples = self.usable, self.dataset.samples
        seen = self.stats["thumbnail"][usable]
        return self.dataset.allows_flip and not mirroring_changes_class(
            seen, samples.labels[usable]
        )

    def groups(self, threads: int = 1) -> tuple[Group, ...]:
        """Images that show the same picture."""
        usable = self.usable
        seen = self.stats[usable]
        return find_groups(
            seen["thumbnail"],
            usable,
            allows_flip=self.allows_flip,
            pixels=seen["pixels"],
            threads=threads,
        )


def scan(dataset: Dataset, *, threads: int, progress: Callable[[int], None] | None = None) -> Scan:
    """Look at every image once; what was seen before and did not change since is remembered.

    In threads, since Pillow decodes without holding the interpreter. Processes were no faster on
    two cores, and would need a dataset that can be opened again.

    Args:
        dataset: what to look at; nothing is written to it.
        threads: how many look at once.
        progress: called in the calling thread with the count of images done so far.
    """
    count = len(dataset.samples)
    stats = np.zeros(count, STATS_DTYPE)
    reasons: dict[int, str] = {}
    stamps = cache.stamps(dataset)
    known = cache.recall(dataset, stamps, stats, reasons)
    new = np.flatnonzero(~known)

    def some(indices: NDArray[np.int64]) -> int:
        for index in indices.tolist():
            try:
                inspect_image(dataset, index, stats[index])
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
        cache.keep(dataset, stamps, stats, reasons)
    dataset = _scaled(dataset, stats)
    return Scan(dataset, stats, reasons, count - len(new))


def _scaled(dataset: Dataset, stats: ImageStats) -> Dataset:
    """The dataset at the depth that its images use, and what is known of the deep ones so seen.

    That is not remembered: with other images beside them they may have another depth.
    """
    deep = np.flatnonzero(stats["deep"])
    depth = survey(dataset).depth if len(deep) else 16
    for index in deep.tolist() if depth != 16 else ():
        inspect_image(dataset, index, stats[index], depth)
    return at_depth(dataset, depth)


def stored(scan: Scan, key: str) -> dict[str, int]:
    """How many usable images have each "mode" or "format", most first."""
    words = scan.stats[key][scan.usable].tolist()
    return {word.decode(): number for word, number in Counter(words).most_common()}
