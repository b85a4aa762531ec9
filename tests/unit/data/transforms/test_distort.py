"""Photometric distortion, and its laws."""

import numpy as np
import torch
from torch import Tensor

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.color import distort


def some(count: int = 6) -> tuple[Tensor, np.ndarray]:
    pixels = torch.rand(count, 3, 8, 10, generator=torch.Generator().manual_seed(0)) * 255
    return pixels, np.arange(count, dtype=np.int64)


def test_at_strength_zero_nothing_changes() -> None:
    pixels, indices = some()

    torch.testing.assert_close(distort(pixels, 0.0, CounterRng(1, 2, indices)), pixels)


def test_the_same_image_is_distorted_alike_in_any_batch() -> None:
    pixels, indices = some()

    whole = distort(pixels, 0.4, CounterRng(1, 2, indices))
    alone = distort(pixels[4:5], 0.4, CounterRng(1, 2, indices[4:5]))

    torch.testing.assert_close(whole[4:5], alone)


def test_each_image_and_each_epoch_is_distorted_differently() -> None:
    pixels, indices = some(2)
    same = pixels[:1].expand(2, -1, -1, -1).clone()

    first = distort(same, 0.4, CounterRng(1, 0, indices))
    second = distort(same, 0.4, CounterRng(1, 1, indices))

    assert not torch.allclose(first[0], first[1], atol=1.0)
    assert not torch.allclose(first, second, atol=1.0)


def test_grey_stays_grey_and_values_stay_in_range() -> None:
    grey = torch.rand(50, 1, 8, 8).expand(-1, 3, -1, -1).contiguous() * 255

    changed = distort(grey, 0.9, CounterRng(3, 0, np.arange(50, dtype=np.int64)))

    torch.testing.assert_close(changed[:, 0], changed[:, 1], atol=0.01, rtol=0)
    torch.testing.assert_close(changed[:, 0], changed[:, 2], atol=0.01, rtol=0)
    assert changed.min() >= 0
    assert changed.max() <= 255
