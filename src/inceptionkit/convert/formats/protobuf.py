"""Protocol buffers' wire format, as far as weights need it. No torch.

A message is read where it lies: a field is a view into it, and a length is believed only if that
many bytes follow. Nothing is allocated for what a file merely claims.

Sources:
    https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from inceptionkit.errors import WeightsError

Value: TypeAlias = int | memoryview  # of a varint; the bytes of every other kind

_VARINT, _STRETCH = 0, 2
_FIXED = {1: 8, 5: 4}  # kind -> bytes


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """Read a number whose bytes say whether another follows.

    Returns:
        The number, from 0 to 2**64 - 1, and where it ends.

    Raises:
        WeightsError: the data ends before it does, or it has more than ten bytes.

    >>> varint(memoryview(bytes([0b10010110, 0b1, 7])), 0)
    (150, 2)
    """
    if at < len(data) and data[at] < 0x80:  # most are short, and files have millions
        return data[at], at + 1
    number = 0
    for shift, byte in enumerate(data[at : at + 10]):
        number |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, at + shift + 1
    msg = f"no number at byte {at}"
    raise WeightsError(msg)


def stretch(data: memoryview, at: int, length: int) -> memoryview:
    """`length` bytes from `at` on.

    Raises:
        WeightsError: there are fewer.
    """
    if length > len(data) - at:
        msg = f"{length} bytes are announced where {len(data) - at} are left"
        raise WeightsError(msg)
    return data[at : at + length]


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield number and value of every field, in the order of the file.

    Raises:
        WeightsError: the message ends within a field, or has one of an unknown kind.
    """
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        number, kind = divmod(tag, 8)
        if kind == _VARINT:
            value, at = varint(message, at)
            yield number, value
            continue
        if kind == _STRETCH:
            length, at = varint(message, at)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            msg = f"a field of kind {kind} at byte {at}"
            raise WeightsError(msg)
        yield number, stretch(message, at, length)
        at += length


def messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the value of every field `number`: submessages, texts or packed numbers.

    Raises:
        WeightsError: one of them is a single number.
    """
    for field, value in fields(message):
        if field == number:
            if isinstance(value, int):
                msg = f"field {number} is a number where a message should be"
                raise WeightsError(msg)
            yield value


def numbers(message: memoryview, number: int) -> Iterator[int]:
    """Yield the whole numbers of every field `number`, packed or not."""
    for field, value in fields(message):
        if field == number:
            yield from (value,) if isinstance(value, int) else _packed(value)


def _packed(values: memoryview) -> Iterator[int]:
    """Yield whole numbers that lie one behind the other."""
    at = 0
    while at < len(values):
        value, at = varint(values, at)
        yield value


def number_in(message: memoryview, number: int) -> int:
    """The whole number of field `number`: the last if there are several, 0 if there is none."""
    last = 0
    for last in numbers(message, number):  # noqa: B007
        pass
    return last


def joined(message: memoryview, number: int) -> bytearray:
    """The bytes of every field `number`: numbers of fixed size, packed or not.

    Each field of a repeated number that is not packed has the bytes of one number, so that joining
    them is right for both.
    """
    data = bytearray()
    for part in messages(message, number):
        data += part
    return data
