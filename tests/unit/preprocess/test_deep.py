"""Images of more than 8 bits a channel, as scientific cameras and scanners write them."""

import io

import numpy as np
import pytest
from PIL import Image
from tiff_writer import BITS, LARGEST, PHOTOMETRIC, tiff

from inceptionkit.preprocess import decode, header
from inceptionkit.preprocess.depth import bits_used

RAMP = np.linspace(0, 1, 256)
SHOWN = np.repeat(np.arange(256)[None, :, None], 3, axis=2)  # what a ramp from black to white shows


def ramp(top: int, kind: type[np.integer] = np.uint16) -> np.ndarray:
    """(4, 256) from 0 to `top`."""
    return np.repeat(np.rint(RAMP * top).astype(kind)[None], 4, axis=0)


@pytest.mark.parametrize("packed", [False, True])
def test_32_bits_without_a_sign_are_not_taken_for_negative(packed: bool) -> None:
    pixels = decode(tiff(ramp(2**32 - 1, np.uint32), packed=packed))

    assert (pixels == SHOWN).all()


def test_32_bits_without_a_sign_are_scaled_by_a_power_of_two() -> None:
    """Not stretched, which would make of every picture one from black to white."""
    values = np.array([[2**19, 2**20 - 1]], np.uint32)

    assert decode(tiff(values))[0, :, 0].tolist() == [128, 255]
    assert decode(tiff(values), depth=24)[0, :, 0].tolist() == [8, 16]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_zero_may_be_white(kind: type[np.integer], packed: bool) -> None:
    stored = ramp(np.iinfo(kind).max, kind)

    assert (decode(tiff(stored, inverted=True, packed=packed)) == SHOWN[:, ::-1]).all()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("planar", [False, True])
def test_16_bit_colors_may_lie_in_planes(planar: bool, big: bool, packed: bool) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (7, 5, 3))
    raw = tiff((levels * 257).astype(np.uint16), planar=planar, big=big, packed=packed)

    assert (decode(raw) == levels).all()
    assert header(raw).deep


def test_fewer_bits_that_the_file_owns_up_to_are_scaled() -> None:
    assert (decode(tiff(ramp(4_095), tags={LARGEST: 4_095})) == SHOWN).all()
    assert decode(tiff(ramp(1_000), tags={LARGEST: 1_000}))[0, -1, 0] in (249, 250)
    assert decode(tiff(ramp(4_095), tags={LARGEST: 4_095, PHOTOMETRIC: 0}))[0, 0, 0] == 255
    assert bits_used(tiff(ramp(4_095), tags={LARGEST: 4_095})) is None


def test_12_bits_that_are_packed_are_scaled() -> None:
    pairs = np.rint(RAMP * 4_095).astype(np.uint16).reshape(-1, 2)
    first, second = pairs[:, 0], pairs[:, 1]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1)
    raw = tiff(packed.astype(np.uint8).reshape(1, -1), tags={BITS: 12, 256: 256})

    assert (decode(raw)[0] == SHOWN[0]).all()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_12_bits_in_16_are_scaled_as_the_set_asks(form: str) -> None:
    held = io.BytesIO()
    Image.fromarray(ramp(4_095)).save(held, form)

    assert bits_used(held.getvalue()) == 12
    assert (decode(held.getvalue(), depth=12) == SHOWN).all()
    assert decode(held.getvalue()).max() == 16
    assert decode(held.getvalue(), depth=10)[0, -1, 0] == 255, "more than was expected is white"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("big", [False, True])
def test_12_bits_of_colors_in_16_keep_every_level(big: bool, packed: bool) -> None:
    levels = np.random.default_rng(0).integers(0, 4_096, (9, 8, 3)).astype(np.uint16)
    raw = tiff(levels, big=big, packed=packed)

    assert bits_used(raw) == 12
    assert (decode(raw, depth=12) == np.rint(levels * (255 / 4_095))).all()


def test_8_bits_have_no_depth_to_scale_by() -> None:
    held = io.BytesIO()
    Image.new("RGB", (2, 2), (9, 9, 9)).save(held, "PNG")

    assert bits_used(held.getvalue()) is None
    assert (decode(held.getvalue(), depth=12) == 9).all()
