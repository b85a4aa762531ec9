"""How a run that trains an R-CNN begins: where from, on what, with which proposals."""

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import annotated
import pytest
from hearing import Collects

from inceptionkit.api import detect_rcnn as api
from inceptionkit.detection.rcnn import run as steps
from inceptionkit.detection.rcnn import start
from inceptionkit.detection.rcnn.proposer import PROPOSER
from inceptionkit.detection.rcnn.request import DetectRcnnRequest
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.rcnn.start import RcnnRun, named_start, region_settings, start_run
from inceptionkit.errors import Interrupted, RecipeError, RunError, WeightsError
from inceptionkit.files import write_json
from inceptionkit.model.folder import CARD, DEFAULT_MODEL
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.folder import how_to_resume, require_empty


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return annotated.write_table(tmp_path / "data")


def begun(data: Path, **options: Any) -> tuple[RcnnRun, Collects]:
    hearing = Collects()
    out = data.parent / "run"
    request = DetectRcnnRequest(data, out=out, listener=hearing, **options)
    try:
        return start_run(request, lambda _: None, 0.0), hearing
    finally:
        folders.release(out)


def test_without_a_model_a_run_starts_from_the_one_that_ships(data: Path) -> None:
    run, hearing = begun(data)

    assert run.request.from_ == DEFAULT_MODEL
    assert run.side == 64
    assert f"classifiers start from {DEFAULT_MODEL}; --from none gives random weights" in (
        hearing.said
    )


@pytest.mark.parametrize(
    ("options", "model", "side"),
    [
        ({"from_": "none"}, None, 64),
        ({"architecture": "compact"}, None, 64),
        ({"from_": "none", "architecture": "compact"}, None, 64),
        ({"from_": DEFAULT_MODEL}, DEFAULT_MODEL, 96),
        ({"from_": DEFAULT_MODEL, "input_size": 48}, DEFAULT_MODEL, 48),
        ({"input_size": 32}, DEFAULT_MODEL, 32),
    ],
)
def test_what_a_run_starts_from_can_be_chosen(
    data: Path, options: dict, model: str | None, side: int
) -> None:
    run, hearing = begun(data, **options)

    assert (named_start(run.request), run.side) == (model, side)
    assert run.request.from_ == options.get("from_", model), "the page repeats it"
    assert any("start from" in one for one in hearing.said) == (options == {"input_size": 32})


def test_the_published_superpixels_can_be_had() -> None:
    assert region_settings(DetectRcnnRequest("cells")).scales == RegionSettings().scales
    published = region_settings(DetectRcnnRequest("cells", superpixels="50,100"))

    assert published.scales == published.search.scales == (50.0, 100.0)


@pytest.mark.parametrize("scales", ["", "50,", "large", "0.5", "nan", "1e9"])
def test_superpixels_of_no_size_are_refused(scales: str, data: Path) -> None:
    with pytest.raises(RecipeError, match="--superpixels takes numbers from 1 to 10000, separated"):
        begun(data, superpixels=scales)
    assert not (data.parent / "run").exists()


def test_gpu_names_the_first_one(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a machine is told by its name; the CPU stands for it here."""
    asked = list[str | None]()
    monkeypatch.setattr(start, "named_device", lambda name: asked.append(name) or "cpu")

    run, _ = begun(data, device="gpu")

    assert asked == ["gpu"]
    assert run.device == run.request.device == "cpu"
    assert json.loads((run.folder / start.FILE).read_text())["request"]["device"] == "cpu"


def test_a_proposer_comes_along_into_the_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = tmp_path / "detector" / "model"
    trained.mkdir(parents=True)
    (trained / CARD).write_text('{"format": "detector-1"}')
    card = (trained, SimpleNamespace(exported=None), {})
    monkeypatch.setattr("inceptionkit.detection.rcnn.proposer.read_detector_card", lambda _: card)
    loaded = list[Path]()
    monkeypatch.setattr(start, "load_proposer", lambda path, _: loaded.append(path) or "proposer")

    run, _ = begun(data, proposer=tmp_path / "detector")

    assert (run.folder / PROPOSER / CARD).read_bytes() == (trained / CARD).read_bytes()
    assert loaded == [run.folder / PROPOSER]
    assert run.proposer == "proposer"


def test_what_proposes_nothing_is_refused(data: Path) -> None:
    with pytest.raises(WeightsError, match="no detector there"):
        begun(data, proposer=data)
    assert not (data.parent / "run").exists()


def test_a_part_of_a_run_is_resumed_with_the_whole(tmp_path: Path) -> None:
    run = tmp_path / "run"
    part = run / "round-1" / "classifier-1"
    part.mkdir(parents=True)
    write_json(run / start.FILE, {})
    write_json(part / "run.json", {})

    assert how_to_resume(part) == how_to_resume(run) == f"inceptionkit detect resume {run}"
    with pytest.raises(RunError, match=f"inceptionkit detect resume {run}"):
        require_empty(part)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_stops_cleanly_whatever_it_is_doing(
    data: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = begun(data)
    folders.take(run.folder)
    monkeypatch.setattr(steps, "train_rcnn", lambda _: os.kill(os.getpid(), number))

    with pytest.raises(Interrupted, match=f"inceptionkit detect resume {run.folder}"):
        api.finish_rcnn(run)

    assert start.earlier_seconds(run.folder) > 0
    folders.take(run.folder)  # another session may
    folders.release(run.folder)
