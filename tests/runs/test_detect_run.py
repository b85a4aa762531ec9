"""A detector's run: it learns, it resumes to the same bytes, and it says what it cannot do."""

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hearing import Collects
from PIL import Image

import inceptionkit
from inceptionkit.api.detect_train import detect_resume, detect_train
from inceptionkit.catalog import find
from inceptionkit.detection.shared.model import load_detector
from inceptionkit.detection.shared.request import DetectTrainRequest
from inceptionkit.detection.shared.start import _for_large_images, trunk_of
from inceptionkit.errors import DataError, Interrupted, RecipeError, RunError, WeightsError
from inceptionkit.progress import Progress
from inceptionkit.spec import Net, to_json
from inceptionkit.training.execution import Execution

pytestmark = pytest.mark.run
SIDE = 48


@pytest.fixture(autouse=True)
def one_way(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread, and one way of computing: which is fastest differs by the hour."""

    def one(device: str, _: int, precision: str = "auto") -> list[Execution]:
        return [Execution(precision="bf16" if precision == "bf16" else "fp32", device=device)]

    monkeypatch.setattr("inceptionkit.detection.shared.session.candidates", one)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Images of noise with a dark and a light square each, and a CSV of their boxes."""
    folder, random = tmp_path / "squares", np.random.default_rng(0)
    folder.mkdir()
    rows = ["image,label,xmin,ymin,xmax,ymax"]
    for number in range(20):
        pixels = random.integers(100, 150, (SIDE, SIDE, 3), np.uint8)
        for at, (label, value) in enumerate({"dark": 0, "light": 255}.items()):
            x, y = random.integers(2, 8) + 22 * at, random.integers(2, 30)
            pixels[y : y + 14, x : x + 14] = value
            rows.append(f"{number}.png,{label},{x},{y},{x + 14},{y + 14}")
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "boxes.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture
def trunk(tiny: Net, tmp_path: Path) -> str:
    path = tmp_path / "trunk.json"
    path.write_text(json.dumps(to_json(tiny)))
    return str(path)


class StopAt:
    """Asks the process to stop when so many steps are done, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self.step, self.said = step, list[str]()

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def progress(self, report: Progress) -> None:
        if report.what == "training" and report.done == self.step:
            os.kill(os.getpid(), signal.SIGINT)

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Nothing to do."""


@pytest.fixture
def train(squares: Path, trunk: str, tmp_path: Path) -> Callable[..., Any]:
    def run(name: str, *settings: str, **options: Any) -> Any:
        usual = {"epochs": 3, "architecture": trunk, "input_size": 64, "precision": "fp32"}
        return detect_train(squares, ("batch=4", *settings), out=tmp_path / name, **usual | options)

    return run


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_it_learns_to_find_squares(train: Callable, squares: Path) -> None:
    result = train("run", "lr=0.01", epochs=25)

    detector, card = load_detector(result.run)
    found = detector.detect(np.array(Image.open(squares / "0.png"))).above(card.show)
    assert card.classes == ("dark", "light")
    assert result.map50 is not None
    assert result.map50 > 0.6
    assert sorted(found.labels.tolist()) == [0, 1]
    assert {"run.json", "log.csv", "log.jsonl", "model", "checkpoints", "report.html"} <= {
        path.name for path in result.run.iterdir()
    }


@pytest.mark.slow
def test_an_interrupted_run_ends_with_the_same_bytes(train: Callable, tmp_path: Path) -> None:
    whole = train("whole")
    with pytest.raises(Interrupted, match="inceptionkit detect resume"):
        train("cut", listener=StopAt(6))
    with pytest.raises(Interrupted):
        detect_resume(tmp_path / "cut", listener=StopAt(8))
    resumed = detect_resume(tmp_path / "cut")

    assert weights(resumed.run) == weights(whole.run)
    logs = [(r.run / "log.jsonl").read_text() for r in (resumed, whole)]
    assert logs[0] == logs[1]
    rows = [
        [line.split(",")[:5] for line in (r.run / "log.csv").read_text().splitlines()]
        for r in (resumed, whole)
    ]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 1 + 3
    assert resumed.ap50 == whole.ap50
    assert resumed.kept_epoch == whole.kept_epoch


@pytest.mark.slow
def test_more_images_than_memory_holds_train_the_same(
    train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = train("held", epochs=2)
    monkeypatch.setattr("inceptionkit.detection.shared.start._SHARE_OF_MEMORY", 0.0)

    again = train("again", epochs=2)

    assert weights(again.run) == weights(held.run)


def test_a_trunk_starts_from_a_model(
    squares: Path, trunk: str, tiny_model: Path, tmp_path: Path
) -> None:
    run = detect_train(squares, from_=tiny_model, epochs=1, input_size=64, out=tmp_path / "run").run

    record = json.loads((run / "run.json").read_text())
    assert record["start"]["model"] == str(tiny_model)
    assert record["design"]["net"]["name"] == "tiny"
    with pytest.raises(RecipeError, match="brings its own architecture"):
        detect_train(squares, from_=tiny_model, architecture=trunk, out=tmp_path / "other")


def test_a_stem_for_small_images_makes_way_where_the_weights_fit() -> None:
    small, large = (find("inception_small", side=side) for side in (32, 128))

    assert _for_large_images(small).trunk == large.trunk
    assert _for_large_images(large) == large
    assert _for_large_images(find("compact", side=32)) == find("compact", side=32)
    asked = DetectTrainRequest("cells", architecture="inception_small")
    assert trunk_of(asked)[0].trunk == large.trunk


def test_of_a_run_that_has_ended_nothing_is_changed(
    train: Callable, squares: Path, tmp_path: Path
) -> None:
    first, hearing = train("run", epochs=1), Collects()
    files = [one for one in first.run.rglob("*") if one.is_file()]
    before = {one: (one.read_bytes(), one.stat().st_mtime_ns) for one in files}
    squares.rename(tmp_path / "gone")

    again = detect_resume(first.run, listener=hearing)

    assert hearing.said == [f"{first.run}: the run has ended; nothing is changed"]
    assert {one: (one.read_bytes(), one.stat().st_mtime_ns) for one in files} == before
    assert again == first


@pytest.mark.slow
def test_a_time_budget_is_planned(train: Callable) -> None:
    result = train("run", epochs=None, budget="40s")

    plans = json.loads((result.run / "run.json").read_text())["plans"]
    assert plans[0]["seconds_left"] > 0
    assert result.epochs >= 1
    assert result.seconds < 60


@pytest.mark.parametrize(
    ("options", "settings", "error", "words"),
    [
        (
            {"budget": "1e15flop", "epochs": None},
            (),
            RecipeError,
            "is a time or a number of epochs",
        ),
        ({"budget": "1min"}, (), RecipeError, "a run has one budget"),
        ({"budget": "1s", "epochs": None}, (), RecipeError, "too small for one epoch"),
        ({}, ("lr=-1",), RecipeError, "lr"),
        ({}, ("rate=1",), RecipeError, "there is no setting 'rate'"),
        ({"from_": "nowhere"}, (), inceptionkit.InceptionError, "nowhere"),
    ],
)
def test_what_cannot_be_met_is_refused(
    train: Callable,
    options: Any,
    settings: Any,
    error: type[Exception],
    words: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=words):
        train("run", *settings, **options)

    assert not (tmp_path / "run").exists()


def test_a_detector_is_scored_on_what_its_run_held_out(
    train: Callable, squares: Path, tmp_path: Path
) -> None:
    run, hearing = train("run", epochs=1).run, Collects()
    held_out = inceptionkit.detect_evaluate(run, squares, listener=hearing)
    other = squares.rename(tmp_path / "other")
    (other / "boxes.csv").write_text((other / "boxes.csv").read_text() + "\n0.png,dark,1,1,9,9\n")

    corrected = inceptionkit.detect_evaluate(run, other, listener=hearing)
    Image.new("RGB", (SIDE, SIDE)).save(other / "0.png")
    every = inceptionkit.detect_evaluate(run, other, listener=hearing)

    assert (held_out.set, held_out.scores.images) == ("val", 4)
    assert (corrected.set, corrected.scores.images) == ("val", 4)
    assert (every.set, every.scores.images) == ("all", 20)
    (said,) = hearing.said
    assert "all images are scored, those that the detector may have learned from included" in said


@pytest.mark.slow
def test_the_best_weights_on_val_are_kept_over_an_interruption(
    train: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Val scores are made up: two for each epoch."""

    def scored(*scores: float) -> None:
        each = iter(scores)
        monkeypatch.setattr("inceptionkit.detection.shared.session.number_of", lambda _: next(each))

    scored(0.1, 0.1, 0.2, 0.2, 0.3, 0.3)
    last = train("last")
    scored(0.3, 0.3, 0.2, 0.2, 0.1, 0.1)
    first = train("first")
    scored(0.3, 0.3, 0.2, 0.2, 0.1, 0.1)
    with pytest.raises(Interrupted):
        train("cut", listener=StopAt(6))
    resumed = detect_resume(tmp_path / "cut")

    assert [run.kept_epoch for run in (last, first, resumed)] == [3, 1, 1]
    assert weights(first.run) != weights(last.run)
    assert weights(resumed.run) == weights(first.run)


def test_images_are_found_from_any_folder(
    squares: Path, trunk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(squares.parent)
    usual = {"architecture": trunk, "input_size": 64, "precision": "fp32", "epochs": 2}
    with pytest.raises(Interrupted):
        detect_train(squares.name, ("batch=4",), out=tmp_path / "run", listener=StopAt(3), **usual)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert detect_resume(tmp_path / "run").epochs == 2


def test_images_that_changed_are_not_resumed(train: Callable, squares: Path) -> None:
    run = train("run", epochs=1).run
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"result": None}))
    rows = (squares / "boxes.csv").read_text().splitlines()
    (squares / "boxes.csv").write_text("\n".join(rows[:-1]))

    with pytest.raises(RunError, match="changed since the run began"):
        detect_resume(run)


def test_an_image_that_cannot_be_decoded_is_left_out(train: Callable, squares: Path) -> None:
    whole = (squares / "3.png").read_bytes()
    (squares / "3.png").write_bytes(whole[: len(whole) // 2])
    (squares / "4.png").write_text("no image")

    run = train("run", epochs=1).run

    for name in ("3.png", "4.png"):
        assert name in (run / "unusable.csv").read_text()
        assert name in (run / "report.html").read_text()


def test_images_without_any_object_are_refused(squares: Path, trunk: str, tmp_path: Path) -> None:
    (squares / "boxes.csv").write_text("image,label,xmin,ymin,xmax,ymax\n")

    with pytest.raises(DataError):
        detect_train(squares, architecture=trunk, out=tmp_path / "run")


def test_verbs_for_classifiers_name_those_for_detectors(train: Callable) -> None:
    run = train("run", epochs=1).run

    with pytest.raises(WeightsError, match="this is a detector; use `inceptionkit detect`"):
        inceptionkit.load(run)
    with pytest.raises(RunError, match="use `inceptionkit detect`"):
        inceptionkit.resume(run)
