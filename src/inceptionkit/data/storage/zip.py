"""A zip, listed by its directory."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inceptionkit.data.storage.file import File, stream
from inceptionkit.data.storage.types import MEMBER_LIMIT, Member
from inceptionkit.preprocess import UnusableImage

_HEADER = struct.Struct("<4s22xHH")  # signature, lengths of name and extra field
_SIGNATURE = b"PK\3\4"
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class Zip:
    """Members of a zip; a place is (header, bytes, packed bytes, checksum, method, flags).

    `zipfile` reads the directory. A member is read here, since `zipfile` inflates what lies about
    its size without limit, and reads one member at a time.
    """

    file: File

    def members(self, wanted: Callable[[str, int], bool]) -> Iterator[Member]:
        with stream(self.file) as opened, zipfile.ZipFile(opened) as directory:
            if sum(info.compress_size for info in directory.infolist()) > self.file.size():
                msg = "its files overlap"  # the same bytes would be inflated again and again
                raise zipfile.BadZipFile(msg)
            for info in directory.infolist():
                if info.filename and not info.is_dir():
                    place = _place(info)
                    read = wanted(info.filename, info.file_size) and not is_encrypted(place)
                    yield Member(info.filename, place, self.read(place) if read else None)

    def read(self, place: tuple[int, ...]) -> bytes:
        header, size, packed, checksum, method, flags = place
        if flags & _ENCRYPTED:
            reason = "is encrypted; unpack it with its password"
            raise UnusableImage(reason)
        if max(packed, size) > MEMBER_LIMIT:
            reason = f"has {max(packed, size):,} bytes, the limit is {MEMBER_LIMIT:,}"
            raise UnusableImage(reason)
        head = self.file.read(header, header + _HEADER.size)
        if len(head) < _HEADER.size or head[:4] != _SIGNATURE:
            reason = "damaged in the zip"
            raise UnusableImage(reason)
        _, name, extra = _HEADER.unpack(head)
        start = header + _HEADER.size + name + extra
        content = _unpacked(self.file.read(start, start + packed), size, method)
        if len(content) != size or zlib.crc32(content) != checksum:
            reason = "damaged in the zip"
            raise UnusableImage(reason)
        return content


def is_encrypted(place: tuple[int, ...]) -> bool:
    """Whether a member of a zip, by its place, needs a password."""
    return bool(place[-1] & _ENCRYPTED)


def _place(info: zipfile.ZipInfo) -> tuple[int, ...]:
    return (
        info.header_offset,
        info.file_size,
        info.compress_size,
        info.CRC,
        info.compress_type,
        info.flag_bits,
    )


def _unpacked(data: bytes, size: int, method: int) -> bytes:
    if method == zipfile.ZIP_STORED:
        return data
    if method != zipfile.ZIP_DEFLATED:
        reason = f"is packed by method {method} of zip; pack it by deflate, or not at all"
        raise UnusableImage(reason)
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
    except zlib.error as error:
        reason = "damaged in the zip"
        raise UnusableImage(reason) from error
