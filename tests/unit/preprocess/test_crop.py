"""A part of an encoded image: decoded small, it is what it would be decoded whole.

Each test runs with the packages that are faster than Pillow, and as if they were not installed.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inceptionkit.preprocess import (
    RESAMPLERS,
    Box,
    UnusableImage,
    crop,
    crop_from_encoded,
    decode,
    fast_codecs,
)
from inceptionkit.preprocess.decode import ORIENTATION

WHOLE = Box(0.0, 0.0, 1.0, 1.0)
MEAN_LEVELS, MOST_LEVELS = 2.0, 10.0  # grey levels by which a reduced scale may differ
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")


def picture(height: int, width: int, seed: int = 0) -> Image.Image:
    """Colors that change over some thirty pixels, and some grain."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (height // 30 + 2, width // 30 + 2, 3), np.uint8)
    large = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    grain = random.normal(0, 3, (height, width, 1))
    return Image.fromarray((np.asarray(large) + grain).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **({"quality": 95} if form == "JPEG" else {}) | options)
    return stream.getvalue()


def cut(pixels: np.ndarray, box: Box, side: int, resampler: str = "bilinear") -> np.ndarray:
    """What Pillow makes of the decoded image."""
    tall, wide = pixels.shape[:2]
    corners = (
        box.left * wide,
        box.top * tall,
        min((box.left + box.width) * wide, wide),
        min((box.top + box.height) * tall, tall),
    )
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((side, side), RESAMPLERS[resampler], box=corners))


def apart(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(np.int16) - two.astype(np.int16))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    height, width = draw(st.floats(0.02, 1.0)), draw(st.floats(0.02, 1.0))
    top, left = draw(st.floats(0.0, 1.0)), draw(st.floats(0.0, 1.0))
    return Box(top * (1 - height), left * (1 - width), height, width)


@pytest.fixture(scope="module")
def photo() -> bytes:
    return encoded(picture(613, 827))  # no multiples of 8: sizes are rounded at every scale


@pytest.fixture(autouse=True, params=["packages", "Pillow alone"], scope="module")
def rounding(request: pytest.FixtureRequest) -> Iterator[int]:
    """Grey levels by which resizing may differ from Pillow's."""
    if request.param == "packages":
        pytest.importorskip("simplejpeg")
        pytest.importorskip("cykooz_resizer")
        yield 1
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_codecs, "package", lambda _: None)
        yield 0


