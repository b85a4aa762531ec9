"""TensorFlow's checkpoints, both formats, without TensorFlow. No torch.

Version 2, "tensor bundle": `X.index`, a table of name -> where it lies, and
`X.data-00000-of-00001`, the values. Version 1, in which the slim models of 2016 were released: one
table whose values hold the tensors themselves. Only float tensors are read: the others count steps.

Sources:
    https://github.com/tensorflow/tensorflow: core/protobuf/tensor_bundle.proto,
    core/util/saved_tensor_slice.proto, core/framework/{types,tensor,tensor_shape,
    tensor_slice}.proto: the numbers of the fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.convert.formats.leveldb_table import checksum, entries
from inceptionkit.convert.formats.limits import content, floats, keep
from inceptionkit.convert.formats.protobuf import joined, messages, number_in, stretch
from inceptionkit.errors import WeightsError

Tensors: TypeAlias = dict[str, NDArray[np.floating[Any]]]

_KINDS: Mapping[int, str] = MappingProxyType({1: "<f4", 2: "<f8"})  # DataType -> numpy's name
_VALUES: Mapping[int, int] = MappingProxyType({1: 5, 2: 6})  # DataType -> field of a TensorProto
_BIG_ENDIAN = 1
_HEADER = b""  # the first key of either format
_SHARD = re.compile(r"\.data-\d{5}-of-\d{5}$")


def read(path: Path) -> Tensors:
    """Every float tensor of a checkpoint.

    Args:
        path: of version 2 the `.index`, any of its data files, or what their names have in common;
            of version 1 the file.

    Raises:
        WeightsError: a file is missing, is no checkpoint, is cut short, has a wrong checksum or
            claims more than it holds; or a tensor is stored in parts.
    """
    try:
        index = _index_of(path)
        tensors = _slices(path) if index is None else _bundle(index)
    except WeightsError as error:
        msg = f"{path}: incomplete TensorFlow checkpoint: {error}; copy or download all its files"
        raise WeightsError(msg) from error
    if not tensors:
        msg = f"{path}: this checkpoint has no float tensor; give one of a trained network"
        raise WeightsError(msg)
    return tensors


def _index_of(path: Path) -> Path | None:
    """Where the index of a checkpoint of version 2 is; None for version 1, which has none."""
    prefix = _SHARD.sub("", str(path))
    index = Path(f"{prefix}.index")
    if path.suffix == ".index":
        return path
    return index if prefix != str(path) or index.is_file() else None


def _bundle(index: Path) -> Tensors:
    """Every float tensor of a checkpoint of version 2."""
    listed = dict(entries(content(index)))
    header = listed.pop(_HEADER, memoryview(b""))
    if number_in(header, 2) == _BIG_ENDIAN:
        msg = "its numbers are stored big end first"
        raise WeightsError(msg)
    shards = number_in(header, 1)
    data: dict[int, memoryview] = {}
    tensors: Tensors = {}
    left = 0
    for name, entry in listed.items():
        kind, shard = number_in(entry, 1), number_in(entry, 3)
        if kind not in _KINDS:
            continue
        if shard not in data:
            data[shard] = memoryview(content(_shard_of(index, shard, shards)))
            left += len(data[shard])
        held = _values_of(entry, data[shard])
        left -= len(held)
        if left < 0:  # entries that share their bytes would multiply them
            msg = "its tensors overlap"
            raise WeightsError(msg)
        keep(tensors, name, floats(bytes(held), _shape_of(entry, 2), _KINDS[kind]))
    return tensors


def _shard_of(index: Path, shard: int, shards: int) -> Path:
    """Where data file number `shard` of `shards` is."""
    return index.with_name(f"{index.name.removesuffix('.index')}.data-{shard:05}-of-{shards:05}")


def _values_of(entry: memoryview, data: memoryview) -> memoryview:
    """The bytes that an entry of the index points to."""
    for _ in messages(entry, 7):
        msg = "a tensor is stored in parts (a partitioned variable), which is not read"
        raise WeightsError(msg)
    offset, size = number_in(entry, 4), number_in(entry, 5)
    if offset > len(data):
        msg = f"a tensor begins at byte {offset} of {len(data)}"
        raise WeightsError(msg)
    held = stretch(data, offset, size)
    expected = int.from_bytes(joined(entry, 6), "little")
    if checksum(held) != expected:
        msg = f"the checksum of the tensor at byte {offset} is wrong"
        raise WeightsError(msg)
    return held


def _slices(path: Path) -> Tensors:
    """Every float tensor of a checkpoint of version 1."""
    declared: dict[bytes, memoryview] = {}
    tensors: Tensors = {}
    for key, record in entries(content(path)):
        if key == _HEADER:
            declared = {_name_in(tensor): tensor for tensor in _listed_in(record)}
            continue
        for held in messages(record, 2):
            name = _name_in(held)
            if name not in declared:
                msg = "a tensor is not in its list"
                raise WeightsError(msg)
            kind = number_in(declared[name], 3)
            if kind in _KINDS:
                values = joined(only(held, 3), _VALUES[kind])
                _refuse_parts(held)
                keep(tensors, name, floats(values, _shape_of(declared[name], 2), _KINDS[kind]))
    return tensors


def _listed_in(record: memoryview) -> Iterator[memoryview]:
    """What the first record says of each tensor."""
    for meta in messages(record, 1):
        yield from messages(meta, 1)


def _refuse_parts(held: memoryview) -> None:
    """Refuse values that are not the whole tensor: a part states where it begins and ends."""
    for extent in messages(only(held, 2), 1):
        if len(extent):
            msg = "a tensor is stored in parts (a partitioned variable), which is not read"
            raise WeightsError(msg)


def _shape_of(message: memoryview, number: int) -> tuple[int, ...]:
    """The shape in field `number`."""
    return tuple(number_in(size, 1) for size in messages(only(message, number), 2))


def _name_in(message: memoryview) -> bytes:
    """The text in field 1."""
    return bytes(only(message, 1))


def only(message: memoryview, number: int) -> memoryview:
    """The last message in field `number`, or an empty one."""
    last = memoryview(b"")
    for last in messages(message, number):  # noqa: B007
        pass
    return last
