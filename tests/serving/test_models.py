"""Several models and versions, and folders that change while they are served."""

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from served import png

from inceptionkit.errors import OptionError, WeightsError
from inceptionkit.model import read_model, write_model
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
    from dataclasses import replace

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
