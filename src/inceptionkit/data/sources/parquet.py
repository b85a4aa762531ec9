"""Parquet files in the Hugging Face image layout: a column of images, a column of labels."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import checks
from inceptionkit.data.sources.layout import unique_names
from inceptionkit.data.storage import File, UnreadableShard, each_shard
from inceptionkit.data.storage.file import stream
from inceptionkit.data.storage.open import shard_sets
from inceptionkit.data.types import Blocks, SampleTable, Unusable, digest, flippable
from inceptionkit.preprocess import UnusableImage
from inceptionkit.text import printable

_MOST_CLASSES = 1_000_000  # that have no names; more is damage
_PIECE_BYTES = 2**25  # of rows that are read at once
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
    def blocks(self) -> Blocks:
        """The row groups."""
        rows = np.diff(self.groups.starts)
        return Blocks(
            self.groups.starts[:-1], np.repeat(self.groups.sizes // np.maximum(1, rows), rows)
        )

    def fingerprint(self) -> str:
        """SHA-256 over names, labels, sets and the sizes of row groups."""
        return digest(self, np.repeat(self.groups.sizes, np.diff(self.groups.starts)).tolist())


def open_shards(address: str, files: Sequence[File]) -> Parquet:
    """Read the labels and the footers of `files`; no image is touched.

    A file that is missing or damaged is listed as unusable, by name.

    Raises:
        DataError: pyarrow is not installed, no file can be read, one lacks a column, a label has
            no class, or only some of the files are named after sets.
    """
    arrow = _pyarrow(address)
    tables, skipped = each_shard(files, lambda file: _open_shard(arrow, file))
    classes, labels = _merged(tables)
    sets = shard_sets(address, (table.file.name for table in tables))
    if not len(labels):
        raise checks.data_error(address, "it has no rows", "choose another file")
    rows = [len(table.labels) for table in tables]
    names = [f"{table.file.name}#{row}" for table in tables for row in range(len(table.labels))]
    samples = SampleTable(names, labels, np.repeat(np.array(sets, np.int8), rows))
    named = any(table.named for table in tables)
    allows_flip = not named or flippable(classes)
    return Parquet(address, classes, samples, allows_flip, _groups(arrow, tables), skipped)


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
    classes: tuple[str, ...]
    named: bool  # whether the file says what its classes are called
    labels: NDArray[np.int32]


def _open_shard(arrow: Any, file: File) -> _Shard:  # noqa: ANN401 - pyarrow has no types
    where = file.where
    try:
        with stream(file) as opened, arrow.parquet.ParquetFile(opened) as table:
            schema, metadata = table.schema_arrow, table.metadata
            features = _features(schema)
            image = _image_column(arrow, where, schema)
            label = _label_column(where, schema, features)
            column = table.read(columns=[label]).column(0)
    except FileNotFoundError as error:
        raise UnreadableShard(where, "is missing") from error
    except (OSError, arrow.ArrowException) as error:
        reason = f"cannot be read as Parquet ({str(error).splitlines()[0]})"
        raise UnreadableShard(where, reason) from error
    known = features.get(label, {}).get("names")
    classes, labels = _labels(arrow, where, column, known)
    return _Shard(file, metadata, image, classes, known is not None, labels)


def _features(schema: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - pyarrow has no types
    """What Hugging Face notes of each column; empty where it notes nothing."""
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return (
        {k: v for k, v in noted.items() if isinstance(v, dict)} if isinstance(noted, dict) else {}
    )


def _image_column(arrow: Any, where: str, schema: Any) -> str:  # noqa: ANN401
    """Leaf column of the encoded bytes: of `image`, or of the only column that could be it."""
    columns_of = {}
    for column in schema:
        kind = column.type
        if arrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            columns_of[column.name] = f"{column.name}.bytes"
        elif arrow.types.is_binary(kind) or arrow.types.is_large_binary(kind):
            columns_of[column.name] = column.name
    return columns_of[_chosen(where, "image", list(columns_of), schema)]


def _label_column(where: str, schema: Any, features: dict[str, dict[str, Any]]) -> str:  # noqa: ANN401
    """`label`, or the only column that is noted as a class label."""
    noted = [name for name, feature in features.items() if feature.get("_type") == "ClassLabel"]
    candidates = ["label"] if "label" in schema.names else noted
    return _chosen(where, "label", candidates, schema)


def _chosen(where: str, name: str, candidates: list[str], schema: Any) -> str:  # noqa: ANN401
    if name in candidates:
        return name
    if len(candidates) == 1:
        return candidates[0]
    wrong = f"no column {name!r} among {', '.join(schema.names)}"
    raise checks.data_error(where, wrong, "rename the one that holds it")


def _labels(
    arrow: Any,  # noqa: ANN401 - pyarrow has no types
    where: str,
    column: Any,  # noqa: ANN401
    names: Sequence[str] | None,
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Names of the classes of one shard, and the labels as indices into them."""
    if column.null_count:
        wrong = f"{column.null_count} rows have no label"
        raise checks.data_error(where, wrong, "remove the file, or its rows")
    if not arrow.types.is_integer(column.type):
        words = np.array(column.cast(arrow.string()).to_pylist(), dtype=np.str_)
        classes, indices = np.unique(words, return_inverse=True)
        return tuple(map(str, classes)), indices.astype(np.int32)
    labels = column.to_numpy()
    largest = int(labels.max(initial=-1))
    if names is None and largest >= _MOST_CLASSES:
        wrong = f"label {largest} is too large for a class number"
        raise checks.data_error(where, wrong, "number the classes from 0, or remove the file")
    if names is None:
        names = [str(label) for label in range(largest + 1)]
    unknown = labels[(labels < 0) | (labels >= len(names))]
    if len(unknown):
        wrong = f"label {unknown[0]} of {len(unknown)} rows has no class, there are {len(names)}"
        raise checks.data_error(where, wrong, "remove the file, or its rows")
    return unique_names(names), labels.astype(np.int32)


def _merged(tables: Sequence[_Shard]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Classes of all shards, matched by name, and the labels as indices into them."""
    classes = list(dict.fromkeys(name for table in tables for name in table.classes))
    if not any(table.named for table in tables) and not all(map(str.isdecimal, classes)):
        classes.sort()
    index = {name: label for label, name in enumerate(classes)}
    labels = [
        np.array([index[name] for name in table.classes], np.int32)[table.labels]
        for table in tables
    ]
    return tuple(map(printable, classes)), np.concatenate(labels)


def _groups(arrow: Any, tables: Sequence[_Shard]) -> _Groups:  # noqa: ANN401
    places = [(table, n) for table in tables for n in range(table.metadata.num_row_groups)]
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
        self.arrow.default_memory_pool().release_unused()
        table = self.arrow.parquet.ParquetFile(
            stream(shard.file),
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
