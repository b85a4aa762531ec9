"""Random erasing, and its laws."""

import numpy as np
import pytest
import torch
from torch import Tensor

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.erasing import ERASED_AREA, erase

MANY = 3_000
SIDE = 48


def erased(
    probability: float, *, count: int = MANY, size: tuple[int, int] = (SIDE, SIDE)
) -> Tensor:
    """(count, height, width): whether a pixel is gone."""
    found = erase(torch.ones(count, 1, *size), probability, CounterRng(0, 0, np.arange(count)))
    return found[:, 0] == 0


def test_so_many_images_lose_a_rectangle() -> None:
    touched = erased(0.25).flatten(1).any(1)

    assert abs(float(touched.float().mean()) - 0.25) < 5 * np.sqrt(0.25 * 0.75 / MANY)


def test_areas_are_uniform_where_nothing_is_cut() -> None:
    area = erased(1.0).float().mean((1, 2)).numpy()
    counts, _ = np.histogram(area, 8, ERASED_AREA)

    assert area.min() > ERASED_AREA[0] - 0.01
    assert area.max() < ERASED_AREA[1] + 0.02
    assert np.abs(counts / MANY - 1 / 8).max() < 5 * np.sqrt(1 / 8 / MANY) + 0.02  # drawn again


def test_what_is_gone_is_one_rectangle_anywhere() -> None:
    gone = erased(1.0)
    rows, cols = gone.any(2), gone.any(1)

    assert torch.equal(gone, rows[:, :, None] & cols[:, None, :])
    for side in (rows, cols):
        begins_and_ends = side.int().diff(dim=1).abs().sum(1) + side[:, 0] + side[:, -1]
        assert (begins_and_ends == 2).all()
    assert gone.any(0).all()  # every pixel is reached


def test_tall_and_wide_are_equally_likely() -> None:
    gone = erased(1.0)
    tall, wide = gone.any(2).sum(1), gone.any(1).sum(1)

    assert abs(float((tall > wide).float().mean() - (tall < wide).float().mean())) < 0.08


def test_at_probability_zero_nothing_changes() -> None:
    assert not erased(0.0).any()


def test_the_same_image_loses_the_same_in_any_batch() -> None:
    images, indices = torch.randn(6, 3, 20, 20), np.arange(6)
    whole = erase(images, 0.9, CounterRng(1, 2, indices))
    alone = erase(images[4:5], 0.9, CounterRng(1, 2, indices[4:5]))

    assert torch.equal(whole[4:5], alone)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1)])
def test_degenerate_images_keep_their_size(size: tuple[int, int]) -> None:
    assert erased(1.0, count=200, size=size).shape == (200, *size)
