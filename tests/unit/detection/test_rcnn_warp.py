"""Regions are cut out one by one, and classified few at once, with the same result."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_boxes import boxes
from PIL import Image

from inceptionkit.detection.rcnn import detector
from inceptionkit.detection.rcnn.detector import RcnnDetector
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.rcnn.warp import GREY, warp
from inceptionkit.evaluation.inference import Answers
from inceptionkit.preprocess import Preprocessing


def on_a_canvas(image: np.ndarray, box: np.ndarray, side: int, context: float) -> np.ndarray:
    """A region cut out of the whole image with a border around it."""
    around = (box[2:] - box[:2]) * (context / (1 - 2 * context))
    border = math.ceil(float(around.max())) + 1
    height, width = image.shape[:2]
    canvas = Image.new("RGB", (width + 2 * border, height + 2 * border), GREY)
    canvas.paste(Image.fromarray(image), (border, border))
    region = tuple((np.concatenate([box[:2] - around, box[2:] + around]) + border).tolist())
    return np.asarray(canvas.resize((side, side), Image.Resampling.BILINEAR, box=region))


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 16 / 227, 0.3]), st.booleans())
def test_a_region_is_what_a_bordered_image_shows(seed: int, context: float, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    edges = np.array([[0, 0, 640, 480], [0, 3, 9, 480], [600, 400, 640, 480]], np.float32)
    some = np.concatenate([boxes(rng, 5, whole=whole), edges])

    squares = warp(image, some, 32, context)

    for box, square in zip(some, squares, strict=True):
        expected = on_a_canvas(image, box, 32, context)
        apart = np.abs(square.astype(int) - expected.astype(int))
        assert apart.max() <= 1  # Pillow rounds between its passes, in the order that is cheaper


def test_a_region_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    some = boxes(rng, 9, whole=False)

    alone = [warp(image, some[at : at + 1], 24, 0.1)[0] for at in range(len(some))]

    np.testing.assert_array_equal(warp(image, some, 24, 0.1), alone)
    assert warp(image, some[:0], 24, 0.1).shape == (0, 24, 24, 3)


def classifier(side: int) -> Any:
    return SimpleNamespace(model=None, card=SimpleNamespace(preprocessing=Preprocessing(size=side)))


def test_few_regions_are_warped_at_once_and_once_for_classifiers_of_one_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warped = list[tuple[int, int]]()

    def counted(image: np.ndarray, some: np.ndarray, side: int, context: float) -> np.ndarray:
        warped.append((len(some), side))
        return warp(image, some, side, context)

    def answers(_: Any, pixels: Any, *__: Any, **___: Any) -> Answers:
        value = pixels.float().mean((1, 2, 3)).numpy()[:, None] / 255
        return Answers(np.concatenate([value, 1 - value], 1), np.zeros(len(value), int), ("aux",))

    monkeypatch.setattr(detector, "warp", counted)
    monkeypatch.setattr(detector, "predict_with_early_exit", answers)
    rng = np.random.default_rng(0)
    image, some = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), boxes(rng, 150, whole=True)
    three = (classifier(16), classifier(16), classifier(8))
    columns = (np.array([0, 1]), np.array([1, 0]), np.array([0, 1]))

    scores = RcnnDetector(("disc",), three, columns, RegionSettings()).scores(image, some)

    assert warped == [(64, 16), (64, 8), (64, 16), (64, 8), (22, 16), (22, 8)]
    assert scores.exits == ("aux",) * 150
    large, small = (warp(image, some, side, 16 / 227).mean((1, 2, 3)) / 255 for side in (16, 8))
    expected = (large + (1 - large) + small) / 3
    np.testing.assert_allclose(scores.probabilities[:, 0], expected, rtol=1e-5)
