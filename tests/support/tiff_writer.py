"""Writes TIFFs that Pillow cannot write: any depth, either byte order, planes apart."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIPS, SAMPLES, ROWS, SIZES, PLANAR, FORMAT = 273, 277, 278, 279, 284, 339
LARGEST = 281  # MaxSampleValue
_DEFLATE = 8


def tiff(
    values: NDArray[np.generic],
    *,
    planar: bool = False,
    inverted: bool = False,
    big: bool = False,
    packed: bool = False,
    tags: Mapping[int, int] | None = None,
) -> bytes:
    """A TIFF of (height, width) grey or (height, width, 3) RGB, of the depth of its type.

    Args:
        values: of the samples, as stored.
        planar: whether each channel lies by itself.
        inverted: whether zero is white.
        big: whether numbers begin with their highest byte.
        packed: whether it is deflated.
        tags: more of them, or others.
    """
    height, width, channels = (*values.shape, 1)[:3]
    order = ">" if big else "<"
    stored = values.reshape(height, width, channels).astype(values.dtype.newbyteorder(order))
    planes = [stored[:, :, c] for c in range(channels)] if planar else [stored]
    strips = [zlib.compress(p.tobytes()) if packed else p.tobytes() for p in planes]
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    entries: dict[int, tuple[int, ...]] = {
        WIDTH: (width,),
        HEIGHT: (height,),
        BITS: (8 * values.dtype.itemsize,) * channels,
        COMPRESSION: (_DEFLATE if packed else 1,),
        PHOTOMETRIC: (2 if channels > 1 else 0 if inverted else 1,),
        STRIPS: tuple(8 + sum(map(len, strips[:n])) for n in range(len(strips))),
        SAMPLES: (channels,),
        ROWS: (height,),
        SIZES: tuple(map(len, strips)),
        PLANAR: (2 if planar else 1,),
        FORMAT: (kind,) * channels,
    }
    entries |= {tag: (value,) for tag, value in (tags or {}).items()}
    body = b"".join(strips)
    place = 8 + len(body) + len(body) % 2
    table, beyond = struct.pack(f"{order}H", len(entries)), b""
    after = place + 2 + 12 * len(entries) + 4
    for tag, numbers in sorted(entries.items()):
        data = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            beyond, data = beyond + data, struct.pack(f"{order}I", after + len(beyond))
        table += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + data
    head = (b"MM\0*" if big else b"II*\0") + struct.pack(f"{order}I", place)
    return head + body.ljust(place - 8, b"\0") + table + bytes(4) + beyond
