"""Runs that are killed, and what is left of them."""

import csv
import multiprocessing
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from hearing import Collects
from victim import one_way, train_until

import inceptionkit
from inceptionkit.data.loading import sets as prepare
from inceptionkit.spec import Dropout, GlobalPool, Linear, Net
from inceptionkit.training.checkpoint import checkpoints

CLASSES, EACH = ("dark", "grey", "light"), 20
OPTIONS = {"epochs": 3, "settings": ("batch=8", "ema_horizon=0.3")}


def pin(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("inceptionkit.training.autotune.candidates", one_way)


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch)


@pytest.fixture(scope="session")
def net(tiny: Net) -> Net:
    head = (GlobalPool(), Dropout(0.3), Linear(10, classifier=True))
    return replace(tiny, image=(3, 12, 12), head=head)


@pytest.fixture(scope="session")
def images(paint: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint(tmp_path_factory.mktemp("images") / "photos", CLASSES, each=EACH)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each test finds its copies: a run knows the path of its images."""
    return tmp_path_factory.mktemp("place")


def put(source: Path, at: Path) -> Path:
    shutil.rmtree(at, ignore_errors=True)
    return Path(shutil.copytree(source, at))


@pytest.fixture
def data(images: Path, place: Path) -> Path:
    return put(images, place / "photos")


@pytest.fixture
def start(net: Net, data: Path, tmp_path: Path) -> Callable[..., Path]:
    """Runs to the end, in this process."""

    def run(name: str, **options: Any) -> Path:
        out = tmp_path / name
        inceptionkit.train(data, **{"architecture": net, "out": out} | OPTIONS | options)
        return out

    return run


@pytest.fixture(scope="session")
def fall(net: Net) -> Callable[[Path, Path], Path]:
    """Makes a run that falls after its second epoch, with two checkpoints."""

    class Falls(Collects):
        epochs = 0

        def epoch(self, row: object) -> None:
            del row
            self.epochs += 1
            if self.epochs == 3:
                raise ConnectionError

    def run(photos: Path, out: Path) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            pin(patch)
            with pytest.raises(ConnectionError):
                inceptionkit.train(photos, architecture=net, out=out, listener=Falls(), **OPTIONS)
        assert len(checkpoints(out / "checkpoints")) == 2
        return out

    return run


@pytest.fixture(scope="session")
def fallen(
    fall: Callable, images: Path, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return fall(put(images, place / "photos"), tmp_path_factory.mktemp("fallen") / "cut")


@pytest.fixture
def cut(fallen: Path, data: Path, place: Path) -> Path:
    """A run that fell after its second epoch, and whose images lie where they did."""
    assert data.is_dir()
    return put(fallen, place / "cut")


@pytest.fixture(scope="session")
def whole(net: Net, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happened to, on the same images."""
    out = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        pin(patch)
        inceptionkit.train(images, architecture=net, out=out, **OPTIONS)
    return out


@pytest.fixture(scope="session")
def forks() -> ForkServerContext:
    """Starts processes that have imported already what a training imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["inceptionkit.training.run.session", "torch._dynamo", "victim"])
    return context


@pytest.fixture
def killed(net: Net, data: Path, tmp_path: Path, forks: ForkServerContext) -> Callable[..., Path]:
    """Runs in a process that is killed at a moment, the n-th time it comes."""

    def run(moment: str, count: int, **options: Any) -> Path:
        out = tmp_path / "killed"
        told = (moment, count, data, {"out": out} | OPTIONS | options, net, prepare.TRAIN_MEMORY)
        process = forks.Process(target=train_until, args=told)
        process.start()
        process.join(200)
        assert process.exitcode == -signal.SIGKILL
        process.close()
        return out

    return run


@pytest.fixture(scope="session")
def same() -> Callable[[Path, Path], None]:
    """Two runs have the same weights, predictions, log rows and logged updates."""
    measured = ("images_per_second", "evaluation_seconds", "seconds")

    def rows(run: Path) -> list[dict[str, str]]:
        lines = (run / "log.csv").read_text().splitlines()
        return [
            {k: v for k, v in row.items() if k not in measured} for row in csv.DictReader(lines)
        ]

    def check(one: Path, two: Path) -> None:
        for name in ("model/model.safetensors", "predictions.csv", "log.jsonl", "unusable.csv"):
            assert (one / name).read_bytes() == (two / name).read_bytes(), name
        assert rows(one) == rows(two)
        assert {p.name for p in one.rglob("*")} == {p.name for p in two.rglob("*")}

    return check
