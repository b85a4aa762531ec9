"""A file that can be read anywhere in it, wherever it is kept."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Protocol, TypeVar

from inceptionkit.data.types import Unusable
from inceptionkit.errors import DataError
from inceptionkit.text import printable

T = TypeVar("T")


class UnreadableShard(DataError):  # noqa: N818 - it is the name of the thing, as in `unusable.csv`
    """A shard that is missing or damaged.

    Attributes:
        reason: a few words for people, without the shard's name: "is missing".
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: it {reason}; copy or download the file again")
        self.reason = reason


class RefusedSource(DataError):  # noqa: N818 - as above
    """Shards that cannot be read as they lie there, though none is missing or damaged."""


class File(Protocol):
    """Bytes at an address. Reading is safe from several threads."""

    @property
    def name(self) -> str:
        """Its place below the address that the user gave, printable."""

    @property
    def where(self) -> str:
        """Its own address, printable."""

    @property
    def chunk(self) -> int | None:
        """Bytes that are read at once, whatever is wanted; None where reading little is cheap."""

    def size(self) -> int:
        """Bytes.

        Raises:
            OSError: it is not there, or cannot be asked.
        """

    def identity(self) -> str:
        """Address, size and time (or ETag): another one means that the content may be another.

        Empty where nothing would change with the content.

        Raises:
            OSError: it is not there, or cannot be asked.
        """

    def read(self, start: int, stop: int) -> bytes:
        """Bytes from `start` up to `stop`, fewer at the end of the file.

        Raises:
            OSError: it cannot be read.
        """

    def beside(self, name: str) -> File:
        """The file of that name in the same folder; it may not be there."""


@dataclass(frozen=True, slots=True)
class Local:
    """A file of this machine. It is opened for each reading, so that any number may be listed."""

    path: Path
    name: str
    where: str
    chunk: None = None

    def size(self) -> int:
        return self._status().st_size

    def identity(self) -> str:
        """Path, size and times."""
        return f"{self.path.resolve()}\0{stamp(self._status())}"

    def read(self, start: int, stop: int) -> bytes:
        with self.path.open("rb", buffering=0) as stream:
            stream.seek(start)
            return stream.read(max(0, stop - start))

    def beside(self, name: str) -> Local:
        path = self.path.with_name(name)
        return Local(path, name, printable(str(path)))

    def _status(self) -> os.stat_result:
        """What the system says of it; asked before it is read, since a pipe might never end."""
        status = self.path.stat()
        if not S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a plain file")
        return status


def stamp(status: os.stat_result) -> str:
    """What is another once another file is at a path, or its content was changed.

    The time that the system keeps is part of it: tools that copy or unpack a file set the other.
    """
    times = status.st_mtime_ns, status.st_ctime_ns
    return "\0".join(map(str, (status.st_size, *times, status.st_dev, status.st_ino)))


def stream(file: File, *, buffer: int = 2**16) -> BinaryIO:
    """`file` as a stream that can be sought, for readers that want one."""
    return io.BufferedReader(_Stream(file), buffer)


class _Stream(io.RawIOBase):
    def __init__(self, file: File) -> None:
        self.file = file
        self.at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = 0 if whence == os.SEEK_SET else self.at
        if whence == os.SEEK_END:
            base = self.file.size()
        if base + offset < 0:
            msg = f"cannot seek to {base + offset}"
            raise OSError(msg)
        self.at = base + offset
        return self.at

    def tell(self) -> int:
        return self.at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self.file.read(self.at, self.at + len(buffer))
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)


def each_shard(
    files: Sequence[File], inspect: Callable[[File], T]
) -> tuple[list[T], tuple[Unusable, ...]]:
    """Look into each shard; one that is missing or damaged is noted by name and skipped.

    Raises:
        UnreadableShard: not one of them can be read.
    """
    good, bad = [], []
    first: UnreadableShard | None = None
    for file in files:
        try:
            good.append(inspect(file))
        except UnreadableShard as error:
            first = first or error
            bad.append(Unusable(file.name, f"the shard {error.reason}"))
    if first is not None and not good:
        raise first
    return good, tuple(bad)


def reason_of(error: BaseException) -> str:
    """What an error of the system says, in lower case."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(words).splitlines()[0].lower()
