"""A gzip file as what is in it, read anywhere without unpacking it to a disk."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from inceptionkit.data.storage.file import File

_PIECE = 2**18  # compressed bytes that are read at once
_CLOSEST = 2**20  # inflated bytes between two marks, at least
_MARKS = 2**12  # as many as a file that is inflated to its own size has at most
_RATIO, _FREE = 200, 2**28  # inflated bytes per compressed one, beyond this many: else it is a bomb


@dataclass(slots=True)
class _Cursor:
    """A place in the inflated bytes from which inflating can go on."""

    at: int  # inflated bytes before it
    read: int  # compressed bytes that were handed to the decompressor
    inflater: Any  # a zlib decompressor object, or None at the start of a member

    def copy(self) -> _Cursor:
        return _Cursor(self.at, self.read, self.inflater.copy() if self.inflater else None)


@dataclass(slots=True)
class Inflated:
    """What is in a gzip file.

    Inflating starts at the nearest mark before the bytes wanted: a copy of the decompressor's
    state (about 40 kB), so that marks take at most 160 MB or, in files that shrank to less than
    half, a share of what they hold. Reading forwards goes on where it stopped.
    """

    packed: File
    marks: list[_Cursor] = field(default_factory=lambda: [_Cursor(0, 0, None)])
    cursor: _Cursor = field(default_factory=lambda: _Cursor(0, 0, None))
    rest: bytes = b""  # inflated bytes right before the cursor, of the last piece
    end: int | None = None  # inflated bytes in all, once known
    lock: Lock = field(default_factory=Lock)
    chunk: int = 0  # inflated bytes between two marks

    def __post_init__(self) -> None:
        try:
            wanted = self.packed.size() // _MARKS
        except OSError:  # whoever opens it will say so
            wanted = 0
        self.chunk = max(_CLOSEST, self.packed.chunk or 0, 1 << wanted.bit_length())

    @property
    def name(self) -> str:
        return self.packed.name

    @property
    def where(self) -> str:
        return self.packed.where

    def size(self) -> int:
        with self.lock:
            while self._step():
                pass
            return self.end or 0

    def identity(self) -> str:
        """That of the gzip file."""
        return self.packed.identity()

    def read(self, start: int, stop: int) -> bytes:
        data = bytearray()
        with self.lock:
            self._go_to(start)
            while len(data) < stop - start:
                begin = self.cursor.at - len(self.rest)
                data += self.rest[start + len(data) - begin : stop - begin]
                if len(data) < stop - start and not self._step():
                    break
        return bytes(data)

    def beside(self, name: str) -> File:
        return self.packed.beside(name)

    def _go_to(self, start: int) -> None:
        """Put the cursor at or before `start`, and go on until it is in `rest`."""
        nearest = self.marks[bisect_right(self.marks, start, key=lambda mark: mark.at) - 1]
        if not self.cursor.at - len(self.rest) <= start or self.cursor.at < nearest.at:
            self.cursor, self.rest = nearest.copy(), b""
        while self.cursor.at <= start and self._step():
            pass

    def _step(self) -> bool:
        """Inflate one piece more; False at the end."""
        cursor = self.cursor
        piece = self.packed.read(cursor.read, cursor.read + _PIECE)
        if cursor.inflater is None and not piece.strip(b"\0"):  # the end, or padding after it
            cursor.read += len(piece)
            self.end, self.rest = cursor.at, b""
            return bool(piece)
        inflater = cursor.inflater or zlib.decompressobj(wbits=31)
        try:
            self.rest = inflater.decompress(piece, self.chunk)
        except zlib.error as error:
            msg = "the compressed data is damaged"
            raise OSError(msg) from error
        if not (piece or self.rest or inflater.eof):
            msg = "the compressed data is truncated"
            raise OSError(msg)
        cursor.read += len(piece) - len(inflater.unconsumed_tail) - len(inflater.unused_data)
        cursor.at += len(self.rest)
        cursor.inflater = None if inflater.eof else inflater
        self._refuse_bomb()
        if cursor.at >= self.marks[-1].at + self.chunk:
            self.marks.append(cursor.copy())
        return True

    def _refuse_bomb(self) -> None:
        if self.cursor.at > _FREE + _RATIO * self.cursor.read:
            msg = f"it grows to more than {_RATIO} times its size"
            raise OSError(msg)
