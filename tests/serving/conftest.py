"""A server in this process, and one in a process of its own."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import LOAD, serving

from inceptionkit.serving.answering import Answering
from inceptionkit.serving.app import make_app
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.metrics import Metrics
from inceptionkit.serving.models import Models


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "tiny"))


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
