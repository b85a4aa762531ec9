"""Trackers, each read as its own programs read it, and none of them over a network."""

import errno
import json
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up import made_up_record, made_up_result

from inceptionkit.errors import RecipeError, WriteError
from inceptionkit.training.run import tracking
from inceptionkit.training.run.record import Record
from inceptionkit.training.run.tracking import (
    Logger,
    TrackerName,
    check_tracking,
    open_tracker,
    run_settings,
)

TENSORBOARD = "needs tensorboard: pip install inceptionkit[tensorboard]"
WANDB, MLFLOW = "needs wandb: pip install wandb", "needs MLflow: pip install mlflow-skinny"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine is set to."""
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")


def record(name: TrackerName) -> Record:
    made = made_up_record(("a", "b"))
    return replace(made, request=replace(made.request, track=name))


def session(folder: Path, name: TrackerName, first: int, last: int, loss: float) -> None:
    """A session of a run that does steps `first` + 1 to `last`, at whose end an epoch ends."""
    lines = [{"step": s, "loss": loss + s, "lr": 0.5} for s in range(1, last + 1)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with closing(Logger(open_tracker(name, folder, record(name), first), folder, first)) as logger:
        logger.log_epoch({"step": last, "val_loss": loss, "val_top1": None})
        if (folder / "report.html").exists():
            logger.finish(made_up_result(("aux1",)))


def finished(tmp_path: Path, name: TrackerName) -> Path:
    """A run of two sessions that ended."""
    folder = tmp_path / "shapes-001"
    folder.mkdir()
    session(folder, name, 0, 2, 1.0)
    (folder / "report.html").write_text("<p>the page</p>")
    session(folder, name, 2, 4, 0.5)
    return folder


def events(run: Path) -> Any:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason=TENSORBOARD
    )
    found = reader.EventAccumulator(str(run / "events"))
    found.Reload()
    return found


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    found = events(run)
    return {
        name: [(e.step, pytest.approx(e.value, rel=1e-6)) for e in found.Scalars(name)]
        for name in found.Tags()["scalars"]
    }


def test_tensorboard_shows_curves_settings_scores_and_the_page(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason=TENSORBOARD)
    run = finished(tmp_path, "tensorboard")

    found, told = scalars(run), events(run)
    assert found["step/loss"] == [(1, 2.0), (2, 3.0), (3, 3.5), (4, 4.5)]
    assert found["epoch/val_loss"] == [(2, 1.0), (4, 0.5)]
    assert "epoch/val_top1" not in found
    assert found["result/top1"] == [(4, 0.75)]
    assert found["result/top1_aux1"] == [(4, 0.5)]
    (settings,), (page,) = (told.Tensors(f"{name}/text_summary") for name in ("settings", "report"))
    assert b"| architecture | compact |" in settings.tensor_proto.string_val[0]
    assert page.tensor_proto.string_val[0] == (run / "report.html").as_uri().encode()


def test_events_after_an_interruption_are_hidden(tmp_path: Path) -> None:
    """The first session ended an epoch of 4 and fell; the second begins where it began."""
    pytest.importorskip("tensorboard", reason=TENSORBOARD)
    session(tmp_path, "tensorboard", 0, 4, 1.0)
    session(tmp_path, "tensorboard", 0, 4, 1.0)

    found = scalars(tmp_path)
    assert found["step/loss"] == [(1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0)]
    assert found["epoch/val_loss"] == [(4, 1.0)]


@pytest.mark.slow
def test_mlflow_shows_curves_settings_scores_and_the_page(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason=MLFLOW)
    finished(tmp_path, "mlflow")
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("inceptionkit")
    (run,) = client.search_runs([experiment.experiment_id])

    def curve(name: str) -> list[tuple[int, float]]:
        return [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)]

    assert (run.info.run_name, run.info.status) == ("shapes-001", "FINISHED")
    assert run.data.params == run_settings(record("mlflow"))
    assert curve("step/loss") == [(1, 2.0), (2, 3.0), (3, 3.5), (4, 4.5)]
    assert curve("epoch/val_loss") == [(2, 1.0), (4, 0.5)]
    assert run.data.metrics["result/top1"] == 0.75
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["report.html"]


@pytest.mark.slow
def test_mlflow_that_refuses_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason=MLFLOW)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://here")

    with pytest.raises(RecipeError, match="set MLFLOW_TRACKING_URI, or train without --track"):
        open_tracker("mlflow", tmp_path, record("mlflow"), 0)


def records_of(file: Path) -> list[Any]:
    """What an offline run of W&B holds: protocol buffers in LevelDB's log format."""
    wire = pytest.importorskip("wandb.proto.wandb_internal_pb2", reason=WANDB)
    data, place, part, found = file.read_bytes(), 7, b"", []
    while place + 7 <= len(data):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        part += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in {1, 4}:  # whole, or the last part
            found.append(wire.Record.FromString(part))
            part = b""
    return found


def texts(items: Any) -> dict[str, str]:
    """Key -> JSON."""
    return {"/".join(item.nested_key) or item.key: item.value_json for item in items}


@pytest.mark.slow
def test_wandb_shows_curves_settings_scores_and_the_page(tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb", reason=WANDB)
    run = finished(tmp_path, "wandb")
    wandb.teardown()  # waits for what it writes
    sessions = sorted(run.glob("wandb/offline-run-*/*.wandb"))
    kinds: dict[str, list[Any]] = {}
    for one in (one for file in sessions for one in records_of(file)):
        kind = one.WhichOneof("record_type")
        kinds.setdefault(kind, []).append(getattr(one, kind))

    rows = [texts(one.item) for one in kinds["history"]]
    losses = [(int(row["_step"]), float(row["step/loss"])) for row in rows if "step/loss" in row]
    (first, *_), (artifact,) = kinds["run"], kinds["artifact"]
    scores = [texts(one.update).get("result/top1") for one in kinds["summary"]]
    assert {one.run_id for one in kinds["run"]} == {first.run_id}
    assert (first.project, first.display_name) == ("inceptionkit", "shapes-001")
    assert losses == [(1, 2.0), (2, 3.0), (3, 3.5), (4, 4.5)]
    assert texts(first.config.update)["architecture"] == '"compact"'
    assert "0.75" in scores
    assert [entry.path for entry in artifact.manifest.contents] == ["report.html"]


def test_wandb_without_a_login_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb", reason=WANDB)
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setattr(type(wandb.api), "api_key", property(lambda _: None), raising=False)

    with pytest.raises(RecipeError, match="run `wandb login`, or set WANDB_MODE=offline"):
        check_tracking("wandb")


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_without_the_package_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, name: TrackerName
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda _: None)
    with pytest.raises(RecipeError) as caught:
        check_tracking(name)

    assert str(caught.value) == (
        f"--track {name} needs its package; install it with: pip install 'inceptionkit[{name}]'"
    )


def test_events_that_the_disk_does_not_take_end_a_run_as_other_files_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason=TENSORBOARD)
    from torch.utils.tensorboard import SummaryWriter

    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "log.jsonl").touch()
    logger = Logger(open_tracker("tensorboard", tmp_path, record("tensorboard"), 0), tmp_path, 0)
    monkeypatch.setattr(SummaryWriter, "flush", full)
    with pytest.raises(WriteError, match="No space left on device"):
        logger.log_epoch({"step": 1, "val_loss": 1.0})
