"""A tar, listed by one pass over its headers."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from inceptionkit.data.storage.file import File, stream
from inceptionkit.data.storage.types import MEMBER_LIMIT, Member
from inceptionkit.preprocess import UnusableImage

_HEADER_BYTES = 512  # bytes of a header

NAME_BYTES = 2**20
"""Most bytes of a long name, or of an extended header, in a tar: 1 MiB."""


class _Headers:
    """What `tarfile` reads of a tar: headers and names, never what they claim to be the length."""

    def __init__(self, opened: BinaryIO) -> None:
        self.opened = opened
        self.seek, self.tell = opened.seek, opened.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= NAME_BYTES:
            msg = f"a name of {size:,} bytes, the limit is {NAME_BYTES:,}"
            raise tarfile.ReadError(msg)
        return self.opened.read(size)


@dataclass(frozen=True, slots=True)
class Tar:
    """Members of a tar; a place is (first byte, bytes)."""

    file: File

    def members(self, wanted: Callable[[str, int], bool]) -> Iterator[Member]:
        with (
            stream(self.file, buffer=_HEADER_BYTES) as opened,
            tarfile.open(fileobj=cast(BinaryIO, _Headers(opened)), mode="r:") as tar,
        ):
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # else every header is kept in memory
                if info.isreg() and not info.issparse():
                    yield self._member(info, wanted)
            self._refuse_rubbish(tar.offset)

    def _member(self, info: tarfile.TarInfo, wanted: Callable[[str, int], bool]) -> Member:
        place = (info.offset_data, info.size)
        content = self.read(place) if wanted(info.name, info.size) else None
        return Member(info.name, place, content)

    def _refuse_rubbish(self, end: int) -> None:
        """`tarfile` takes a damaged header for the end; a real end is zeros, or nothing."""
        if self.file.read(end, end + _HEADER_BYTES).strip(b"\0"):
            msg = "a header is damaged"
            raise tarfile.ReadError(msg)

    def read(self, place: tuple[int, ...]) -> bytes:
        start, size = place
        if size > MEMBER_LIMIT:
            reason = f"has {size:,} bytes, the limit is {MEMBER_LIMIT:,}"
            raise UnusableImage(reason)
        return self.file.read(start, start + size)
