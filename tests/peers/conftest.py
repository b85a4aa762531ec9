"""Getting the peers: imported where they can be, else the tests say why they are skipped."""

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from inceptionkit.preprocess import Preprocessing, decode

Pictures = Callable[[Preprocessing, int], np.ndarray]

PHOTOGRAPHS = Path(__file__).parents[3] / "shared" / "data" / "imagenet-samples"


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
def pretrainedmodels(torchvision_models: ModuleType) -> ModuleType:
    """Cadene's ports, which import torchvision."""
    assert torchvision_models is not None
    try:
        return import_module("pretrainedmodels")
    except ImportError as error:
        pytest.skip(
            f"pretrainedmodels cannot be imported ({error}): "
            "pip install --no-deps pretrainedmodels munch"
        )


@pytest.fixture(scope="session")
def pytorch_fid(torchvision_models: ModuleType) -> ModuleType:
    """The port of the graph behind the Frechet Inception Distance, which imports torchvision."""
    assert torchvision_models is not None
    try:
        return import_module("pytorch_fid.inception")
    except ImportError as error:
        pytest.skip(f"pytorch-fid cannot be imported ({error}): pip install --no-deps pytorch-fid")


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    """Keras on torch."""
    os.environ["KERAS_BACKEND"] = "torch"
    try:
        return import_module("keras")
    except ImportError as error:
        pytest.skip(f"keras cannot be imported ({error}): pip install keras")


@pytest.fixture(scope="session")
def opencv() -> ModuleType:
    """OpenCV, whose DNN module runs Caffe's networks."""
    try:
        return import_module("cv2.dnn") and import_module("cv2")
    except ImportError as error:
        pytest.skip(f"OpenCV cannot be imported ({error}): pip install 'opencv-python-headless<5'")


@pytest.fixture(params=["noise", "photographs"])
def pictures(request: pytest.FixtureRequest) -> Pictures:
    """Gives so many pictures as a network sees them: (batch, size, size, 3), 0 to 255."""
    if request.param == "noise":

        def noise(preprocessing: Preprocessing, count: int) -> np.ndarray:
            shape = (count, preprocessing.size, preprocessing.size, 3)
            return np.random.default_rng(0).integers(0, 256, shape, np.uint8)

        return noise
    shard = next(iter(PHOTOGRAPHS.glob("*.parquet")), None)
    if shard is None:
        pytest.skip("needs imagenet-samples in ../shared/data")
    parquet = import_module("pyarrow.parquet")
    rows = next(parquet.ParquetFile(shard).iter_batches(8, columns=["image"])).to_pylist()
    photographs = [decode(row["image"]["bytes"]) for row in rows]

    def fitted(preprocessing: Preprocessing, count: int) -> np.ndarray:
        return np.stack([preprocessing.fit(pixels) for pixels in photographs[:count]])

    return fitted
