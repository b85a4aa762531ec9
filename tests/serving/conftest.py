"""A server in this process, and one in a process of its own."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import LOAD, serving

from inceptionkit.model.folder import TENSORS
from inceptionkit.preprocess import Preprocessing
from inceptionkit.serving.answering import Answering
from inceptionkit.serving.app import make_app
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.metrics import Metrics
from inceptionkit.serving.models import Models
from inceptionkit.spec import Net


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "tiny"))


@pytest.fixture
def detector(tiny: Net, tmp_path: Path) -> Path:
    """An untrained detector that shows every box."""
    import torch

    from inceptionkit.detection.shared.card import DetectorCard, write_detector
    from inceptionkit.detection.shared.design import Design
    from inceptionkit.detection.shared.model import weights_file
    from inceptionkit.detection.shared.network import DetectorNet

    design = Design(
        net=tiny, size=(32, 32), taps=("inception3",), rejecter="conv1",
        anchors=((12.0, 12.0),), channels=8, hidden=16, grid=3,
    )  # fmt: skip
    model = DetectorNet(design, 2, seed=0)
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([0.0, 3.0, 0.0]))
    card = DetectorCard(
        design=design, classes=("cat", "dog"), preprocessing=Preprocessing(size=16), show=0.0
    )
    write_detector(tmp_path / "pets", card, {TENSORS: weights_file(model)})
    return tmp_path / "pets"


@pytest.fixture
def started() -> Iterator[Callable[..., Models]]:
    """Makes models that are loaded and watched."""
    made: list[Models] = []

    def start(places: dict[str, Path], **limits: float) -> Models:
        models = Models(places, Limits(**limits), Metrics(), LOAD)  # type: ignore[arg-type]
        made.append(models)
        models.start()
        return models

    yield start
    for models in made:
        models.stop()


@pytest.fixture
def client(started: Callable[..., Models], tiny_model: Path) -> Callable[..., TestClient]:
    """Makes a client of a server of the tiny model, with limits of its own."""

    def make(
        *, token: str = "", places: dict[str, Path] | None = None, **limits: float
    ) -> TestClient:
        models = started(places or {"tiny": tiny_model}, **limits)
        app = make_app(Answering(models, models.limits, models.metrics), token)
        return TestClient(app, raise_server_exceptions=False)

    return make


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., tuple[str, subprocess.Popen[str]]]]:
    """Starts `inceptionkit serve` and gives its address."""
    with ExitStack() as running:
        yield lambda *words: running.enter_context(serving(tmp_path, *words))
