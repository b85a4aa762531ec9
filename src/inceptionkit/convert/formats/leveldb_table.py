"""The sorted table of TensorFlow's checkpoints, which is LevelDB's. No torch.

Blocks of sorted entries, then a block that says where those lie, then a footer that says where it
lies. A block ends with a byte for its compression and a checksum. TensorFlow's savers never
compress: both formats switch it off (`tensor_slice_writer.cc`, `tensor_bundle.cc`).

Sources:
    https://github.com/google/leveldb/blob/main/doc/table_format.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from inceptionkit.convert.formats.limits import LONGEST_NAME, MOST_TENSORS
from inceptionkit.convert.formats.protobuf import stretch, varint
from inceptionkit.errors import WeightsError

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48  # bytes: two handles, filled up to 40, and the magic number
_TRAILER = 5  # bytes: compression, checksum
_PLAIN = 0  # no compression


def _is_table(data: bytes) -> bool:
    """Whether `data` ends as a table does."""
    return len(data) >= _FOOTER and data[-8:] == _MAGIC.to_bytes(8, "little")


def entries(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield every key and its value, in ascending order of the keys.

    Raises:
        WeightsError: the table is damaged or compressed, a checksum is wrong, or there are more
            entries than any checkpoint of the family has.
    """
    if not _is_table(data):
        msg = "it does not end as a table does"
        raise WeightsError(msg)
    view = memoryview(data)
    before: bytes | None = None
    for count, (key, value) in enumerate(_blocks(view)):
        if before is not None and key <= before:
            msg = "its names are not in ascending order"
            raise WeightsError(msg)
        if count > MOST_TENSORS:
            msg = f"more than {MOST_TENSORS} entries"
            raise WeightsError(msg)
        yield key, value
        before = key


def _blocks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield what every block holds, in the order of the index."""
    footer = data[-_FOOTER:]
    at = 0
    for _ in range(2):  # the handle of what is said about the blocks, which savers leave empty
        _, at = varint(footer, at)
    left = len(data)
    for _, handle in _pairs(_block(data, footer[at:])):
        held = _block(data, handle)
        left -= len(held)
        if left < 0:  # the same bytes, read again and again
            msg = "its blocks overlap"
            raise WeightsError(msg)
        yield from _pairs(held)


def _block(data: memoryview, handle: memoryview) -> memoryview:
    """The entries of the block that `handle` points to."""
    offset, at = varint(handle, 0)
    size, _ = varint(handle, at)
    if offset > len(data):
        msg = f"a block at byte {offset} of {len(data)}"
        raise WeightsError(msg)
    held = stretch(data, offset, size + _TRAILER)
    if held[size] != _PLAIN:
        msg = f"a block at byte {offset} is compressed, which TensorFlow's savers do not do"
        raise WeightsError(msg)
    (expected,) = struct.unpack("<I", held[-4:])
    if checksum(held[: size + 1]) != expected:
        msg = f"the checksum of the block at byte {offset} is wrong"
        raise WeightsError(msg)
    return _without_restarts(held[:size])


def _without_restarts(held: memoryview) -> memoryview:
    """The entries of a block, without the list of places where a search may begin."""
    count = struct.unpack("<I", held[-4:])[0] if len(held) >= 4 else 0
    end = len(held) - 4 * (count + 1)
    if end < 0:
        msg = f"a block of {len(held)} bytes announces {count} restarts"
        raise WeightsError(msg)
    return held[:end]


def _pairs(held: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield key and value of each entry; of a key only what differs from the one before is held."""
    at, key = 0, b""
    while at < len(held):
        shared, at = varint(held, at)
        fresh, at = varint(held, at)
        size, at = varint(held, at)
        if shared > len(key) or shared + fresh > LONGEST_NAME:
            msg = f"a name of {shared} + {fresh} bytes after one of {len(key)}"
            raise WeightsError(msg)
        key = key[:shared] + bytes(stretch(held, at, fresh))
        at += fresh
        yield key, stretch(held, at, size)
        at += size


def checksum(data: memoryview) -> int:
    """CRC-32C, masked as LevelDB stores it, so that one of data with checksums in it is sound.

    Raises:
        WeightsError: the library for it is missing.
    """
    try:
        from google_crc32c import value
    except ImportError as error:
        msg = "checksums need google-crc32c; pip install 'inceptionkit[convert]'"
        raise WeightsError(msg) from error
    crc: int = value(bytes(data))
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFF_FFFF
