"""What every dataset of labeled images offers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from inceptionkit.preprocess import as_rgb
from inceptionkit.preprocess.decode import FILE_BYTES

SetName: TypeAlias = Literal["train", "val", "test"]
Raw: TypeAlias = bytes | Path | NDArray[np.uint8]

_PIECE = 2**16  # bytes of a file that are hashed at once

SETS: tuple[SetName, ...] = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Sample:
    """One labeled image of a dataset."""

    name: str  # its place below the dataset's address, printable: "rose/1.jpg", "train.parquet#17"
    label: int  # index into the source's classes
    set: SetName | None  # None where the dataset is not divided


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Columns of a table that the user names; what is None is looked for."""

    image: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where labeled images are, and how they are read."""

    address: str | Path
    classes: str | Sequence[str] | None = None  # the only ones that count; all if None
    image_column: str | None = None  # of a table; found by its name if None
    label_column: str | None = None


DataAddress: TypeAlias = str | Path | Source


@dataclass(frozen=True, slots=True)
class Unusable:
    """An image that cannot be used, as `unusable.csv` lists it."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class SampleTable(Sequence[Sample]):
    """The samples of a dataset as columns, so that hundreds of thousands take little memory."""

    names: Sequence[str]
    labels: NDArray[np.int32]
    sets: NDArray[np.int8]  # index into SETS, or -1 where the dataset is not divided

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> SampleTable: ...
    def __getitem__(self, index: int | slice) -> Sample | SampleTable:
        if isinstance(index, slice):
            return SampleTable(self.names[index], self.labels[index], self.sets[index])
        given = int(self.sets[index])
        return Sample(
            self.names[index], int(self.labels[index]), SETS[given] if given >= 0 else None
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Runs of samples that are read at once, such as row groups, whatever is wanted of them."""

    starts: NDArray[np.int64]  # index of the first sample of each
    sizes: NDArray[np.int64]  # (samples,) encoded bytes of each sample, or the mean of its block


class Dataset(Protocol):
    """Labeled images at an address. Reading is safe from several threads; nothing is written."""

    @property
    def address(self) -> str:
        """Where the images are, as it was given."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; a label is an index into them."""

    @property
    def samples(self) -> SampleTable:
        """All samples, in an order that does not depend on the file system's."""

    @property
    def allows_flip(self) -> bool:
        """Whether a mirrored image keeps its meaning. False for digits, letters, left and right."""

    @property
    def skipped(self) -> tuple[Unusable, ...]:
        """What was found but could not even be listed, such as a folder without permission."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided or left out while the images were found, one sentence each."""

    def read(self, index: int) -> Raw:
        """Give one image undecoded: encoded bytes, the path of a file, or pixels.

        Raises:
            UnusableImage: there is nothing to decode.
        """

    @property
    def blocks(self) -> Blocks | None:
        """What is read at once; None where each sample is read by itself, and any order will do."""

    def fingerprint(self) -> str:
        """SHA-256 over names, labels, sets and byte sizes, hexadecimal; no pixel is read."""


def content_hash(raw: Raw) -> int:
    """64 bits by which an image is known again: of its file's bytes, or of its pixels.

    A file on disk is read in pieces. Of one that cannot be read, or is none, such as a pipe, it is
    0: whoever decodes it says why.
    """
    if isinstance(raw, Path):
        try:
            if not raw.is_file() or raw.stat().st_size > FILE_BYTES:
                return 0
            summary = hashlib.blake2b(digest_size=8)
            with raw.open("rb", buffering=0) as file:
                while piece := file.read(_PIECE):
                    summary.update(piece)
        except OSError:
            return 0
        return int.from_bytes(summary.digest(), "little")
    summary = hashlib.blake2b(
        b"" if isinstance(raw, bytes) else repr(raw.shape).encode(), digest_size=8
    )
    summary.update(raw if isinstance(raw, bytes) else np.ascontiguousarray(raw).data)
    return int.from_bytes(summary.digest(), "little")


BUILT_IN: tuple[str, ...] = ("digits",)
"""Addresses that are words: datasets of the package."""


def decode_sample(dataset: Dataset, index: int) -> NDArray[np.uint8]:
    """Read and decode one image.

    Returns:
        (height, width, 3) uint8, RGB, upright.

    Raises:
        UnusableImage: it cannot be used.
    """
    return as_rgb(dataset.read(index))


def digest(dataset: Dataset, bytes_each: Sequence[int] | None = None) -> str:
    """SHA-256 over what a dataset holds; the order in which it was listed does not count.

    Args:
        dataset: whose names, labels (as names of classes) and sets count.
        bytes_each: byte size of each sample, where it is known.
    """
    samples = dataset.samples
    rows = zip(
        samples.names,
        samples.labels.tolist(),
        samples.sets.tolist(),
        repeat(-1) if bytes_each is None else bytes_each,
        strict=False,
    )
    summary = hashlib.sha256()
    for name, label, given, size in sorted(rows):
        line = f"{name}\0{dataset.classes[label]}\0{given}\0{size}\n"
        summary.update(line.encode("utf-8", "surrogateescape"))
    return summary.hexdigest()
