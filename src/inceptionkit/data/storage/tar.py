"""A tar, listed by one pass over its headers."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inceptionkit.data.storage.file import File, stream
from inceptionkit.data.storage.types import MEMBER_LIMIT, Member
from inceptionkit.preprocess import UnusableImage

_BLOCK = 512  # bytes of a header


@dataclass(frozen=True, slots=True)
class Tar:
    """Members of a tar; a place is (first byte, bytes)."""

    file: File

    def members(self, wanted: Callable[[str, int], bool]) -> Iterator[Member]:
        """List the plain files."""
        with (
            stream(self.file, buffer=_BLOCK) as opened,
            tarfile.open(fileobj=opened, mode="r:") as tar,
        ):
            while (found := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # else every header is kept in memory
                if found.isreg() and not found.issparse():
                    yield self._member(found, wanted)
            self._refuse_rubbish(tar.offset)

    def _member(self, found: tarfile.TarInfo, wanted: Callable[[str, int], bool]) -> Member:
        place = (found.offset_data, found.size)
        content = self.read(place) if wanted(found.name, found.size) else None
        return Member(found.name, place, content)

    def _refuse_rubbish(self, end: int) -> None:
        """`tarfile` takes a damaged header for the end; at a real end there are zeros, or nothing.

        Raises:
            tarfile.ReadError: there is something else.
        """
        if self.file.read(end, end + _BLOCK).strip(b"\0"):
            msg = "a header is damaged"
            raise tarfile.ReadError(msg)

    def read(self, place: tuple[int, ...]) -> bytes:
        """Bytes of one member."""
        start, size = place
        if size > MEMBER_LIMIT:
            reason = f"has {size:,} bytes, the limit is {MEMBER_LIMIT:,}"
            raise UnusableImage(reason)
        return self.file.read(start, start + size)
