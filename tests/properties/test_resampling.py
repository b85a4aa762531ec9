"""Our batched crop and resize gives what Pillow gives."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inceptionkit.data.transforms.random_crop import Boxes, crop_resize
from inceptionkit.preprocess import RESAMPLERS, Resampler

ROUNDING = 1.01  # grey levels: Pillow rounds to bytes after rows and again after columns
LIMITS = {"bicubic": 1.3, "area": ROUNDING, "nearest": 0.0}  # cubic weights add up to more
EDGE = 1e-4  # of a cell: on an edge between two, either may be taken


def both(
    pixels: np.ndarray,
    box: tuple[float, float, float, float],
    side: int,
    resampler: Resampler = "bilinear",
) -> np.ndarray:
    """The box (left, top, width, height, in shares) by us and by Pillow: (2, side, side, 3)."""
    left, top, width, height = box
    boxes = Boxes(*(np.array([v]) for v in (top, left, height, width)), np.array([False]))
    ours = crop_resize(torch.from_numpy(pixels).permute(2, 0, 1)[None], boxes, side, [resampler])
    tall, wide = pixels.shape[:2]
    corners = (
        left * wide,
        top * tall,
        min((left + width) * wide, wide),
        min((top + height) * tall, tall),
    )
    theirs = Image.fromarray(pixels).resize((side, side), RESAMPLERS[resampler], box=corners)
    return np.stack([ours[0].permute(1, 2, 0).numpy(), np.asarray(theirs, np.float32)])


@st.composite
def placed(draw: st.DrawFn) -> tuple[float, float, float, float]:
    width, height = draw(st.floats(0.05, 1.0)), draw(st.floats(0.05, 1.0))
    return (
        draw(st.floats(0.0, 1.0)) * (1 - width),
        draw(st.floats(0.0, 1.0)) * (1 - height),
        width,
        height,
    )


CROPS = given(
    tall=st.integers(2, 70),
    wide=st.integers(2, 70),
    side=st.integers(1, 50),
    box=placed(),
    seed=st.integers(0, 1_000),
)


@settings(max_examples=150, deadline=None)
@CROPS
def test_a_crop_is_pillows_shrinking_and_enlarging(
    tall: int, wide: int, side: int, box: tuple[float, float, float, float], seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (tall, wide, 3), np.uint8)
    ours, theirs = both(pixels, box, side)

    assert np.abs(ours - theirs).max() <= ROUNDING


@settings(max_examples=100, deadline=None)
@CROPS
def test_other_filters_are_pillows_too(
    tall: int, wide: int, side: int, box: tuple[float, float, float, float], seed: int
) -> None:
    """Levels from 64 to 191, so that a cubic filter does not overshoot the range."""
    random = np.random.default_rng(seed)
    pixels = random.integers(64, 192, (tall, wide, 3), np.uint8)
    for resampler, limit in LIMITS.items():
        ours, theirs = both(pixels, box, side, resampler)
        clear = on_no_edge(box[1], box[3], tall, side)[:, None] & on_no_edge(
            box[0], box[2], wide, side
        )

        assert np.abs(ours - theirs)[clear | (resampler == "bicubic")].max(initial=0) <= limit


def on_no_edge(start: float, length: float, cells: int, side: int) -> np.ndarray:
    """(side,) whether an output pixel's center, and both its ends, lie clearly within a cell."""
    scale = length * cells / side
    center = start * cells + (np.arange(side) + 0.5) * scale
    reach = max(scale, 1.0) / 2
    places = np.stack([center, center - reach + 0.5, center + reach + 0.5])
    return (np.abs(places - places.round()) > EDGE).all(0)


def test_each_image_is_resized_its_own_way() -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 3, 20, 30), np.uint8))
    start, length = np.full(4, 0.1), np.full(4, 0.8)
    boxes = Boxes(start, start, length, length, np.zeros(4, bool))
    names = ["bicubic", "bilinear", "nearest", "area"]

    mixed = crop_resize(pixels, boxes, 9, names)

    for place, name in enumerate(names):
        torch.testing.assert_close(mixed[place], crop_resize(pixels, boxes, 9, [name])[place])
    assert mixed.min() >= 0
    assert mixed.max() <= 255


def test_shrinking_averages_and_does_not_pick() -> None:
    """A chessboard of single pixels becomes grey: without antialiasing it would not."""
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    ours, _ = both(board, (0.0, 0.0, 1.0, 1.0), 8)

    assert np.abs(ours - 127.5).max() < 5


def test_each_image_gets_its_own_crop_and_a_mirrored_one_is_flipped() -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 3, 20, 30), np.uint8))

    def boxes(mirrored: list[bool]) -> Boxes:
        start, length = np.array([0.0, 0.2, 0.5]), np.array([1.0, 0.5, 0.4])
        return Boxes(start, start, length, length, np.array(mirrored))

    plain = crop_resize(pixels, boxes([False] * 3), 16)
    mixed = crop_resize(pixels, boxes([False, True, False]), 16)

    torch.testing.assert_close(mixed[0], plain[0], rtol=0, atol=0)
    torch.testing.assert_close(mixed[1], plain[1].flip(2))
    torch.testing.assert_close(mixed[2], plain[2], rtol=0, atol=0)
    assert (mixed[1] - plain[1]).abs().max() > 10


def test_the_whole_image_at_its_own_size_is_kept_to_the_bit() -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 24, 24), np.uint8))
    zero, one = np.zeros(1), np.ones(1)
    found = crop_resize(pixels, Boxes(zero, zero, one, one, np.array([False])), 24)

    assert torch.equal(found, pixels.float())


@pytest.mark.parametrize("together", [1, 3 * 41 * 37, 4 * 3 * 41 * 37, 2**20])
def test_an_image_is_cropped_to_the_same_bits_in_any_batch(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many cells the others' crops need: parts of a batch are those of the whole."""
    monkeypatch.setattr("inceptionkit.data.transforms.random_crop.PIXELS_PER_PASS", together)
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 256, (6, 3, 41, 37), np.uint8))
    length, shares = random.uniform(0.1, 1.0, (2, 6)), random.uniform(0.0, 1.0, (2, 6))
    top, left = (1.0 - length) * shares
    boxes = Boxes(top, left, *length, mirrored=np.arange(6) % 2 == 0)
    names = ["bilinear", "bicubic", "area", "nearest", "bilinear", "area"]

    whole = crop_resize(pixels, boxes, 11, names)

    for place, name in enumerate(names):
        one = slice(place, place + 1)
        fields = (boxes.top, boxes.left, boxes.height, boxes.width, boxes.mirrored)
        alone = crop_resize(pixels[one], Boxes(*(field[one] for field in fields)), 11, [name])
        assert torch.equal(whole[one].clamp(0, 255), alone.clamp(0, 255))
