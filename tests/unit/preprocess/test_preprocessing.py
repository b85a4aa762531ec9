"""Preprocessing is data, and one function applies it."""

import json
import re
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from inceptionkit import records
from inceptionkit.errors import DataError, UnknownNameError
from inceptionkit.preprocess import Preprocessing

ONE_LEVEL = 1  # Pillow rounds the corners of a crop to float32: at most one grey level


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_an_image_of_the_exact_size_passes_unchanged() -> None:
    image = noise(32, 32)

    assert (Preprocessing(size=32).fit(image) == image).all()


def test_an_image_whose_short_side_fits_is_only_cropped() -> None:
    image = noise(256, 301)

    assert (Preprocessing(size=224, crop=0.875).fit(image) == image[16:240, 38:262]).all()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize(("height", "width"), [(300, 401), (517, 380), (64, 48), (90, 91)])
def test_fit_is_resizing_the_whole_image_and_cropping_the_middle(
    interpolation: str, height: int, width: int
) -> None:
    how = Preprocessing(size=96, crop=0.75, interpolation=interpolation)
    image = noise(height, width)
    short = min(height, width)
    tall, wide = round(height * 128 / short), round(width * 128 / short)
    filtering = Image.Resampling[interpolation.upper()]
    whole = np.asarray(Image.fromarray(image).resize((wide, tall), filtering))
    top, left = (tall - 96) // 2, (wide - 96) // 2
    wanted = whole[top : top + 96, left : left + 96].astype(int)

    assert np.abs(how.fit(image) - wanted).max() <= ONE_LEVEL


@pytest.mark.parametrize("shape", [(1, 1), (2, 30_000), (30_000, 2), (1, 7), (3, 3)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_tiny_and_endless_images_take_little_memory(
    shape: tuple[int, int], interpolation: str
) -> None:
    image = noise(*shape)
    tracemalloc.start()
    fitted = Preprocessing(size=224, crop=0.875, interpolation=interpolation).fit(image)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert fitted.shape == (224, 224, 3)
    assert peak_bytes < 4_000_000


def test_a_fitted_array_is_contiguous_and_of_bytes() -> None:
    for image in (noise(40, 60), noise(32, 50), noise(32, 32)):
        fitted = Preprocessing(size=32).fit(image)

        assert fitted.flags.c_contiguous
        assert fitted.dtype == np.uint8


def test_normalized_is_pixel_times_scale_plus_shift() -> None:
    how = Preprocessing(size=2, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    batch = np.stack([noise(2, 2), noise(2, 2)])
    wanted = ((batch / 255 - how.mean) / how.std).transpose(0, 3, 1, 2)
    scale, shift = how.affine
    linear = (batch * scale + shift).transpose(0, 3, 1, 2)

    assert how.normalize(batch).shape == (2, 3, 2, 2)
    assert how.normalize(batch).dtype == np.float32
    assert np.allclose(how.normalize(batch), wanted, rtol=0, atol=1e-6)
    assert np.allclose(linear, wanted, rtol=0, atol=1e-12)


def test_the_defaults_give_minus_one_to_one() -> None:
    ends = np.array([0, 255] * 6, np.uint8).reshape(1, 2, 2, 3)

    assert set(Preprocessing(size=2).normalize(ends).ravel().tolist()) == {-1.0, 1.0}


def read(data: object) -> Preprocessing:
    return records.from_json(Preprocessing, data, at="preprocessing", error=DataError)


def test_json_and_back_is_the_same() -> None:
    how = Preprocessing(size=299, crop=0.875, interpolation="bicubic", mean=(0.1, 0.2, 0.3))

    assert read(json.loads(json.dumps(records.to_json(how)))) == how


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sise": 3}, ": unknown key 'sise'; did you mean 'size'?"),
        ({"size": 0}, ": size must be a whole number from 1 to 16384, got 0"),
        ({"size": 32.0}, ".size must be a whole number, got 32.0"),
        ({"crop": 1.5}, ": crop must be above 0 and at most 1, got 1.5"),
        ({"crop": "all"}, ".crop must be a number, got 'all'"),
        ({"mean": [0.5]}, ".mean must be a list of 3, got [0.5]"),
        ({"mean": [0.5, 0.5, float("nan")]}, ".mean[2] must be a number of usual size, got nan"),
        ({"std": [0.5, 0.5, 0]}, ": std must be three numbers above 0, got (0.5, 0.5, 0.0)"),
        ({"color": "BGR"}, ".color must be RGB, got 'BGR'"),
    ],
)
def test_impossible_preprocessing_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(f'preprocessing{said}')}$"):
        read(records.to_json(Preprocessing(size=32)) | change)


def test_a_missing_key_is_named() -> None:
    data = records.to_json(Preprocessing(size=32))
    del data["crop"], data["std"]
    with pytest.raises(DataError) as caught:
        read(data)

    assert str(caught.value) == "preprocessing: 'crop' is missing"


def test_a_misspelt_interpolation_gets_advice() -> None:
    with pytest.raises(UnknownNameError) as caught:
        Preprocessing(size=32, interpolation="bilinar")

    assert str(caught.value) == ("no interpolation 'bilinar'; did you mean 'bilinear'?")


def test_arrays_of_another_shape_are_refused() -> None:
    how = Preprocessing(size=4)
    with pytest.raises(DataError) as fitting:
        how.fit(np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError) as scaling:
        how.normalize(np.zeros((1, 3, 4, 4), np.uint8))

    assert str(fitting.value) == "fit: an image must be (height, width, 3) uint8, got (4, 4) uint8"
    assert str(scaling.value) == (
        "normalize: a batch must be (batch, 4, 4, 3) uint8, got (1, 3, 4, 4) uint8; "
        "fit each image first"
    )
