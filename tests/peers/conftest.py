"""Getting the peers: imported where they can be, else the tests say why they are skipped."""

import os
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
import torch


@pytest.fixture(scope="session")
def torchvision_models() -> Iterator[ModuleType]:
    """torchvision's models.

    Where its wheel was built for another torch, its compiled part does not load and the import ends
    with an unknown operator. The models need nothing of it: declaring two operators is enough.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")  # must outlive the tests
    try:
        try:
            models = import_module("torchvision.models")
        except RuntimeError:
            for operator in ("nms", "qnms"):
                library.define(f"{operator}(Tensor dets, Tensor scores, float threshold) -> Tensor")
            models = import_module("torchvision.models")
    except ImportError as error:
        pytest.skip(f"torchvision cannot be imported ({error}): pip install --no-deps torchvision")
    yield models
    del library


@pytest.fixture(scope="session")
def timm(torchvision_models: ModuleType) -> ModuleType:
    """timm, which imports torchvision."""
    assert torchvision_models is not None
    try:
        return import_module("timm")
    except ImportError as error:
        pytest.skip(
            f"timm cannot be imported ({error}): pip install --no-deps timm huggingface_hub"
        )


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    """Keras on torch."""
    os.environ["KERAS_BACKEND"] = "torch"
    try:
        return import_module("keras")
    except ImportError as error:
        pytest.skip(f"keras cannot be imported ({error}): pip install keras")
