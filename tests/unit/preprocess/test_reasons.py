"""Files that cannot be read say truly why, and JPEGs that lack only their end marker are read."""

import io
import struct
import sys
from base64 import b64decode
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inceptionkit.preprocess import (
    Box,
    UnusableImage,
    crop_from_encoded,
    decode,
    examine,
    header,
    looks_like_image,
)

CONVERT = "convert it to JPEG or PNG"


def reason(source: bytes | Path) -> str:
    with pytest.raises(UnusableImage) as caught:
        decode(source)
    return caught.value.reason


def picture(side: int = 64) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    return Image.blend(Image.radial_gradient("L").resize((side, side)).convert("RGB"),
                       Image.fromarray(noise), 0.3)  # fmt: skip


def jpeg(**options: object) -> bytes:
    stream = io.BytesIO()
    picture().save(stream, "JPEG", **options)
    return stream.getvalue()


def tiff(bits: int, samples: int, kind: int, compression: int = 1) -> bytes:
    """A TIFF of 4x4 pixels of any kind of value."""
    body = bytes(16 * samples * bits // 8)
    entries = {
        256: (3, 4),
        257: (3, 4),
        258: (3, bits),
        259: (3, compression),
        262: (3, 1),
        273: (4, 8),
        277: (3, samples),
        278: (3, 4),
        279: (4, len(body)),
        339: (3, kind),
    }
    entries[262] = (3, 2 if samples > 1 else 1)
    more, at = b"", 8 + len(body)
    after = at + 2 + 12 * len(entries) + 4
    table = struct.pack("<H", len(entries))
    for tag, (form, value) in sorted(entries.items()):
        if tag in {258, 339} and samples > 1:
            table += struct.pack("<HHII", tag, form, samples, after + len(more))
            more += struct.pack(f"<{samples}H", *[value] * samples)
        else:
            table += struct.pack("<HHI", tag, form, 1) + (
                struct.pack("<HH", value, 0) if form == 3 else struct.pack("<I", value)
            )
    return b"II*\0" + struct.pack("<I", at) + body + table + bytes(4) + more  # fmt: skip


def with_bits(raw: bytes, bits: int, frame: int = 0xC0) -> bytes:
    """A JPEG that claims so many bits a channel, or another kind of frame."""
    at = raw.index(b"\xff\xc0")
    return raw[: at + 1] + bytes([frame]) + raw[at + 2 : at + 4] + bytes([bits]) + raw[at + 5 :]


REASONS = [
    (with_bits(jpeg(), 12, 0xC1), "a JPEG of 12 bits a channel; convert it to 8 bits"),
    (with_bits(jpeg(), 16, 0xC3), f"a lossless JPEG; {CONVERT}"),
    (tiff(32, 3, 3), ("a TIFF of 3 channels of 32-bit floats; "
     "convert it to 8 or 16 bits, gray or RGB")),
    (tiff(64, 1, 3), ("a TIFF of 1 channel of 64-bit floats; "
     "convert it to 8 or 16 bits, gray or RGB")),
    (tiff(64, 1, 6), ("a TIFF of 1 channel of 64-bit complex floats; "
     "convert it to 8 or 16 bits, gray or RGB")),
    (tiff(32, 3, 1), ("a TIFF of 3 channels of 32-bit integers; "
     "convert it to 8 or 16 bits, gray or RGB")),
    (tiff(8, 7, 1), ("a TIFF of 7 channels of 8-bit integers; "
     "convert it to 8 or 16 bits, gray or RGB")),
    (tiff(8, 3, 1, 50_002), "a TIFF packed by JPEG XL; save it with another compression"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", ("a pointer of Git LFS; "
     "run git lfs pull")),
    (b"<?xml version='1.0'?>\n<svg xmlns='x'></svg>", f"an SVG drawing; {CONVERT}"),
    (b"<svg></svg>", f"an SVG drawing; {CONVERT}"),
    (b"<!DOCTYPE html><html>", "a web page, not an image; download it again"),
    (b"<html><body>404", "a web page, not an image; download it again"),
    (b"\xff\x0a\x00\x00", f"JPEG XL; {CONVERT}"),
    (b"8BPS\0\1", f"a Photoshop file; {CONVERT}"),
    (b"%PDF-1.7", f"a PDF; {CONVERT}"),
    (b"PK\3\4rest", "a zip file; unpack it"),
    (b"\x1f\x8b\x08rest", "a packed file; unpack it"),
    (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video; save its frames as images"),
    (bytes(128) + b"DICM", "DICOM; convert it to PNG"),
    (bytes(1000), "holds zeros alone; copy or download it again"),
    (b"hello", "not an image"),
    (b"", "empty file"),
    (jpeg()[:-40], "truncated"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "why"), REASONS, ids=[why for _, why in REASONS])
def test_the_true_reason_is_said(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "x.jpg").write_bytes(content)

    assert reason(content) == why
    assert reason(tmp_path / "x.jpg") == why


KINDS = {
    "baseline": {},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "fine": {"quality": 100, "subsampling": 0},
    "embedded": {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + b"\xff\xd8\xff\xda\xff\xd9"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_its_end_marker_is_read_with_a_note(
    tmp_path: Path, kind: str, missing: int
) -> None:
    whole = jpeg(**KINDS[kind])
    cut = whole[:-missing]
    (tmp_path / "x.jpg").write_bytes(cut)
    box = Box(top=0.0, left=0.0, height=1.0, width=1.0)

    assert np.array_equal(decode(cut), decode(whole))
    assert np.array_equal(decode(tmp_path / "x.jpg"), decode(whole))
    assert np.array_equal(crop_from_encoded(cut, box, 16), crop_from_encoded(whole, box, 16))
    assert header(cut).unended
    assert examine(tmp_path / "x.jpg")[0].unended
    assert not header(whole).unended
    assert not header(whole + b"\0\0\0").unended


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_that_lacks_pixels_is_truncated(kind: str) -> None:
    whole = jpeg(**KINDS[kind])
    scans = whole.count(b"\xff\xda", whole.index(b"\xff\xdb"))

    for missing in (3, 5, 17, 200, len(whole) // 2, len(whole) - 200):
        assert reason(whole[:-missing]) == "truncated", missing
    if kind == "progressive":
        assert scans > 3
        last = whole.rindex(b"\xff\xda")
        table = whole.rindex(b"\xff\xc4")
        assert reason(whole[: min(last, table)]) == "truncated"


def test_what_follows_the_end_marker_does_not_count() -> None:
    whole = jpeg()

    assert np.array_equal(decode(whole + b"\0" * 100), decode(whole))
    assert np.array_equal(decode(whole + b"more\xff\xda\xff"), decode(whole))


# 64x64 pixels of one color, written by pillow-heif 1.8.1
ROSE = b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
    "AAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABegABAAAAAAAAAB0AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA1mlwcnAAAAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34"
    "+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqSSmu"
    "bgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAA"
    "QAAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAACVtZGF0AAAAGSgBrwngITl1X//5+///"
    "ynHIfo0HHQcw9fg="
)


def test_heic_is_read_where_a_package_can(tmp_path: Path) -> None:
    if not (find_spec("pillow_heif") or find_spec("pi_heif")):
        pytest.skip("needs the extra inceptionkit[heic]")
    (tmp_path / "x.heic").write_bytes(ROSE)
    pixels = decode(tmp_path / "x.heic")

    assert pixels.shape == (64, 64, 3)
    assert np.abs(pixels.astype(int) - (200, 60, 90)).max() <= 4
    assert header(ROSE).width == 64
    assert reason(ROSE[:-20]) in {"truncated", "damaged"}


HEIC = b"\0\0\0\x18ftyp%b\0\0\0\0mif1heic" + bytes(100)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"hevc", b"mif1", b"msf1"])
def test_without_a_package_heic_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, brand: bytes
) -> None:
    for name in ("pillow_heif", "pi_heif"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "inceptionkit.preprocess.heic", raising=False)

    assert reason(HEIC % brand) == (
        "HEIC, which needs a package: run pip install 'inceptionkit[heic]', or convert it to JPEG"
    )
    assert looks_like_image((HEIC % brand)[:32])
