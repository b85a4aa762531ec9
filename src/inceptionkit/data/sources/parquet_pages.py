"""The pages of a Parquet column, as their headers claim them: checked before memory is given.

Sources:
    The file format: github.com/apache/parquet-format, parquet.thrift, PageHeader. Its encoding:
    github.com/apache/thrift, doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

PAGE_BYTES = 2**28
"""Most bytes that a page may claim to have, unless it is large as it lies: 256 MiB."""
_LARGER = 4  # times as large as it lies, a page may be in any case
_HEADER_BYTES = (2**12, 2**24)  # that are read for a header; those with long statistics take more
_DEEPEST = 8  # structures in structures; a header has two


def check_columns(file: BinaryIO, group: Any, name: str, *, others: bool = False) -> None:  # noqa: ANN401
    """Check the pages of a column in one row group, or of all others.

    Args:
        file: that holds them.
        group: pyarrow's RowGroupMetaData.
        name: of the column, or of the structure that it is part of.
        others: whether all columns but this are meant.

    Raises:
        OSError: a page claims far more than lies in the file, or is damaged.
    """
    for number in range(group.num_columns):
        column = group.column(number)
        try:
            path = column.path_in_schema
        except UnicodeDecodeError as error:
            msg = "the name of a column is no text"
            raise OSError(msg) from error
        here = path == name or path.startswith(f"{name}.")
        if here is not others and column.num_values:
            _check_pages(file, column)


def _check_pages(file: BinaryIO, column: Any) -> None:  # noqa: ANN401 - pyarrow's ColumnChunkMetaData
    """Refuse pages that claim far more than lies in the file.

    Args:
        file: that holds them.
        column: of one row group.

    Raises:
        OSError: a page does, or is damaged.
    """
    start = column.data_page_offset
    if column.has_dictionary_page and column.dictionary_page_offset:
        start = min(start, column.dictionary_page_offset)
    for claimed, lying in _page_sizes(file, start, start + column.total_compressed_size):
        if claimed > max(PAGE_BYTES, _LARGER * lying):
            msg = f"a page of {lying:,} bytes claims {claimed:,}"
            raise OSError(msg)


def _page_sizes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Bytes of each page, unpacked and as it lies there."""
    while at < end:
        for most in _HEADER_BYTES:
            file.seek(at)
            try:
                header = _Header(file.read(most))
                break
            except IndexError:
                continue
        else:
            msg = "the header of a page is damaged"
            raise OSError(msg)
        claimed, lying = header.numbers.get(2, -1), header.numbers.get(3, -1)
        if claimed < 0 or not 0 <= lying <= end - at - header.at:
            msg = "the header of a page is damaged"
            raise OSError(msg)
        yield claimed, lying
        at += header.at + lying


class _Header:
    """The structure at the beginning of some bytes: its numbers, and where it ends."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.numbers: dict[int, int] = {}  # field -> value, of the outermost structure
        self._struct(0)

    def _struct(self, depth: int) -> None:
        if depth > _DEEPEST:
            raise IndexError
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 15
            if kind in (4, 5, 6):
                number = self._zigzag()
                if not depth:
                    self.numbers[field] = number
            elif kind > 2:  # not a truth, which has no bytes of its own
                self._skip(kind, depth)

    def _skip(self, kind: int, depth: int) -> None:
        """Go on behind a value."""
        match kind:
            case 1 | 2 | 3:  # of a list, where a truth has a byte
                self.at += 1
            case 4 | 5 | 6:
                self._varint()
            case 7:
                self.at += 8
            case 8:
                length = self._varint()  # which goes on, too
                self.at += length
            case 9 | 10:
                head = self._byte()
                for _ in range(self._varint() if head >> 4 == 15 else head >> 4):
                    self._skip(head & 15, depth + 1)
            case 12:
                self._struct(depth + 1)
            case _:  # page headers have no maps
                raise IndexError

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            if (shift := shift + 7) > 63:
                raise IndexError

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)
