"""Parquet files in the Hugging Face image layout: a column of images, a column of labels."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import checks
from inceptionkit.data.flip_names import flippable
from inceptionkit.data.sources.layout import sorted_classes
from inceptionkit.data.sources.parquet_columns import Labels, image_column, read_labels
from inceptionkit.data.sources.parquet_pages import check_columns
from inceptionkit.data.storage import File, UnreadableShard, each_shard
from inceptionkit.data.storage.file import stream
from inceptionkit.data.storage.open import shard_sets
from inceptionkit.data.types import Blocks, ColumnNames, SampleTable, Unusable, digest
from inceptionkit.preprocess import UnusableImage
from inceptionkit.text import plural, printable

_ANY = ColumnNames()
_PIECE_BYTES = 2**25  # of rows that are read at once
_PIECE_ROWS = 512  # of a piece, at most
_KEPT_PIECES = 4
_READERS = 2  # at different rows; each holds a page, which pyarrow makes of 1,024 rows
_BUFFER_BYTES = 2**20  # that a reader reads at once


@dataclass(frozen=True, slots=True, eq=False)
class Parquet:
    """Images embedded in Parquet shards. Row groups are read when they are needed."""

    address: str
    classes: tuple[str, ...]
    samples: SampleTable
    allows_flip: bool
    groups: _Groups
    skipped: tuple[Unusable, ...] = ()
    notes: tuple[str, ...] = ()

    def read(self, index: int) -> bytes:
        return self.groups.read(index)

    @property
    def files(self) -> Iterator[tuple[File, int]]:
        """The file of each row group, and how many samples it holds."""
        counts = np.diff(self.groups.starts).tolist()
        return zip((shard.file for shard, _ in self.groups.places), counts, strict=True)

    @property
    def blocks(self) -> Blocks:
        """The row groups."""
        rows = np.diff(self.groups.starts)
        return Blocks(
            self.groups.starts[:-1], np.repeat(self.groups.sizes // np.maximum(1, rows), rows)
        )

    def fingerprint(self) -> str:
        """SHA-256 over names, labels, sets and the sizes of row groups."""
        return digest(self, np.repeat(self.groups.sizes, np.diff(self.groups.starts)).tolist())


def open_shards(address: str, files: Sequence[File], named: ColumnNames = _ANY) -> Parquet:
    """Read the labels and the footers of `files`; no image is touched.

    A file that is missing or damaged is listed as unusable, by name.

    Raises:
        DataError: pyarrow is not installed, no file can be read, one lacks a column, a label has
            no class, or only some of the files are named after sets.
    """
    arrow = _pyarrow(address)
    every, skipped = each_shard(files, lambda file: _open_shard(arrow, file, named))
    tables = [table for table in every if len(table.labels.numbers)]
    if not tables:
        empty = not any(table.metadata.num_rows for table in every)
        wrong = "it has no rows" if empty else "no row has a label"
        raise checks.data_error(address, wrong, "choose another file")
    notes = [
        f"{table.file.name} is not used: {plural(table.metadata.num_rows, 'image')} without a class"
        for table in every
        if table not in tables and table.metadata.num_rows
    ]
    notes += dict.fromkeys(note for table in tables for note in table.labels.notes)
    classes, labels, left_out = _merged(tables)
    sets = _sets(address, tables)
    names = [
        f"{table.file.name}#{row}" for table in tables for row in range(len(table.labels.numbers))
    ]
    return Parquet(
        address=address,
        classes=classes,
        samples=SampleTable(names, labels, sets),
        allows_flip=not any(table.labels.named for table in tables) or flippable(classes),
        groups=_groups(arrow, tables),
        skipped=skipped,
        notes=(*notes, *left_out, *checks.similar_names(classes)),
    )


def _pyarrow(address: str) -> ModuleType:
    try:
        import pyarrow.parquet
    except ImportError as error:
        wrong = "reading Parquet needs pyarrow, which is not installed"
        raise checks.data_error(address, wrong, "run pip install pyarrow") from error
    module: ModuleType = pyarrow
    return module


@dataclass(frozen=True, slots=True, eq=False)
class _Shard:
    file: File
    metadata: Any  # pyarrow.parquet.FileMetaData
    column: str  # leaf column of the encoded bytes
    labels: Labels


def _open_shard(arrow: Any, file: File, named: ColumnNames) -> _Shard:  # noqa: ANN401 - pyarrow has no types
    where = file.where
    try:
        with stream(file) as opened, arrow.parquet.ParquetFile(opened) as table:
            if table.metadata.num_rows > (held := file.size()):  # each row has a byte, at least
                reason = f"claims {table.metadata.num_rows:,} rows in {held:,} bytes"
                raise UnreadableShard(where, reason)
            image = image_column(arrow, where, table.schema_arrow, named.image)
            for number in range(table.metadata.num_row_groups):
                group = table.metadata.row_group(number)
                check_columns(opened, group, image.partition(".")[0], others=True)
            labels = read_labels(arrow, where, table, image, named)
            return _Shard(file, table.metadata, image, labels)
    except FileNotFoundError as error:
        raise UnreadableShard(where, "is missing") from error
    except (OSError, arrow.ArrowException) as error:
        reason = f"cannot be read as Parquet ({str(error).splitlines()[0]})"
        raise UnreadableShard(where, reason) from error


def _merged(
    tables: Sequence[_Shard],
) -> tuple[tuple[str, ...], NDArray[np.int32], tuple[str, ...]]:
    """Classes of all shards, matched by name, the labels as indices into them, and notes."""
    every = list(dict.fromkeys(name for table in tables for name in table.labels.classes))
    classes = every if any(table.labels.named for table in tables) else sorted_classes(every)
    index = {name: label for label, name in enumerate(classes)}
    labels = np.concatenate(
        [
            np.array([index[name] for name in table.labels.classes], np.int32)[table.labels.numbers]
            for table in tables
        ]
    )
    return checks.with_images(tuple(map(printable, classes)), labels)


def _sets(address: str, tables: Sequence[_Shard]) -> NDArray[np.int8]:
    """The set of each row: what a column says, or what its file is named after.

    Raises:
        DataError: only some rows have one.
    """
    columns = [table.labels.sets for table in tables]
    said = [column for column in columns if column is not None]
    if len(said) == len(tables):
        return np.concatenate(said)
    if said:
        without = tables[next(n for n, column in enumerate(columns) if column is None)]
        wrong = f"{without.file.name!r} has no column of sets, others have"
        raise checks.data_error(address, wrong, "add the column to all files, or to none")
    sets = shard_sets(address, (table.file.name for table in tables))
    return np.repeat(np.array(sets, np.int8), [len(table.labels.numbers) for table in tables])


def _groups(arrow: Any, tables: Sequence[_Shard]) -> _Groups:  # noqa: ANN401
    places = [
        (table, n)
        for table in tables
        for n in range(table.metadata.num_row_groups)
        if table.metadata.row_group(n).num_rows
    ]
    metas = [table.metadata.row_group(n) for table, n in places]
    starts = np.cumsum([0, *(meta.num_rows for meta in metas)])
    sizes = np.array([meta.total_byte_size for meta in metas], np.int64)
    return _Groups(arrow, places, starts, sizes)


@dataclass(slots=True, eq=False)
class _Groups:
    """The row groups of all shards, read front to back; of the rows, the last used are in memory.

    A row group may be a whole file of gigabytes, as pandas writes it, so it is never in memory as a
    whole. Its rows come in pieces of about `_PIECE_BYTES`. A reader is at a row, and only goes on:
    each row is taken from the nearest reader before it, or from a new one.
    """

    arrow: Any
    places: list[tuple[_Shard, int]]
    starts: NDArray[np.int64]  # index of the first sample of each, and the count of samples
    sizes: NDArray[np.int64]  # bytes of each
    pieces: deque[_Piece] = field(default_factory=lambda: deque(maxlen=_KEPT_PIECES))
    readers: deque[_Reader] = field(default_factory=lambda: deque(maxlen=_READERS))
    checked: set[int] = field(default_factory=set)  # groups whose pages claim what is there
    lock: Lock = field(default_factory=Lock)

    def read(self, index: int) -> bytes:
        with self.lock:
            piece = next((one for one in self.pieces if index in one.rows), None)
            if piece is None:
                piece = self._load(index)
                self.pieces.append(piece)
        encoded: bytes | None = piece.column[index - piece.rows.start].as_py()
        if encoded is None:
            reason = "the row holds no bytes"
            raise UnusableImage(reason)
        return encoded

    def _load(self, index: int) -> _Piece:
        group = int(np.searchsorted(self.starts, index, side="right")) - 1
        shard, number = self.places[group]
        before = [one for one in self.readers if one.group == group and one.at <= index]
        try:
            if before:
                reader = max(before, key=lambda one: one.at)
                self.readers.remove(reader)
            else:
                reader = _Reader(group, int(self.starts[group]), self._batches(group))
            while True:
                column = next(reader.batches).column(0)
                rows = range(reader.at, reader.at + len(column))
                reader.at = rows.stop
                if index in rows:
                    break
        except (OSError, StopIteration, self.arrow.ArrowException) as error:
            reason = f"row group {number} of {shard.file.name} is damaged, or cannot be read"
            raise UnusableImage(reason) from error
        self.readers.append(reader)
        if self.arrow.types.is_struct(column.type):
            column = column.field("bytes")
        return _Piece(rows, column)

    def _batches(self, group: int) -> Iterator[Any]:
        """The rows of a group, some at a time."""
        shard, number = self.places[group]
        rows = int(self.starts[group + 1] - self.starts[group])
        each = max(1, _PIECE_BYTES * rows // max(1, int(self.sizes[group])))
        each = min(each, _PIECE_ROWS)  # the size is a claim, and one image may stand in all rows
        self.arrow.default_memory_pool().release_unused()
        opened = stream(shard.file)
        if group not in self.checked:
            check_columns(opened, shard.metadata.row_group(number), shard.column)
            self.checked.add(group)
        table = self.arrow.parquet.ParquetFile(
            opened,
            metadata=shard.metadata,
            pre_buffer=False,  # that is the whole group
            buffer_size=_BUFFER_BYTES,
        )
        batches: Iterator[Any] = table.iter_batches(
            batch_size=each,
            row_groups=[number],
            columns=[shard.column],
            use_threads=False,
        )
        return batches


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    rows: range  # of all samples
    column: Any  # a pyarrow.Array of binary


@dataclass(slots=True, eq=False)
class _Reader:
    group: int
    at: int  # index of the sample that comes next
    batches: Iterator[Any]  # of pyarrow.RecordBatch
