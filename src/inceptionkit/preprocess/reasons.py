"""Why a file cannot be read as an image: what it is, and what to do."""

from __future__ import annotations

import re
import struct
from io import BytesIO

_CONVERT = "convert it to JPEG or PNG"
_KINDS = tuple(
    (re.compile(signature, re.DOTALL), what)
    for signature, what in (
        (rb"version https://git-lfs", "a pointer of Git LFS; run git lfs pull"),
        (rb"\s*(<\?xml.*?\?>\s*)?(<!.*?>\s*)*<svg", f"an SVG drawing; {_CONVERT}"),
        (rb"(?i:\s*<(!doctype html|html|head))", "a web page, not an image; download it again"),
        (rb"\xff\x0a|\0\0\0\x0cJXL ", f"JPEG XL; {_CONVERT}"),
        (rb"8BPS", f"a Photoshop file; {_CONVERT}"),
        (rb"%PDF", f"a PDF; {_CONVERT}"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", f"a PostScript file; {_CONVERT}"),
        (rb"\0\0\x01\0[^\0]\0", f"an icon; {_CONVERT}"),
        (rb"\x89HDF", "an HDF5 file, not an image; save each image as a file"),
        (rb"\x93NUMPY", "a NumPy array, not an image; save it as a PNG"),
        (rb".{128}DICM", "DICOM; convert it to PNG"),
        (rb"SIMPLE  =", "FITS; convert it to PNG"),
        (rb"v/1\x01", "OpenEXR; convert it to PNG"),
        (rb"#\?RADIANCE", "Radiance HDR; convert it to PNG"),
        (rb"DDS ", f"a DirectDraw surface; {_CONVERT}"),
        (rb"FUJIFILMCCD-RAW|II\x2a\0\x10\0\0\0CR|IIRO|IIU\0", f"a camera's raw file; {_CONVERT}"),
        (rb"....ftyp(qt|mp4|isom|M4V|3gp|avc1|mp42|MSNV)", "a video; save its frames as images"),
        (rb"\x1aE\xdf\xa3|RIFF....AVI |\0\0\x01\xba", "a video; save its frames as images"),
        (rb"PK\x03\x04", "a zip file; unpack it"),
        (rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|Rar!|7z\xbc\xaf", "a packed file; unpack it"),
    )
)
HEAD = 2**16  # bytes from the start of a file that tell
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_TIFF_SIZES = {1: 1, 3: 2, 4: 4}
_COMPRESSIONS = {
    34_712: "JPEG 2000",
    34_892: "lossy DNG JPEG",
    50_000: "Zstandard",
    50_001: "WebP",
    50_002: "JPEG XL",
    34_887: "LERC",
}


def kind_of(head: bytes) -> str:
    """What a file is that does not begin like an image: "not an image", or more."""
    if not head.strip(b"\0"):
        return "holds zeros alone; copy or download it again"
    for signature, what in _KINDS:
        if signature.match(head):
            return what
    return "not an image"


def reason_in(head: bytes) -> str:
    """What in the header of a JPEG or TIFF cannot be read; empty where nothing is known.

    Args:
        head: of the file, `HEAD` bytes or all.
    """
    try:
        if head[:2] == b"\xff\xd8":
            return _of_jpeg(head)
        if head[:2] in (b"II", b"MM"):
            return _of_tiff(head)
    except (struct.error, IndexError, ValueError, KeyError):
        pass
    return ""


def _of_jpeg(head: bytes) -> str:
    stream = BytesIO(head[2:])
    while (mark := stream.read(2))[:1] == b"\xff":
        if mark[1] in _FRAMES:
            bits = stream.read(3)[2]
            if mark[1] in (0xC3, 0xC7, 0xCB, 0xCF):
                return f"a lossless JPEG; {_CONVERT}"
            return f"a JPEG of {bits} bits a channel; convert it to 8 bits" if bits != 8 else ""
        if mark[1] == 0xF7:
            return f"JPEG-LS; {_CONVERT}"
        (size,) = struct.unpack(">H", stream.read(2))
        stream.seek(size - 2, 1)
    return ""


def _of_tiff(head: bytes) -> str:
    order = "<" if head[:2] == b"II" else ">"
    (start,) = struct.unpack(f"{order}I", head[4:8])
    (count,) = struct.unpack(f"{order}H", head[start : start + 2])
    tags: dict[int, int] = {}
    for at in range(start + 2, start + 2 + 12 * min(count, 200), 12):
        tag, kind, many = struct.unpack(f"{order}HHI", head[at : at + 8])
        size = _TIFF_SIZES.get(kind, 0)
        if not size:
            continue
        place = at + 8
        if size * many > 4:
            (place,) = struct.unpack(f"{order}I", head[at + 8 : at + 12])
        tags[tag] = struct.unpack(f"{order}{'BHI'[size // 2]}", head[place : place + size])[0]
    bits, samples, kind = tags.get(258, 1), tags.get(277, 1), tags.get(339, 1)
    name = {2: "signed integers", 3: "floats", 5: "complex integers", 6: "complex floats"}.get(kind)
    grey = samples == 1 and bits in (1, 2, 4, 8, 12, 16, 32) and (name != "floats" or bits == 32)
    if not ((grey and kind < 4) or (samples < 5 and bits in (8, 16) and kind == 1)):
        what = name or "integers"
        channels = f"{samples} channels" if samples > 1 else "1 channel"
        return f"a TIFF of {channels} of {bits}-bit {what}; convert it to 8 or 16 bits, gray or RGB"
    if tags.get(259) in _COMPRESSIONS:
        return f"a TIFF packed by {_COMPRESSIONS[tags[259]]}; save it with another compression"
    return ""