@pytest.fixture
def scales(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Heights and widths from which crops were resized."""
    seen = []

    def watched(image: Image.Image, scale: int) -> np.ndarray:
        pixels = fast_codecs.decode_jpeg(image, scale)
        if pixels is None:
            image.draft(None, (image.width // scale, image.height // scale))
            pixels = np.asarray(image)
        seen.append(pixels.shape[:2])
        return pixels

    monkeypatch.setattr(crop, "decode_jpeg", watched)
    return seen


@settings(max_examples=60, deadline=None)
@given(box=boxes(), side=st.integers(8, 96))
def test_a_reduced_scale_agrees_with_the_whole(photo: bytes, box: Box, side: int) -> None:
    difference = apart(crop_from_encoded(photo, box, side), cut(decode(photo), box, side))

    assert difference.mean() <= MEAN_LEVELS
    assert np.percentile(difference, 99.5) <= MOST_LEVELS


@pytest.mark.parametrize("box", [WHOLE, Box(0.5, 0.5, 0.5, 0.5), Box(0.1, 0.3, 0.8, 0.7)])
@pytest.mark.parametrize("side", [15, 30, 38])
def test_a_reduced_scale_shows_the_same_place(box: Box, side: int) -> None:
    """A ramp tells where a pixel comes from: half a pixel, if reduced, is a level or two."""
    ramp = np.linspace(0, 255, 827, dtype=np.float32).round().astype(np.uint8)
    raw = encoded(Image.fromarray(np.broadcast_to(ramp[None, :, None], (613, 827, 3)).copy()))

    difference = apart(crop_from_encoded(raw, box, side), cut(decode(raw), box, side))

    assert difference.max() <= 1


@pytest.mark.parametrize(
    ("box", "side", "scale"),
    [
        (WHOLE, 76, 8),  # 613 / 8 = 76.6
        (WHOLE, 77, 4),
        (WHOLE, 153, 4),
        (WHOLE, 154, 2),
        (WHOLE, 307, 1),
        (Box(0.5, 0.1, 0.5, 0.9), 77, 2),
        (Box(0.1, 0.5, 0.9, 0.3), 32, 4),
    ],
)
def test_a_box_is_never_decoded_below_its_target(
    photo: bytes, scales: list[tuple[int, int]], box: Box, side: int, scale: int
) -> None:
    crop_from_encoded(photo, box, side)

    assert scales == [(-(-613 // scale), -(-827 // scale))]
    assert min(box.width * 827, box.height * 613) / scale >= side or scale == 1


def test_nearest_picks_pixels_of_the_original(photo: bytes, scales: list[tuple[int, int]]) -> None:
    found = crop_from_encoded(photo, WHOLE, 20, "nearest")

    assert scales == [(613, 827)]
    np.testing.assert_array_equal(found, cut(decode(photo), WHOLE, 20, "nearest"))


@pytest.mark.parametrize("resampler", RESAMPLERS)
@pytest.mark.parametrize("form", FORMATS)
def test_at_full_scale_it_is_the_cut_of_the_whole(form: str, resampler: str, rounding: int) -> None:
    raw, box = encoded(picture(70, 90), form), Box(0.2, 0.1, 0.5, 0.6)

    found = crop_from_encoded(raw, box, 40, resampler)

    assert apart(found, cut(decode(raw), box, 40, resampler)).max() <= rounding


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("side", [20, 200])
def test_a_box_is_one_of_the_upright_image(tag: int, mode: str, side: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = tag
    raw, box = encoded(picture(240, 320).convert(mode), exif=exif), Box(0.05, 0.3, 0.5, 0.65)

    difference = apart(crop_from_encoded(raw, box, side), cut(decode(raw), box, side))

    assert difference.mean() <= (MEAN_LEVELS if side == 20 else 0.3)
    np.testing.assert_array_equal(
        crop_from_encoded(raw, box, side, mirrored=True), crop_from_encoded(raw, box, side)[:, ::-1]
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "I;16"])
def test_modes_are_treated_as_decoding_does(mode: str, rounding: int) -> None:
    image = Image.fromarray(np.arange(900, dtype=np.uint16).reshape(30, 30) * 70)
    if mode != "I;16":
        image = picture(30, 30).convert("L" if mode == "PA" else mode).convert(mode)
    raw = encoded(image, "TIFF" if mode == "PA" else "PNG")

    found = crop_from_encoded(raw, Box(0.1, 0.1, 0.8, 0.8), 16)

    assert apart(found, cut(decode(raw), Box(0.1, 0.1, 0.8, 0.8), 16)).max() <= rounding


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3)])
@pytest.mark.parametrize("form", FORMATS)
def test_tiny_images_and_extreme_boxes(size: tuple[int, int], form: str) -> None:
    raw = encoded(picture(*size), form)
    for box in (WHOLE, Box(0.999, 0.999, 0.001, 0.001), Box(0.0, 0.0, 1e-6, 1.0)):
        assert crop_from_encoded(raw, box, 7).shape == (7, 7, 3)


def test_a_file_on_disk_is_read_too(tmp_path: Path, photo: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(photo)

    found = crop_from_encoded(tmp_path / "a.jpg", WHOLE, 30)

    np.testing.assert_array_equal(found, crop_from_encoded(photo, WHOLE, 30))


@pytest.mark.parametrize("kept", [0, 10, 400, 5_000])
def test_a_damaged_file_is_as_unusable_as_to_decoding(photo: bytes, kept: int) -> None:
    with pytest.raises(UnusableImage) as wanted:
        decode(photo[:kept])
    with pytest.raises(UnusableImage) as caught:
        crop_from_encoded(photo[:kept], WHOLE, 30)

    assert caught.value.reason == wanted.value.reason


@pytest.mark.parametrize(
    "box",
    [
        Box(-0.1, 0.0, 0.5, 0.5),
        Box(0.0, 0.6, 0.5, 0.5),
        Box(0.0, 0.0, 0.0, 1.0),
        Box(float("nan"), 0.0, 1.0, 1.0),
    ],
)
def test_a_box_outside_of_the_image_is_refused(photo: bytes, box: Box) -> None:
    with pytest.raises(ValueError, match=r"^a box lies in its image, in shares from 0 to 1, got "):
        crop_from_encoded(photo, box, 30)


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("options", [{}, {"subsampling": "4:4:4"}, {"progressive": True}])
def test_simplejpeg_gives_the_bytes_of_pillow(scale: int, options: dict[str, object]) -> None:
    pytest.importorskip("simplejpeg")
    raw = encoded(picture(131, 203), **options)
    image = Image.open(BytesIO(raw))
    found = fast_codecs.decode_jpeg(image, scale)
    image.draft("RGB", (203 // scale, 131 // scale))

    if found is not None:  # None where packages are taken away
        np.testing.assert_array_equal(found, np.asarray(image))
