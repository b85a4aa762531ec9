"""All of it together: what a recipe says is done to a batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.augmentation import (
    Augmentation,
    InceptionColors,
    PaddedCrop,
    Photometric,
    RandAugment,
    RandomCrop,
    TrivialAugment,
)
from inceptionkit.data.transforms.pipeline import augment
from inceptionkit.data.transforms.random_crop import crop_resize, draw_boxes, draw_resamplers
from inceptionkit.preprocess import Preprocessing

NOTHING = Augmentation(crop=RandomCrop(area_low=1.0, aspect=1.0), flip="none")
HOWS = {
    "crops": Augmentation(),
    "of random interpolation": Augmentation(interpolation="random", policy=Photometric(0.4)),
    "inception": Augmentation(policy=InceptionColors(), interpolation="bicubic"),
    "trivial": Augmentation(policy=TrivialAugment(), erasing=0.5),
    "rand": Augmentation(policy=RandAugment(), crop=PaddedCrop(padding=3)),
}
PREPROCESSING = Preprocessing(size=8)


def run(
    pixels: torch.Tensor, how: Augmentation, indices: np.ndarray, side: int = 8
) -> torch.Tensor:
    shape = np.full(len(pixels), pixels.shape[3] / pixels.shape[2])
    rng = CounterRng(4, 1, indices)
    random = how.interpolation == "random"
    resamplers = draw_resamplers(rng) if random else [how.interpolation]
    crops = crop_resize(pixels, draw_boxes(how, shape, rng), side, resamplers)
    return augment(crops, how, PREPROCESSING, rng)


def some(count: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator)


def test_without_anything_that_varies_images_are_normalized_only() -> None:
    pixels = some(3, 8, 8)

    found = run(pixels, NOTHING, np.arange(3))

    torch.testing.assert_close(found, pixels.float() / 127.5 - 1)


def test_the_interpolation_is_the_one_asked_for() -> None:
    pixels = some(1, 32, 32)

    found = run(pixels, replace(NOTHING, interpolation="nearest"), np.arange(1))

    picked = set(((found + 1) * 127.5).round().flatten().int().tolist())
    assert picked <= set(pixels.flatten().tolist())
    torch.testing.assert_close(found[0], pixels[0, :, 2::4, 2::4].float() / 127.5 - 1)


@pytest.mark.parametrize("name", HOWS)
def test_the_same_image_is_the_same_in_any_batch(name: str) -> None:
    pixels, indices = some(20, 12, 9), np.arange(50, 70)

    whole = run(pixels, HOWS[name], indices)
    alone = torch.cat([run(pixels[i : i + 1], HOWS[name], indices[i : i + 1]) for i in range(20)])

    torch.testing.assert_close(alone, whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", HOWS)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1)])
@pytest.mark.parametrize("side", [1, 8])
def test_degenerate_images_become_images(name: str, size: tuple[int, int], side: int) -> None:
    for pixels in (some(30, *size), torch.zeros(30, 3, *size, dtype=torch.uint8)):
        found = run(pixels, HOWS[name], np.arange(30), side)

        assert found.shape == (30, 3, side, side)
        assert found.isfinite().all()
        assert found.abs().max() <= 1.0001


def test_erased_pixels_are_the_mean_and_nothing_is_drawn_over_them() -> None:
    how = replace(HOWS["crops"], erasing=1.0, policy=Photometric(0.9))
    found = run(torch.full((40, 3, 8, 8), 255, dtype=torch.uint8), how, np.arange(40))

    assert ((found == 0).all(1).flatten(1).sum(1) > 0).float().mean() > 0.9


def test_with_a_padding_the_middle_of_an_image_is_always_seen() -> None:
    """The central square of 12 x 8 is moved by at most 2: its own middle stays in sight."""
    pixels = torch.zeros(200, 3, 12, 8, dtype=torch.uint8)
    pixels[:, :, 5:7, 3:5] = 255
    how = replace(NOTHING, crop=PaddedCrop(padding=2))

    found = run(pixels, how, np.arange(200))
    places = torch.stack([(image[0] > 0).nonzero().min(0).values for image in found])

    assert ((found > 0).flatten(1).sum(1) == 12).all()  # four pixels, three channels
    assert sorted(set(map(tuple, places.tolist()))) == [
        (y, x) for y in range(1, 6) for x in range(1, 6)
    ]
