"""Counting the parts of a message before it is read.

A part of two bytes becomes an object of a hundred and more: millions of empty parts would take
many times the memory that the limit of a message promises.

Sources:
    protobuf.dev/programming-guides/encoding: tags, wire types, packed fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from google.protobuf.descriptor import FieldDescriptor

from inceptionkit.serving.limits import Limits
from inceptionkit.serving.problems import refuse

_OTHERS = 1_000  # parts of a message besides its images: names, shapes, parameters, outputs
_BYTES_OF_A_VALUE = 2  # most that a whole number from 0 to 255 takes
_VARINT_BITS = 70
_TEXT = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
_FIXED = {1: 8, 5: 4}  # wire type -> bytes
_VARINT, _DELIMITED, _GROUP = 0, 2, (3, 4)


def refuse_many(body: bytes, kind: Any, limits: Limits) -> None:  # noqa: ANN401 - a Descriptor
    """Refuse a message of more parts, or of longer lists of numbers, than a request needs.

    Args:
        body: the message, as it came.
        kind: the descriptor of its type.
        limits: of images and values.

    Raises:
        Problem: so it is.
        ValueError, LookupError: it is no message.
    """
    parts, numbers = 0, 0
    for packed in _parts(body, kind):
        parts, numbers = parts + 1, numbers + packed
        if parts > limits.images + _OTHERS:
            refuse(f"a message has at most {limits.images + _OTHERS:,} parts; send several")
        if numbers > _BYTES_OF_A_VALUE * limits.values:
            refuse_values(limits)


def refuse_values(limits: Limits) -> NoReturn:
    """Refuse a list of too many numbers.

    Raises:
        Problem: always.
    """
    refuse(f"contents may list {limits.values:,} values; send raw_input_contents")


def _parts(body: bytes, kind: Any) -> Iterator[int]:  # noqa: ANN401
    """Bytes of packed numbers in each field, of the message and of the messages in it."""
    left = [(0, len(body), kind)]
    while left:
        at, end, kind = left.pop()
        while at < end:
            tag, at = _varint(body, at)
            field, wire, size = kind.fields_by_number.get(tag >> 3), tag & 7, 0
            if wire == _VARINT:
                _, at = _varint(body, at)
            elif wire == _DELIMITED:
                size, at = _varint(body, at)
            elif wire not in _GROUP:  # whose fields come one by one
                size = _FIXED[wire]
            inside = wire == _DELIMITED and field is not None
            if inside and field.message_type is not None:
                left.append((at, at + size, field.message_type))
            yield size if inside and field.message_type is None and field.type not in _TEXT else 0
            at += size


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    number = 0
    for shift in range(0, _VARINT_BITS, 7):
        byte = body[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    msg = "a number is too long"
    raise ValueError(msg)
