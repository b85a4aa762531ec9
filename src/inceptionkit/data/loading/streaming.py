"""Training images that do not fit into memory: read and cropped as batches need them.

Crops are drawn before anything is decoded, so that no more is decoded than they need. Threads do
it: Pillow decodes and resizes without holding Python's lock, so that they are as fast for each core
as processes, and nothing has to be sent from one to another. What a batch holds does not depend on
how many there are.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.data import checks
from inceptionkit.data.loading.sampling import WorkerInfo, epoch_order, shard
from inceptionkit.data.transforms.augmentation import Cropping
from inceptionkit.data.transforms.random_crop import Undecoded, crops_from_encoded
from inceptionkit.data.types import Dataset, Unusable
from inceptionkit.preprocess import UnusableImage

BATCHES_AHEAD = 4  # batches that are read before they are asked for
_IMAGES_PER_TASK = 8  # images of a worker whose crops are drawn at once
_BLOCK_THREADS = 2  # blocks that are read at once
_MAX_SUBSTITUTES = 100  # images of a class that may be unusable in a row


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """A batch that is being read: each part writes into its own rows."""

    crops: NDArray[np.uint8]  # (batch, side, side, 3)
    parts: Sequence[Future[None]]

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
        self.blocks = _BlockReader(dataset, indices)
        self.reasons: dict[int, str] = {}  # index of an unusable image -> why
        self.cropping: Cropping | None = None  # of what is coming
        self.coming: deque[NDArray[np.int64]] = deque()
        self.begun: deque[_Batch] = deque()

    def __len__(self) -> int:
        return len(self.indices)

    def order(
        self, seed: int, epoch: int, positions: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        indices = self.indices if positions is None else self.indices[positions]
        return epoch_order(seed, epoch, indices, self.dataset.blocks)

    def expect(self, batches: Sequence[NDArray[np.int64]], cropping: Cropping) -> None:
        for waiting in self.begun:
            for part in waiting.parts:
                part.cancel()
        self.begun.clear()
        self.blocks.expect([indices % len(self) for indices in batches])
        self.coming, self.cropping = deque(batches), cropping
        for indices in islice(self.coming, BATCHES_AHEAD):
            self.begun.append(self._begin(indices, cropping))

    def crops(
        self, indices: NDArray[np.int64], cropping: Cropping, device: str
    ) -> tuple[Tensor, Tensor]:
        at = indices % len(self)
        if self.coming and cropping == self.cropping and np.array_equal(self.coming[0], indices):
            self.coming.popleft()
            batch = self.begun.popleft()
            crops = batch.result()
            self.blocks.used(at)
            if len(self.coming) >= BATCHES_AHEAD:
                self.begun.append(self._begin(self.coming[BATCHES_AHEAD - 1], cropping))
        else:
            crops = self._begin(indices, cropping).result()
        if self.strict and self.reasons:
            first = self.unusable()[0]
            wrong = f"{first.name} cannot be used ({first.reason})"
            advice = "repair or delete it, or run without --strict"
            raise checks.data_error(self.dataset.address, wrong, advice)
        pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).to(device)
        return pixels, self.labels[torch.from_numpy(at)]

    def unusable(self) -> tuple[Unusable, ...]:
        return tuple(Unusable(self.names[at], self.reasons[at]) for at in sorted(self.reasons))

    def _begin(self, indices: NDArray[np.int64], cropping: Cropping) -> _Batch:
        """Divide a batch over the workers."""
        self.blocks.begin(indices % len(self))
        crops = np.empty((len(indices), cropping.side, cropping.side, 3), np.uint8)
        rows = np.arange(len(indices))
        readers = [
            WorkerInfo(worker=worker, workers=self.workers) for worker in range(self.workers)
        ]
        parts = [
            self.pool.submit(self._fill, crops, indices, shard(rows, reader), cropping)
            for reader in readers
        ]
        return _Batch(crops, parts)

    def _fill(
        self,
        crops: NDArray[np.uint8],
        indices: NDArray[np.int64],
        rows: NDArray[np.int64],
        cropping: Cropping,
    ) -> None:
        for start in range(0, len(rows), _IMAGES_PER_TASK):
            some = rows[start : start + _IMAGES_PER_TASK]
            raws = [self.blocks.read(at) for at in (indices[some] % len(self)).tolist()]
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
            raw = self.blocks.load(other)
            crops, reasons = crops_from_encoded([raw], cropping, np.array([index]))
            if not reasons:
                crop: NDArray[np.uint8] = crops[0]
                return crop
        klass = self.dataset.classes[int(self.labels[at])]
        wrong = f"no usable image of {klass!r} ({self.names[at]}: {self.reasons[at]})"
        raise checks.data_error(
            self.dataset.address, wrong, "replace its images, or remove the class"
        )


class _BlockReader:
    """Encoded images, by whole blocks where the dataset is read so.

    A block is read once in an epoch, and held until all that is wanted of it was used.
    """

    def __init__(self, dataset: Dataset, indices: NDArray[np.int64]) -> None:
        self.dataset, self.indices = dataset, indices
        starts = np.zeros(0) if dataset.blocks is None else dataset.blocks.starts
        self.block = np.searchsorted(starts, indices, side="right") - 1  # -1: none
        self.pool = ThreadPoolExecutor(_BLOCK_THREADS, thread_name_prefix="blocks")
        self.wanted: dict[int, Counter[int]] = {}  # block -> how often each image is yet to be used
        self.held: dict[int, Future[dict[int, Undecoded]]] = {}

    def expect(self, batches: Sequence[NDArray[np.int64]]) -> None:
        for block in self.held.values():
            block.cancel()
        self.wanted, self.held = {}, {}
        for indices in batches:
            for at, block in zip(indices.tolist(), self.block[indices].tolist(), strict=True):
                if block >= 0:
                    self.wanted.setdefault(block, Counter())[at] += 1

    def begin(self, indices: NDArray[np.int64]) -> None:
        """Start to read the blocks of a batch."""
        for block in np.unique(self.block[indices]).tolist():
            if block in self.wanted and block not in self.held:
                self.held[block] = self.pool.submit(self._load, sorted(self.wanted[block]))

    def _load(self, wanted: Sequence[int]) -> dict[int, Undecoded]:
        return {at: self.load(at) for at in wanted}

    def load(self, at: int) -> Undecoded:
        """One image, encoded, or why there is none, read by itself."""
        try:
            return self.dataset.read(int(self.indices[at]))
        except UnusableImage as error:
            return error

    def read(self, at: int) -> Undecoded:
        held = self.held.get(int(self.block[at]))
        return self.load(at) if held is None else held.result()[at]

    def used(self, indices: NDArray[np.int64]) -> None:
        """Let go of the blocks of which nothing more is wanted."""
        for at in indices.tolist():
            block = int(self.block[at])
            if block in self.wanted:
                self.wanted[block] -= Counter([at])
                if not self.wanted[block]:
                    del self.wanted[block], self.held[block]
