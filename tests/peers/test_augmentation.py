"""What is drawn for an image is what torchvision draws."""

from importlib import import_module
from types import ModuleType

import numpy as np
import pytest
import torch

from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.augmentation import Augmentation
from inceptionkit.data.transforms.policies import NARROW, STRENGTHS, WIDE, Space, amount
from inceptionkit.data.transforms.random_crop import draw_boxes

pytestmark = pytest.mark.peer

SIDE = 224
THEIRS = {
    "shear x": "ShearX",
    "shear y": "ShearY",
    "translate x": "TranslateX",
    "translate y": "TranslateY",
    "rotate": "Rotate",
    "brightness": "Brightness",
    "saturation": "Color",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
    "posterize": "Posterize",
    "solarize": "Solarize",
    "autocontrast": "AutoContrast",
    "equalize": "Equalize",
    "identity": "Identity",
}
FACTORS = ("brightness", "saturation", "contrast", "sharpness")


@pytest.fixture(scope="session")
def v2(torchvision_models: ModuleType) -> ModuleType:
    assert torchvision_models is not None
    return import_module("torchvision.transforms.v2")


@pytest.mark.parametrize(
    ("ours", "theirs"), [(WIDE, "TrivialAugmentWide"), (NARROW, "RandAugment")]
)
def test_operations_and_their_amounts(v2: ModuleType, ours: Space, theirs: str) -> None:
    space = getattr(v2, theirs)()._AUGMENTATION_SPACE
    strengths = np.linspace(0, 1, STRENGTHS)

    assert sorted(space) == sorted(THEIRS.values())
    for name, span in ours.items():
        magnitudes, signed = space[THEIRS[name]]
        wanted = magnitudes(STRENGTHS, SIDE, SIDE)
        found = amount(span, strengths, np.ones(STRENGTHS)) * (SIDE if span.of_side else 1)
        assert signed == span.random_sign, name
        if wanted is None:
            assert span.none == span.most
            continue
        if name in FACTORS:
            found = found - 1  # they add one when they apply it
        if name == "posterize":
            found = np.round(found)
        limit = 1 / 256 if name == "solarize" else 1e-6  # they begin at 255, which is not neutral
        scale = 256 if name == "solarize" else 1
        np.testing.assert_allclose(found / scale, np.asarray(wanted), atol=limit, err_msg=name)


def test_crops_are_distributed_alike(v2: ModuleType) -> None:
    count, tall, wide = 20_000, 320, 430
    boxes = draw_boxes(
        Augmentation(), np.full(count, wide / tall), CounterRng(0, 0, np.arange(count))
    )
    torch.manual_seed(0)
    crop, blank = v2.RandomResizedCrop(SIDE), [torch.zeros(3, tall, wide)]
    drawn = [crop.make_params(blank) for _ in range(count)]
    height, width = (np.array([one[key] for one in drawn]) for key in ("height", "width"))

    for ours, theirs in (
        (boxes.height * boxes.width, height * width / (tall * wide)),
        (np.log(boxes.width * wide / (boxes.height * tall)), np.log(width / height)),
        (boxes.top, np.array([one["top"] for one in drawn]) / tall),
        (boxes.left, np.array([one["left"] for one in drawn]) / wide),
    ):
        levels = np.linspace(0.02, 0.98, 25)
        apart = np.abs(np.quantile(ours, levels) - np.quantile(theirs, levels))
        assert apart.max() < 0.015
