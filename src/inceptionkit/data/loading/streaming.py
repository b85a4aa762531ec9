"""Training images that do not fit into memory: read and cropped as batches need them.

Crops are drawn before anything is decoded, so that no more is decoded than they need. Threads do
it: Pillow decodes and resizes without holding Python's lock, so that they are as fast for each core
as processes, and nothing has to be sent from one to another. What a batch holds does not depend on
how many there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data import checks
from inceptionkit.data.loading.sampling import (
    WINDOW_BYTES,
    WorkerInfo,
    block_parts,
    epoch_order,
    shard,
)
from inceptionkit.data.transforms.augmentation import Cropping
from inceptionkit.data.transforms.random_crop import Undecoded, crops_from_encoded
from inceptionkit.data.types import Dataset, Unusable, content_hash
from inceptionkit.preprocess import UnusableImage

BATCHES_AHEAD = 4  # batches that are read before they are asked for
_IMAGES_PER_TASK = 8  # images of a worker whose crops are drawn at once
_BLOCK_THREADS = 2  # blocks that are read at once
_SAMPLES, _SAMPLED = 16, 16  # places, and images at each, by which other data are known
_MAX_SUBSTITUTES = 100  # images of a class that may be unusable in a row


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """A batch that is being read: each part writes into its own rows."""

    crops: NDArray[np.uint8]  # (batch, side, side, 3)
    parts: Sequence[Future[None]]
    places: range  # of its images among those that are expected; empty if it was not

    def result(self) -> NDArray[np.uint8]:
        for part in self.parts:
            part.result()
        return self.crops


class Stream:
    """Training images, read as they are needed.

    An image that turns out to be unusable is replaced by the next usable one of its class, the
    same in every epoch, so that batches keep their size; `unusable` reports it.
    """

    def __init__(
        self, dataset: Dataset, indices: NDArray[np.int64], *, workers: int, strict: bool = False
    ) -> None:
        self.dataset, self.indices, self.strict = dataset, indices, strict
        self.labels = torch.from_numpy(dataset.samples.labels[indices].astype(np.int64))
        names = dataset.samples.names
        self.names = [names[index] for index in indices.tolist()]
        self.workers = workers
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self.ahead = _ReadAhead(dataset, indices)
        self.reasons: dict[int, str] = {}  # index of an unusable image -> why
        self.hashes = np.zeros((len(indices), 1), np.uint64)  # of what was read; 0 before
        self.cropping: Cropping | None = None  # of what is coming
        self.coming: deque[NDArray[np.int64]] = deque()
        self.begun: deque[_Batch] = deque()
        self.next = 0  # place among the expected images of the first that was not begun

    def __len__(self) -> int:
        return len(self.indices)

    def order(
        self, seed: int, epoch: int, positions: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        at = np.arange(len(self)) if positions is None else positions
        labels = self.labels.numpy()[at]
        return epoch_order(seed, epoch, self.indices[at], labels, self.ahead.blocks)

    @property
    def parts(self) -> int:
        """How often an epoch reads each block of the dataset, so that batches mix its classes."""
        if self.ahead.blocks is None:
            return 1
        return block_parts(self.indices, self.labels.numpy(), self.ahead.blocks)

    @property
    def largest_block(self) -> int:
        """Encoded bytes of the largest block; 0 if each image is read by itself."""
        blocks = self.ahead.blocks
        return 0 if blocks is None else int(np.add.reduceat(blocks.sizes, blocks.starts).max())

    def expect(self, batches: Sequence[NDArray[np.int64]], cropping: Cropping) -> None:
        for waiting in self.begun:
            for part in waiting.parts:
                part.cancel()
        self.begun.clear()
        self.ahead.expect(np.concatenate([np.zeros(0, np.int64), *batches]) % len(self))
        self.coming, self.cropping, self.next = deque(batches), cropping, 0
        for indices in islice(self.coming, BATCHES_AHEAD):
            self._begin_next(indices, cropping)

    def crops(
        self, indices: NDArray[np.int64], cropping: Cropping, device: str
    ) -> tuple[Tensor, Tensor]:
        at = indices % len(self)
        if self.coming and cropping == self.cropping and np.array_equal(self.coming[0], indices):
            self.coming.popleft()
            batch = self.begun.popleft()
            crops = batch.result()
            self.ahead.used(batch.places)
            if len(self.coming) >= BATCHES_AHEAD:
                self._begin_next(self.coming[BATCHES_AHEAD - 1], cropping)
        else:
            crops = self._begin(indices, cropping, range(0)).result()
        if self.strict and self.reasons:
            first = self.unusable()[0]
            wrong = f"{first.name} cannot be used ({first.reason})"
            advice = "repair or delete it, or run without --strict"
            raise checks.data_error(self.dataset.address, wrong, advice)
        pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).to(device)
        return pixels, self.labels[torch.from_numpy(at)]

    def unusable(self) -> tuple[Unusable, ...]:
        return tuple(Unusable(self.names[at], self.reasons[at]) for at in sorted(self.reasons))

    def _begin_next(self, indices: NDArray[np.int64], cropping: Cropping) -> None:
        places = range(self.next, self.next + len(indices))
        self.next = places.stop
        self.ahead.begin(places.stop)
        self.begun.append(self._begin(indices, cropping, places))

    def sample(self) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """The indices of some images, always the same, and hashes of these; 0 of what is lost."""
        starts = np.linspace(0, max(0, len(self) - _SAMPLED), _SAMPLES).astype(int)
        places = np.unique(starts[:, None] + np.arange(_SAMPLED))
        indices = self.indices[places[places < len(self)]]
        hashes = np.zeros(len(indices), np.uint64)
        for place, index in enumerate(indices.tolist()):
            with suppress(UnusableImage):
                hashes[place] = content_hash(self.dataset.read(index))
        return indices, hashes

    def _begin(self, indices: NDArray[np.int64], cropping: Cropping, places: range) -> _Batch:
        """Divide a batch over the workers; it has no `places` if it was not expected."""
        crops = np.empty((len(indices), cropping.side, cropping.side, 3), np.uint8)
        rows = np.arange(len(indices))
        readers = [
            WorkerInfo(worker=worker, workers=self.workers) for worker in range(self.workers)
        ]
        parts = [
            self.pool.submit(self._fill, crops, indices, shard(rows, reader), cropping, places)
            for reader in readers
        ]
        return _Batch(crops, parts, places)

    def _fill(
        self,
        crops: NDArray[np.uint8],
        indices: NDArray[np.int64],
        rows: NDArray[np.int64],
        cropping: Cropping,
        places: range,
    ) -> None:
        for start in range(0, len(rows), _IMAGES_PER_TASK):
            some = rows[start : start + _IMAGES_PER_TASK]
            raws = [
                self.ahead.read(at, places[row] if places else None)
                for row, at in zip(some.tolist(), (indices[some] % len(self)).tolist(), strict=True)
            ]
            for at, raw in zip((indices[some] % len(self)).tolist(), raws, strict=True):
                if not self.hashes[at] and not isinstance(raw, UnusableImage):
                    self.hashes[at] = content_hash(raw)
            crops[some], reasons = crops_from_encoded(raws, cropping, indices[some])
            for place, reason in reasons.items():
                index = indices[some[place]]
                self.reasons[int(index) % len(self)] = reason
                crops[some[place]] = self._substitute(index, cropping)

    def _substitute(self, index: np.int64, cropping: Cropping) -> NDArray[np.uint8]:
        """The crop of the next usable image of the same class, as drawn for this one."""
        at = int(index) % len(self)
        same = np.flatnonzero(self.labels.numpy() == int(self.labels[at]))
        after = np.roll(same, -int(np.searchsorted(same, at)) - 1)
        for other in after[:_MAX_SUBSTITUTES].tolist():
            raw = self.ahead.load(other)
            crops, reasons = crops_from_encoded([raw], cropping, np.array([index]))
            if not reasons:
                crop: NDArray[np.uint8] = crops[0]
                return crop
        klass = self.dataset.classes[int(self.labels[at])]
        wrong = f"no usable image of {klass!r} ({self.names[at]}: {self.reasons[at]})"
        raise checks.data_error(
            self.dataset.address, wrong, "replace its images, or remove the class"
        )


class _ReadAhead:
    """Encoded images that are expected, by whole blocks where the dataset is read so.

    Images of a block that are used within `WINDOW_BYTES` of each other are read together, and held
    until the last of them was used.
    """

    def __init__(self, dataset: Dataset, indices: NDArray[np.int64]) -> None:
        self.dataset, self.indices, self.blocks = dataset, indices, dataset.blocks
        self.pool = ThreadPoolExecutor(_BLOCK_THREADS, thread_name_prefix="blocks")
        self.held: dict[int, Future[dict[int, Undecoded]]] = {}  # by the number of the reading
        self.begun = 0  # how many readings were
        self.expect(np.zeros(0, np.int64))

    def expect(self, coming: NDArray[np.int64]) -> None:
        """Plan the readings of the images that will be used, in this order."""
        for held in self.held.values():
            held.cancel()
        self.held.clear()
        self.coming, self.begun = coming, 0
        if self.blocks is None:
            return
        indices = self.indices[coming]
        block = np.searchsorted(self.blocks.starts, indices, side="right") - 1
        self.bytes = np.cumsum(self.blocks.sizes[indices])
        order = np.argsort(block, kind="stable")
        reading = np.cumsum(_begins(block[order], self.bytes[order])) - 1
        _, first, left = np.unique(reading, return_index=True, return_counts=True)
        by_need = np.argsort(order[first])  # readings in the order of their first images
        rank = np.argsort(by_need)
        self.reading = np.empty(len(coming), np.int64)  # of each place
        self.reading[order] = rank[reading]
        self.left = left[by_need]  # images of each reading that are yet to be used
        self.first = order[first][by_need]  # place of the first image of each
        places = np.split(order, first[1:])
        self.places = [places[number] for number in by_need.tolist()]  # of the images of each

    def begin(self, stop: int) -> None:
        """Start the readings that images before the place `stop`, or soon after it, need."""
        if self.blocks is None:
            return
        until = np.searchsorted(self.bytes, self.bytes[stop - 1] + WINDOW_BYTES // 4, side="right")
        for number in range(self.begun, int(np.searchsorted(self.first, max(stop, int(until))))):
            at = np.unique(self.coming[self.places[number]])
            self.held[number] = self.pool.submit(self._load, at.tolist())
            self.begun = number + 1

    def _load(self, images: Sequence[int]) -> dict[int, Undecoded]:
        return {at: self.load(at) for at in images}

    def load(self, at: int) -> Undecoded:
        """One image, encoded, or why there is none, read by itself."""
        try:
            return self.dataset.read(int(self.indices[at]))
        except UnusableImage as error:
            return error

    def read(self, at: int, place: int | None) -> Undecoded:
        if self.blocks is None or place is None:
            return self.load(at)
        return self.held[int(self.reading[place])].result()[at]

    def used(self, places: range) -> None:
        """Let go of the readings of which nothing more is needed."""
        if self.blocks is None:
            return
        done = self.reading[places.start : places.stop]
        np.subtract.at(self.left, done, 1)
        for number in np.unique(done[self.left[done] == 0]).tolist():
            del self.held[number]


def _begins(block: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which images begin a reading: the first of a block, and the first beyond a window of one.

    Args:
        block: of each image, ascending.
        at: bytes up to each image in the order of use, ascending within a block.
    """
    begins = np.zeros(len(block), np.bool_)
    edges = [*np.flatnonzero(np.diff(block, prepend=-1)).tolist(), len(block)]
    for first, end in pairwise(edges):
        begin = first
        while begin < end:
            begins[begin] = True
            begin += int(np.searchsorted(at[begin:end], at[begin] + WINDOW_BYTES, side="right"))
    return begins
