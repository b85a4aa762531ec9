"""Operations on grey levels are Pillow's, and at strength zero they change nothing."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from inceptionkit.data.transforms import photometric as levels

Operation = Callable[[Tensor, Tensor], Tensor]
Pillow = Callable[[Image.Image, float], Image.Image]

PILLOW: dict[str, tuple[Operation, Pillow]] = {
    "brightness": (levels.brightness, lambda i, x: ImageEnhance.Brightness(i).enhance(x)),
    "saturation": (levels.saturation, lambda i, x: ImageEnhance.Color(i).enhance(x)),
    "contrast": (levels.contrast, lambda i, x: ImageEnhance.Contrast(i).enhance(x)),
    "sharpness": (levels.sharpness, lambda i, x: ImageEnhance.Sharpness(i).enhance(x)),
    "posterize": (levels.posterize, lambda i, x: ImageOps.posterize(i, int(x))),
    "solarize": (levels.solarize, lambda i, x: ImageOps.solarize(i, int(x))),
    "autocontrast": (levels.autocontrast, lambda i, _: ImageOps.autocontrast(i)),
    "equalize": (levels.equalize, lambda i, _: ImageOps.equalize(i)),
}
FACTORS = (0.01, 0.5, 1.0, 1.99)
AMOUNTS = {
    "posterize": (2, 5, 8),
    "solarize": (0, 1, 100, 255, 256),
    "autocontrast": (0,),
    "equalize": (0,),
}
NEUTRAL = {"posterize": 8.0, "solarize": 256.0}
ROUNDING = 3.0  # grey levels: Pillow rounds grey, the mean, the smoothed image and the result
EXACT = ("posterize", "solarize", "equalize")

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
pictures = sizes.flatmap(lambda size: arrays(np.uint8, (*size, 3)))


def apply(operation: Operation, picture: np.ndarray, amount: float) -> np.ndarray:
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    found = operation(pixels, torch.full((1, 1, 1, 1), float(amount)))
    return found[0].permute(1, 2, 0).numpy()


@settings(max_examples=40, deadline=None)
@given(picture=pictures)
@pytest.mark.parametrize("name", PILLOW)
def test_an_operation_is_pillow_s(name: str, picture: np.ndarray) -> None:
    ours, theirs = PILLOW[name]
    for amount in AMOUNTS.get(name, FACTORS):
        wanted = np.asarray(theirs(Image.fromarray(picture), amount)).astype(np.float32)
        found = apply(ours, picture, amount)

        assert np.abs(found - wanted).max() <= (0 if name in EXACT else ROUNDING), amount


@settings(max_examples=40, deadline=None)
@given(picture=pictures)
@pytest.mark.parametrize("name", [n for n in PILLOW if n not in ("autocontrast", "equalize")])
def test_at_strength_zero_nothing_changes(name: str, picture: np.ndarray) -> None:
    fractions = picture * 0.997  # crops that were resized have fractions of a level

    found = apply(PILLOW[name][0], fractions.astype(np.float32), NEUTRAL.get(name, 1.0))

    np.testing.assert_array_equal(found, fractions.astype(np.float32))


@pytest.mark.parametrize(("low", "high"), [(0, 256), (100, 140), (3, 6)])
def test_equalizing_is_pillow_s_where_levels_are_many(low: int, high: int) -> None:
    """A step of the table is the share of 255 of the pixels: nothing changes in small images."""
    random = np.random.default_rng(high)
    picture = random.integers(low, high, (61, 83, 3)).astype(np.uint8)
    wanted = np.asarray(ImageOps.equalize(Image.fromarray(picture)))

    found = apply(levels.equalize, picture, 0.0)

    np.testing.assert_array_equal(found, wanted.astype(np.float32))
    assert not np.array_equal(wanted, picture)


def test_bits_are_whole() -> None:
    picture = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)

    np.testing.assert_array_equal(
        apply(levels.posterize, picture, 4.4), apply(levels.posterize, picture, 4)
    )


@pytest.mark.parametrize("name", PILLOW)
@pytest.mark.parametrize("level", [0.0, 255.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (5, 5)])
def test_flat_and_tiny_images_stay_in_range(name: str, level: float, size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), level, np.float32)
    for amount in AMOUNTS.get(name, FACTORS):
        found = apply(PILLOW[name][0], picture, amount)

        assert found.shape == picture.shape
        assert found.min() >= 0
        assert found.max() <= 255


def test_each_image_has_its_own_amount() -> None:
    pixels = torch.full((3, 3, 4, 4), 100.0)
    found = levels.brightness(pixels, torch.tensor([0.5, 1.0, 2.0]).view(3, 1, 1, 1))

    assert found[:, 0, 0, 0].tolist() == [50.0, 100.0, 200.0]
