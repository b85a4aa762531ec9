"""Turning, shearing and moving are Pillow's."""

import numpy as np
import pytest
import torch
from PIL import Image

from inceptionkit.data.transforms.geometry import BEYOND, WARPS, warp

GREY = (int(BEYOND),) * 3


def ours(picture: np.ndarray, name: str, amount: float) -> np.ndarray:
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    found = warp(pixels, WARPS[name](amount, *picture.shape[:2])[None])
    return found[0].permute(1, 2, 0).numpy()


def smooth(height: int, width: int) -> np.ndarray:
    """A picture without edges, so that half a pixel is half a level or two."""
    y, x = np.mgrid[:height, :width]
    planes = [128 + 60 * np.sin(x / 9 + k) * np.cos(y / 7 - k) for k in range(3)]
    return np.stack(planes, 2).round().astype(np.uint8)


def inside(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Differences away from where the border was seen; there Pillow does not blend."""
    edge = (np.abs(wanted - BEYOND) < 1e-6).all(2)
    near = np.zeros_like(edge)
    for shift in (-1, 0, 1):
        for axis in (0, 1):
            near |= np.roll(edge, shift, axis)
    near[:2], near[-2:], near[:, :2], near[:, -2:] = True, True, True, True
    return np.abs(found - wanted)[~near]


@pytest.mark.parametrize("size", [(40, 40), (30, 50)])
@pytest.mark.parametrize("degrees", [-135.0, -20.0, 45.0, 90.0, 135.0])
def test_rotating_is_pillow_s(size: tuple[int, int], degrees: float) -> None:
    picture = smooth(*size)
    image = Image.fromarray(picture)
    wanted = image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=GREY)

    differences = inside(ours(picture, "rotate", degrees), np.asarray(wanted, np.float32))

    assert differences.size > 300
    assert differences.max() <= 1.01


@pytest.mark.parametrize(
    ("name", "amount", "coefficients"),
    [
        ("shear x", 0.99, (1, -0.99, 0, 0, 1, 0)),
        ("shear x", -0.3, (1, 0.3, 0, 0, 1, 0)),
        ("shear y", 0.5, (1, 0, 0, -0.5, 1, 0)),
        ("translate x", 7.0, (1, 0, -7, 0, 1, 0)),
        ("translate y", -3.5, (1, 0, 0, 0, 1, 3.5)),
    ],
)
def test_shearing_and_moving_are_pillow_s(
    name: str, amount: float, coefficients: tuple[float, ...]
) -> None:
    picture = smooth(40, 48)
    method, resample = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    image = Image.fromarray(picture)
    wanted = image.transform(image.size, method, coefficients, resample, fillcolor=GREY)

    differences = inside(ours(picture, name, amount), np.asarray(wanted, np.float32))

    assert differences.size > 300
    assert differences.max() <= 1.01


@pytest.mark.parametrize("name", WARPS)
def test_an_amount_of_zero_moves_nothing(name: str) -> None:
    np.testing.assert_array_equal(WARPS[name](0.0, 31, 17), np.eye(2, 3))


@pytest.mark.parametrize("name", WARPS)
def test_what_comes_from_beyond_is_grey(name: str) -> None:
    picture = np.zeros((20, 20, 3), np.uint8)

    found = ours(picture, name, 0.9 if "shear" in name else 45.0 if name == "rotate" else 12.0)

    assert found.max() == pytest.approx(BEYOND)
    assert found.min() == 0.0


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
@pytest.mark.parametrize("name", WARPS)
def test_tiny_images_stay_in_range(name: str, size: tuple[int, int]) -> None:
    found = ours(np.full((*size, 3), 255, np.uint8), name, 0.5)

    assert found.shape == (*size, 3)
    assert np.isfinite(found).all()
    assert found.max() <= 255.001
