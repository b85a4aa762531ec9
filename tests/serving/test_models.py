"""Several models and versions, and folders that change while they are served."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from served import LOAD, png

from inceptionkit.errors import DeploymentError, OptionError, WeightsError
from inceptionkit.evaluation.predictor import Predictor
from inceptionkit.model import ExitPolicy, Gate, read_model, write_model
from inceptionkit.serving import batching, efforts
from inceptionkit.serving import models as served_models
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.metrics import Metrics
from inceptionkit.serving.models import Models, named
from inceptionkit.serving.problems import Problem


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inceptionkit.serving.models.POLL_SECONDS", 0.02)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)


def with_classes(folder: Path, classes: str, at: Path) -> None:
    """The same model, whose classes are called otherwise."""
    card, tensors = read_model(folder)
    write_model(at, replace(card, classes=tuple(classes)), tensors)


def test_several_models_are_asked_by_name(client: Callable, tiny_model: Path) -> None:
    served = client(places={"one": tiny_model, "two": tiny_model})

    nameless = served.post("/v1/predict", content=png())
    assert nameless.status_code == 404
    assert "one, two" in nameless.json()["detail"]
    assert served.post("/v1/predict?model=two", content=png()).json()["model"] == "two"
    assert [card["name"] for card in served.get("/v1/models").json()] == ["one", "two"]


def test_the_newest_version_answers_unless_one_is_asked_for(
    client: Callable, tiny_model: Path, tmp_path: Path
) -> None:
    for version in ("2", "10"):
        shutil.copytree(tiny_model, tmp_path / "many" / version)
    served = client(places={"many": tmp_path / "many"})

    assert served.post("/v1/predict", content=png()).json()["version"] == "10"
    assert served.post("/v1/predict?version=2", content=png()).json()["version"] == "2"
    assert served.get("/v2/models/many").json()["versions"] == ["2", "10"]
    assert served.get("/v2/models/many/versions/2/ready").json()["ready"]


def test_a_folder_that_changes_is_loaded_again_and_no_request_is_lost(
    folder: Path, client: Callable, tmp_path: Path
) -> None:
    served = client(places={"tiny": folder})
    with_classes(folder, "abcdefghij", tmp_path / "new")
    codes, labels, stop = [], set(), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            found = served.post("/v1/predict?effort=full", content=png())
            codes.append(found.status_code)
            labels.add(found.json()["answers"][0]["label"])

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(labels) == 1)
    shutil.rmtree(folder)
    (tmp_path / "new").rename(folder)
    until(lambda: len(labels) == 2)
    stop.set()
    for thread in threads:
        thread.join()

    assert set(codes) == {200}


def test_a_broken_folder_leaves_the_old_model_and_readiness_says_why(
    client: Callable, folder: Path
) -> None:
    served = client(places={"tiny": folder})
    before = served.post("/v1/predict", content=png()).json()["answers"][0]["top"]
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | {"format": 99}))
    until(lambda: bool(served.get("/v2/health/ready").json()["problems"]))

    ready = served.get("/v2/health/ready")
    assert ready.status_code == 200, "the old one answers"
    assert "must be 1, got 99" in ready.json()["problems"]["tiny"]
    assert str(folder.parent) not in ready.text, "no path of this machine is told to strangers"
    assert served.post("/v1/predict", content=png()).json()["answers"][0]["top"] == before
    (heated,) = served.post("/v1/predict?explain=cam", content=png()).json()["answers"]
    assert heated["heat"]["label"] == heated["label"], "its weights are those that were loaded"
    (folder / "model.json").write_text(json.dumps(card))
    until(lambda: not served.get("/v2/health/ready").json()["problems"])


def test_a_version_that_comes_is_served_and_one_that_goes_is_not(
    started: Callable[..., Models], tiny_model: Path, tmp_path: Path
) -> None:
    place = tmp_path / "many"
    shutil.copytree(tiny_model, place / "1")
    models = started({"many": place})
    shutil.copytree(tiny_model, tmp_path / "part")
    (tmp_path / "part").rename(place / "2")
    until(lambda: models.versions("many") == ("1", "2"))
    shutil.rmtree(place / "1")
    until(lambda: models.versions("many") == ("2",))

    assert models.find("many").version == "2"


def test_a_version_that_is_away_goes_on_and_readiness_says_why(
    started: Callable[..., Models], tiny_model: Path, tmp_path: Path
) -> None:
    version = tmp_path / "many" / "2"
    shutil.copytree(tiny_model, version)
    models = started({"many": tmp_path / "many"})
    version.rename(tmp_path / "away")
    until(lambda: bool(models.ready()["many"]))

    assert models.find("many").version == "2"
    assert models.ready() == {"many": "2: no such model; give a model folder or a run folder"}
    (tmp_path / "away").rename(version)
    until(lambda: not models.ready()["many"])


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_model_that_is_replaced_by_versions_is_loaded_from_them(
    started: Callable[..., Models], folder: Path, tmp_path: Path, version: str
) -> None:
    models = started({"tiny": folder})
    with_classes(folder, "abcdefghij", tmp_path / "new" / version)
    shutil.rmtree(folder)
    (tmp_path / "new").rename(folder)
    until(lambda: models.find("tiny").card.classes[0] == "a")
    until(lambda: models.versions("tiny") == (version,))

    assert models.ready() == {"tiny": ""}


def test_a_disk_that_cannot_be_reached_for_a_while_stops_no_watch(
    started: Callable[..., Models], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = started({"tiny": folder})

    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as away:
        away.setattr(Path, "is_file", refused)
        until(lambda: bool(models.ready()["tiny"]))

    assert models.answer()
    assert "cannot be read (Permission denied)" in models.ready()["tiny"]
    until(lambda: not models.ready()["tiny"])


def test_a_defect_stops_no_watch(
    started: Callable[..., Models], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = started({"tiny": folder})
    broken = threading.Event()

    def defect(_: object) -> None:
        broken.set()
        raise RuntimeError

    with monkeypatch.context() as away:
        away.setattr(served_models, "_signature", defect)
        until(broken.is_set)
    with_classes(folder, "abcdefghij", tmp_path / "new")
    shutil.rmtree(folder)
    (tmp_path / "new").rename(folder)

    until(lambda: models.find("tiny").card.classes[0] == "a")


def test_a_load_that_failed_is_tried_again_though_nothing_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_models, "_RETRY_SECONDS", (0.05, 0.1))
    loads: list[bool] = []

    def load(place: str | Path) -> Predictor:
        loads.append(1 < len(loads) + 1 < 5)
        if loads[-1]:
            msg = "no memory"
            raise DeploymentError(msg)
        return LOAD(place)

    models = Models({"tiny": folder}, Limits(), Metrics(), load)
    models.start()
    os.utime(folder / "model.json")
    until(lambda: len(loads) == 5 and not models.ready()["tiny"])
    models.stop()

    assert loads == [False, True, True, True, False]


def test_a_model_that_takes_as_long_as_the_one_before_is_not_timed_beside_its_requests(
    started: Callable[..., Models], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = started({"tiny": folder})
    before = models.find("tiny")

    def timed(*_: object) -> None:
        pytest.fail("it was timed")

    monkeypatch.setattr(efforts, "time_interleaved", timed)
    monkeypatch.setattr(batching, "time_interleaved", timed)
    card, tensors = read_model(folder)
    policy = ExitPolicy(gates=(Gate(exit="second", confidence=0.5),))
    write_model(tmp_path / "new", replace(card, exit_policy=policy), tensors)
    shutil.rmtree(folder)
    (tmp_path / "new").rename(folder)
    until(lambda: models.find("tiny") is not before)
    after = models.find("tiny")

    assert after.batcher.batch == before.batcher.batch
    for name, effort in before.efforts.named.items():
        assert after.efforts.named[name].seconds == effort.seconds
    assert after.efforts.named["balanced"].policy == policy, "its own"


def test_all_models_together_stop_within_one_time(
    started: Callable[..., Models], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = started({"one": tiny_model, "two": tiny_model})
    now, waited = [0.0], []
    monkeypatch.setattr(served_models, "monotonic", lambda: now[0])

    def join(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    for served in models:
        monkeypatch.setattr(served.batcher, "join", join)
    models.stop(5.0)

    assert waited == [5.0, 0.0]


def test_a_model_that_cannot_be_loaded_at_the_start_is_an_error(
    started: Callable[..., Models], tmp_path: Path
) -> None:
    with pytest.raises(WeightsError):
        started({"none": tmp_path})


def test_names() -> None:
    assert named(["runs/a b-001/"]) == {"a-b-001": "runs/a b-001/"}
    assert named(["x=y/z"]) == {"x": "y/z"}
    with pytest.raises(OptionError, match="two models are called 'a'"):
        named(["x/a", "y/a"])
    with pytest.raises(OptionError, match="a name has letters"):
        named(["a b=x"])


def test_nobody_is_called_so(started: Callable[..., Models], tiny_model: Path) -> None:
    models = started({"tiny": tiny_model})

    with pytest.raises(Problem, match="did you mean 'tiny'"):
        models.find("tini")


@pytest.mark.parametrize("exits", [False, True])
def test_an_export_is_served_with_the_exits_that_it_has(
    client: Callable, tiny_model: Path, tmp_path: Path, *, exits: bool
) -> None:
    from inceptionkit import export

    export(tiny_model, out=tmp_path / "export", to="onnx", exits=exits)
    served = client(places={"export": tmp_path / "export"})

    def answered_by(query: str) -> str:
        found = served.post(f"/v1/predict?{query}", content=png())
        assert found.status_code == 200, found.text
        return str(found.json()["answers"][0]["exit"])

    assert answered_by("effort=fast") == ("first" if exits else "main")
    assert answered_by("effort=balanced") == answered_by("effort=full") == "main"
    assert answered_by("time_limit_ms=0") == ("first" if exits else "main")
    every = served.post("/v1/predict?exits=true", content=png()).json()["answers"][0]
    names = [one["exit"] for one in every.get("exits", [every])]
    assert names == (["first", "second", "main"] if exits else ["main"])
