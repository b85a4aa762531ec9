"""Padded random crop, and its laws."""

from itertools import product

import numpy as np
import pytest
import torch
from torch.nn.functional import pad

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.pipeline import padded_crop


def test_every_place_is_as_likely_and_shows_what_torch_pads() -> None:
    count, padding, side = 20_000, 2, 6
    image = torch.arange(side * side).float().view(1, 1, side, side)
    found = padded_crop(
        image.expand(count, 1, side, side), padding, CounterRng(0, 0, np.arange(count))
    )
    wide = pad(image, (padding,) * 4, mode="reflect")[0, 0]
    times = [
        int((found[:, 0] == wide[top : top + side, left : left + side]).all((1, 2)).sum())
        for top, left in product(range(2 * padding + 1), repeat=2)
    ]

    assert sum(times) == count
    assert np.abs(np.array(times) / count - 1 / 25).max() < 5 * np.sqrt(1 / 25 / count)


def test_without_padding_nothing_changes() -> None:
    pixels = torch.randn(3, 3, 5, 5)

    assert padded_crop(pixels, 0, CounterRng(0, 0, np.arange(3))) is pixels


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_images_smaller_than_the_padding_are_reflected_again_and_again(
    size: tuple[int, int],
) -> None:
    pixels = torch.rand(50, 3, *size)
    found = padded_crop(pixels, 8, CounterRng(0, 0, np.arange(50)))

    assert found.shape == pixels.shape
    assert set(found[7].flatten().tolist()) <= set(pixels[7].flatten().tolist())
