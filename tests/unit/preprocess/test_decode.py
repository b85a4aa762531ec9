"""Every kind of image file that people have becomes upright 8-bit RGB, or a short reason."""

import io
import os
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from inceptionkit.errors import DataError
from inceptionkit.preprocess import PIXEL_LIMIT, UnusableImage, as_rgb, decode, header

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def corners() -> Image.Image:
    """Three wide, two high, every pixel another color."""
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 14
    return Image.fromarray(pixels)


def png_claiming(width: int, height: int) -> bytes:
    """A whole PNG but for its pixels, which are a lie."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    top = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", top) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def reason(source: bytes | Path) -> str:
    with pytest.raises(UnusableImage) as caught:
        decode(source)
    return caught.value.reason


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_lossless_formats_keep_every_pixel(form: str) -> None:
    image = corners()

    assert (decode(encoded(image, form, lossless=True)) == np.asarray(image)).all()


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF", "JPEG2000"])
def test_lossy_formats_keep_the_color(form: str) -> None:
    Image.init()
    if form not in Image.SAVE:
        pytest.skip(f"this Pillow cannot write {form}")
    pixels = decode(encoded(Image.new("RGB", (40, 30), (200, 60, 90)), form))

    assert pixels.shape == (30, 40, 3)
    assert np.abs(pixels.astype(int) - (200, 60, 90)).max() <= 4


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_every_exif_orientation_is_turned_upright(form: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    if form == "TIFF":
        exif[700] = b"<xmp/>"  # metadata of a kind that is looked into for other formats
    data = encoded(corners(), form, exif=exif, lossless=True)
    with Image.open(io.BytesIO(data)) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    seen = header(data)

    assert (decode(data) == upright).all()
    assert (seen.height, seen.width) == upright.shape[:2]


def test_damaged_exif_leaves_the_image_usable() -> None:
    image = Image.new("RGB", (8, 8), RED)

    for exif in (b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM", b"rubbish"):
        assert decode(encoded(image, "PNG", exif=exif)).shape == (8, 8, 3)


@pytest.mark.parametrize(("stored", "shown"), [(0, 0), (257, 1), (32_800, 128), (65_535, 255)])
@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled_not_cut_off(form: str, stored: int, shown: int) -> None:
    image = Image.fromarray(np.full((4, 5), stored, np.uint16))

    assert (decode(encoded(image, form)) == shown).all()


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        pytest.param(np.float32([[0, 0.5, 1]]), [0, 128, 255], id="0 to 1"),
        pytest.param(np.float32([[0, 99, 255]]), [0, 99, 255], id="0 to 255"),
        pytest.param(np.float32([[0, 32_896, 65_535]]), [0, 128, 255], id="0 to 65535"),
        pytest.param(np.float32([[-100, 20, 100]]), [0, 153, 255], id="other floats"),
        pytest.param(np.float32([[np.nan, np.inf, 1]]), [0, 0, 255], id="not finite"),
        pytest.param(np.int32([[0, 32_896, 65_535]]), [0, 128, 255], id="integers as 16 bit"),
        pytest.param(np.int32([[-5, -5, 1_000_000]]), [0, 0, 255], id="other integers"),
        pytest.param(np.int32([[-5, -5, -5]]), [0, 0, 0], id="one value"),
    ],
)
def test_32_bit_grey_is_scaled_by_its_range(values: np.ndarray, shown: list[int]) -> None:
    pixels = decode(encoded(Image.fromarray(values), "TIFF"))

    assert pixels[0].tolist() == [[value] * 3 for value in shown]


def test_transparency_is_composited_on_white() -> None:
    rgba = Image.new("RGBA", (2, 1), (*RED, 255))
    rgba.putpixel((1, 0), (*BLUE, 0))
    grey = Image.new("LA", (1, 1), (0, 51))

    assert decode(encoded(rgba)).tolist() == [[list(RED), list(WHITE)]]
    assert decode(encoded(grey)).tolist() == [[[204] * 3]]


def test_palettes_with_transparency_and_color_keys_are_composited_too() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, *GREEN])
    palette.putpixel((1, 0), 1)
    keyed = Image.new("RGB", (1, 1), GREEN)

    assert decode(encoded(palette, transparency=1)).tolist() == [[list(RED), list(WHITE)]]
    assert decode(encoded(palette, transparency=b"\xff\x00")).tolist() == [[list(RED), list(WHITE)]]
    assert decode(encoded(keyed, transparency=GREEN)).tolist() == [[list(WHITE)]]
    assert decode(encoded(palette)).tolist() == [[list(RED), list(GREEN)]]


def test_grey_bilevel_and_cmyk_become_rgb() -> None:
    assert decode(encoded(Image.new("L", (1, 1), 77))).tolist() == [[[77] * 3]]
    assert decode(encoded(Image.new("1", (1, 1), 1))).tolist() == [[[255] * 3]]
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert np.abs(decode(encoded(cmyk, "JPEG"))[0, 0].astype(int) - RED).max() <= 2
    assert decode(encoded(cmyk, "TIFF"))[0, 0].tolist() == list(RED)


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in (RED, BLUE)]
    gif = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    assert decode(gif)[0, 0].tolist() == list(RED)


def test_what_is_not_an_image_is_refused_with_a_short_reason(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("I am a shopping list")
    empty = tmp_path / "empty.jpg"
    empty.touch()
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    heic = b"\0\0\0\x18ftypheic\0\0\0\0"

    assert reason(text) == "not an image"
    assert reason(empty) == "empty file"
    assert reason(b"") == "empty file"
    assert reason(eps) == "a PostScript file; convert it to JPEG or PNG"
    assert reason(heic).startswith(("HEIC, which needs a package", "damaged", "truncated"))
    assert reason(tmp_path) == "not a file"
    assert reason(tmp_path / "absent.jpg") == "cannot be read: no such file or directory"


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)

    assert reason(pipe) == "not a file"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_half_a_file_is_refused(form: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), form)

    assert reason(data[: len(data) // 2]) in {"truncated", "damaged"}
    assert reason(data[:20]) in {"truncated", "damaged"}


def test_a_truncated_photo_says_so() -> None:
    data = encoded(Image.effect_noise((64, 64), 90), "JPEG")

    assert reason(data[:-400]) == "truncated"


def test_a_header_that_claims_too_much_is_refused_before_anything_is_allocated() -> None:
    data = png_claiming(60_000, 60_000)
    said = "claims 60000x60000 pixels, the limit is 134,217,728 in all"

    assert reason(data) == said
    with pytest.raises(UnusableImage) as caught:
        header(data)
    assert str(caught.value) == said


def test_the_largest_photos_are_within_the_limit() -> None:
    side_by_side = (12_032, 9_024)  # a phone's 108 megapixels

    assert header(png_claiming(*side_by_side)).width == 12_032
    assert PIXEL_LIMIT > 12_032 * 9_024


def test_the_error_of_a_path_says_where(tmp_path: Path) -> None:
    place = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    place.write_bytes(b"no")
    with pytest.raises(UnusableImage) as caught:
        decode(place)

    assert str(caught.value) == f"{tmp_path}/caf\\xe9.jpg: not an image"
    assert isinstance(caught.value, DataError)


def test_a_header_is_read_without_the_pixels() -> None:
    whole = encoded(Image.effect_noise((30, 20), 90), "JPEG")
    seen = header(whole[: len(whole) - 100])

    assert (seen.width, seen.height, seen.mode, seen.format) == (30, 20, "L", "JPEG")
    assert seen.short_side == 20
    assert seen.grey


def test_pillow_is_not_heard_and_the_callers_warnings_are_left_alone(
    capfd: pytest.CaptureFixture[str],
) -> None:
    tiff = encoded(Image.new("RGB", (4, 4)), "TIFF")
    packed = encoded(Image.effect_noise((16, 16), 90), "TIFF", compression="tiff_adobe_deflate")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        for place in range(8, len(tiff)):
            with suppress(UnusableImage):
                decode(tiff[:place])
        for place in range(8, len(packed)):
            with suppress(UnusableImage):
                decode(packed[:place] + b"\xff" + packed[place + 1 :])
        after = list(warnings.filters)

    assert heard == []
    assert after == before
    assert capfd.readouterr() == ("", "")


def test_images_in_memory_are_taken_as_files_are() -> None:
    image = corners()
    pixels = np.asarray(image)
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    turned = image.copy()
    turned.getexif()[0x0112] = 6
    turned.info["exif"] = turned.getexif().tobytes()

    assert (as_rgb(image) == pixels).all()
    assert (as_rgb(pixels) == pixels).all()
    assert (as_rgb(pixels[:, ::-1]) == pixels[:, ::-1]).all()
    assert (as_rgb(grey) == grey[:, :, None]).all()
    assert (as_rgb(grey[:, :, None]) == grey[:, :, None]).all()
    assert as_rgb(np.zeros((1, 1, 4), np.uint8)).tolist() == [[list(WHITE)]]
    assert (as_rgb(turned) == np.rot90(pixels, -1)).all()


@pytest.mark.parametrize(
    ("image", "said"),
    [
        pytest.param(
            np.zeros((2, 2, 3), np.float32),
            "an array of pixels must be uint8 from 0 to 255, got float32; floats from 0 to 1 "
            "become that with (x * 255).round().astype('uint8')",
            id="floats",
        ),
        pytest.param(
            np.zeros((3, 5, 6), np.uint8),
            "an array of pixels must be (height, width), or (height, width, 1, 3 or 4), "
            "got (3, 5, 6); move the channels last with .transpose(1, 2, 0)",
            id="channels first",
        ),
        pytest.param(
            np.zeros((0, 5, 3), np.uint8),
            "an array of pixels must be (height, width), or (height, width, 1, 3 or 4), "
            "got (0, 5, 3)",
            id="nothing",
        ),
        pytest.param(
            [1, 2],
            "an image must be a path, a PIL.Image or a uint8 array, got builtins.list",
            id="a list",
        ),
    ],
)
def test_other_things_in_memory_are_refused_with_what_is_wanted(image: object, said: str) -> None:
    with pytest.raises(UnusableImage) as caught:
        as_rgb(image)

    assert str(caught.value) == said


def test_a_lazily_opened_image_that_is_damaged_is_refused() -> None:
    data = encoded(Image.effect_noise((64, 64), 90), "JPEG")
    with Image.open(io.BytesIO(data[:-400])) as image, pytest.raises(UnusableImage) as caught:
        as_rgb(image)

    assert str(caught.value) == "truncated"
