"""JPEG files that lack nothing but their end marker, as some cameras and downloads leave them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b
from io import BytesIO

from PIL import JpegImagePlugin

END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # in coded data other bytes follow ff
_PROGRESSIVE = (0xC2, 0xCA)
_MOST_PIXELS = 2**27
_MOST_SCANS = 64
_FILLINGS = (b"", b"\x55\xa9" * 64, b"\x93\x1e\xf0" * 43)  # what a decoder may meet after the end


class Completed(BytesIO):
    """A JPEG that was given its end marker."""


def with_end(raw: bytes) -> BytesIO:
    """A JPEG with an end marker if that is all that it lacks; any other as it is.

    What follows the last coded bit of a whole image changes none of its pixels; of one that is
    cut off it does.

    Raises:
        Exception: what Pillow raises on damaged files.
    """
    bare = raw.rstrip(b"\xff")
    if not _is_coded_to_the_end(bare):
        return BytesIO(raw)
    decoded = set()
    for filling in _FILLINGS:
        with JpegImagePlugin.JpegImageFile(BytesIO(bare + filling + END), "") as image:
            decoded.add(blake2b(image.tobytes(), digest_size=16).digest())
    return Completed(bare + END) if len(decoded) == 1 else BytesIO(raw)


def _is_coded_to_the_end(raw: bytes) -> bool:
    """Whether a file ends within coded data, and no scan of its image is missing."""
    left: dict[tuple[int, int], int] = {}  # component, coefficient -> bits that are not there yet
    components, progressive, scans, marker = b"", False, 0, -1
    for marker, body in _segments(raw):
        if marker == 0xD9 or scans > _MOST_SCANS:
            return False
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(body) > 6:
            height, width = (int.from_bytes(body[at : at + 2]) for at in (1, 3))
            if not 0 < height * width <= _MOST_PIXELS:
                return False
            progressive, components = marker in _PROGRESSIVE, body[6::3]
            left = {(c, k): 1 for c in components for k in range(64)}
        if marker == 0xDA and body:
            scans += 1
            first, last, bits = body[-3:] if progressive else (0, 63, 0)
            for component in body[1 : 1 + 2 * body[0] : 2]:
                left.update({(component, k): bits & 15 for k in range(first, last + 1)})
    return marker == 0xDA and bool(left) and not any(left.values())


def _segments(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and what they hold; coded data is skipped."""
    at = 2
    while (found := _MARKER.search(raw, at)) is not None:
        at = found.end()
        marker = raw[at - 1]
        size = 0 if marker in (0x01, 0xD8, 0xD9) else int.from_bytes(raw[at : at + 2])
        yield marker, raw[at + 2 : at + size]
        at += size
