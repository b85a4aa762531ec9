"""Training for seconds, in a way that does not depend on what a probe measures."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inceptionkit.training.execution import Execution

MEASURED = ("images_per_second", "evaluation_seconds", "seconds")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "runs" in item.path.parts:
            item.add_marker("run")


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe has one way of computing to choose from: which is fastest differs by the hour."""

    def one(device: str, _: int, precision: str = "auto") -> list[Execution]:
        kind = "fp32" if precision == "auto" else precision
        return [Execution(precision=kind, channels_last=True, device=device, threads=1)]

    monkeypatch.setattr("inceptionkit.training.autotune.candidates", one)


@pytest.fixture(scope="session")
def weights() -> Callable[[Path], bytes]:
    return lambda run: (run / "model" / "model.safetensors").read_bytes()


@pytest.fixture(scope="session")
def rows() -> Callable[[Path], list[dict[str, str]]]:
    """Rows of log.csv less what a clock measured."""

    def read(run: Path) -> list[dict[str, str]]:
        lines = (run / "log.csv").read_text().splitlines()
        return [
            {k: v for k, v in row.items() if k not in MEASURED} for row in csv.DictReader(lines)
        ]

    return read


@pytest.fixture(scope="session")
def record() -> Callable[[Path], dict[str, Any]]:
    return lambda run: json.loads((run / "run.json").read_text())


@pytest.fixture(scope="session")
def steps() -> Callable[[Path], list[dict[str, Any]]]:
    return lambda run: [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Sends this process a SIGTERM after some update of the next run."""
    import os
    import signal

    from inceptionkit.training.loop import StepEnded
    from inceptionkit.training.run import session

    whole = session.train

    def after(step: int) -> None:
        def cut(*args: Any) -> Iterator[Any]:
            for event in whole(*args):
                if isinstance(event, StepEnded) and event.step == step:
                    os.kill(os.getpid(), signal.SIGTERM)
                    monkeypatch.setattr(session, "train", whole)
                yield event

        monkeypatch.setattr(session, "train", cut)

    yield after
    monkeypatch.setattr(session, "train", whole)
