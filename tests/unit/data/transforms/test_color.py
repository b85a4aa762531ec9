"""TF-slim's distortion of colors: each change by itself, and the order of the four."""

import colorsys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.color import (
    COLOR_RANGES,
    ORDERS,
    inception_colors,
    scale_contrast,
    scale_saturation,
    turn_hue,
)

ROUNDING = 0.01  # grey levels, of float32
levels = st.integers(0, 255)
colors = st.tuples(levels, levels, levels)


def pixel(color: tuple[int, int, int]) -> Tensor:
    return torch.tensor(color).float().view(1, 3, 1, 1)


def one(amount: float) -> Tensor:
    return torch.full((1, 1, 1, 1), amount)


@given(color=colors, factor=st.floats(0, 3))
def test_saturation_is_that_of_hsv(color: tuple[int, int, int], factor: float) -> None:
    hue, saturation, value = colorsys.rgb_to_hsv(*(c / 255 for c in color))
    wanted = colorsys.hsv_to_rgb(hue, min(1.0, saturation * factor), value)

    found = scale_saturation(pixel(color), one(factor)).flatten().tolist()

    assert found == pytest.approx([255 * c for c in wanted], abs=ROUNDING)


@given(color=colors, turn=st.floats(-1, 1))
def test_hue_is_that_of_hsv(color: tuple[int, int, int], turn: float) -> None:
    hue, saturation, value = colorsys.rgb_to_hsv(*(c / 255 for c in color))
    wanted = colorsys.hsv_to_rgb((hue + turn) % 1.0, saturation, value)

    found = turn_hue(pixel(color), one(turn)).flatten().tolist()

    assert found == pytest.approx([255 * c for c in wanted], abs=ROUNDING)


def test_contrast_is_about_the_mean_of_each_channel() -> None:
    pixels = torch.tensor([[[[0.0, 100.0]], [[50.0, 60.0]], [[7.0, 7.0]]]])

    found = scale_contrast(pixels, one(0.5))

    assert found.flatten().tolist() == [25.0, 75.0, 52.5, 57.5, 7.0, 7.0]


def test_at_their_neutral_amounts_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    neutral = {
        name: ((0.0, 0.0) if low < 0 else (1.0, 1.0)) for name, (low, _) in COLOR_RANGES.items()
    }
    monkeypatch.setattr("inceptionkit.data.transforms.color.COLOR_RANGES", neutral)
    pixels = torch.rand(8, 3, 6, 6) * 255

    found = inception_colors(pixels, CounterRng(0, 0, np.arange(8)))

    torch.testing.assert_close(found, pixels, rtol=0, atol=ROUNDING)


def test_amounts_and_orders_are_those_of_the_source() -> None:
    """`distort_color` of TF-slim's inception_preprocessing.py, not in its fast mode."""
    assert COLOR_RANGES["brightness"] == (-32.0, 32.0)
    assert COLOR_RANGES["saturation"] == COLOR_RANGES["contrast"] == (0.5, 1.5)
    assert COLOR_RANGES["hue"] == (-0.2, 0.2)
    assert [sorted(order) for order in ORDERS] == [sorted(COLOR_RANGES)] * 4
    assert [order[0] for order in ORDERS] == ["brightness", "saturation", "contrast", "hue"]


def test_the_same_image_is_distorted_alike_in_any_batch() -> None:
    pixels, indices = torch.rand(9, 3, 8, 8) * 255, np.arange(9)

    whole = inception_colors(pixels, CounterRng(1, 2, indices))
    alone = inception_colors(pixels[4:5], CounterRng(1, 2, indices[4:5]))

    torch.testing.assert_close(whole[4:5], alone)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
@pytest.mark.parametrize("level", [0.0, 255.0])
def test_black_white_and_tiny_images_stay_in_range(size: tuple[int, int], level: float) -> None:
    found = inception_colors(torch.full((20, 3, *size), level), CounterRng(0, 0, np.arange(20)))

    assert found.isfinite().all()
    assert found.min() >= 0
    assert found.max() <= 255
