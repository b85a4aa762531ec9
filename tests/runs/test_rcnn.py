"""R-CNN from boxes to a detector, and everything that a detector is used for."""

import json
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import annotated
import numpy as np
import pytest
from hearing import Collects

import inceptionkit
from inceptionkit.api.detect_rcnn import DetectRcnnResult
from inceptionkit.detection.load import load
from inceptionkit.detection.rcnn.detector import RcnnDetector
from inceptionkit.detection.rcnn.start import ELAPSED, FILE, earlier_seconds
from inceptionkit.detection.sources import open_detection
from inceptionkit.errors import DataError, Interrupted, RecipeError, RunError, WeightsError
from inceptionkit.progress import Progress

pytestmark = [pytest.mark.slow, pytest.mark.run]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rcnn")


@pytest.fixture(scope="module")
def data(place: Path) -> Path:
    root = annotated.write_voc(place / "data", count=21)
    cut = root / "JPEGImages" / "018.png"  # of train
    cut.write_bytes(cut.read_bytes()[:-200])
    return root


def train(data: Path, out: Path, **more: object) -> DetectRcnnResult:
    return inceptionkit.detect_rcnn(
        data, "batch=32", architecture="compact", input_size=32, rounds=2, proposals=60,
        regions=24, budget="3epochs", out=out, **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(place: Path, data: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        result = train(data, place / "run")
    assert result.set == "test"
    assert set(result.ap50) == set(annotated.CLASSES)
    assert (
        (place / "run" / "unusable.csv").read_text().startswith("path,reason\nJPEGImages/018.png,")
    )
    page = (place / "run" / "report.html").read_text()
    assert "time per image" in page
    assert "JPEGImages/018.png" in page, "images that cannot be used are named"
    return result.run


def weights(run: Path) -> dict[str, str]:
    files = sorted((run / "model").rglob("*.safetensors"))
    assert len(files) == 3  # a classifier, what it has seen, and the box regression
    return {str(one.relative_to(run)): sha256(one.read_bytes()).hexdigest() for one in files}


def test_it_learns_what_discs_and_squares_are(run: Path, data: Path, place: Path) -> None:
    page = place / "page.html"

    result = inceptionkit.detect_evaluate(run, data, set="train", out=page)

    assert result.scores.map50 > 0.5
    assert result.to_json()["classes"]["disc"]["objects"] > 3
    assert "precision-recall-title" in page.read_text()
    shutil.copytree(data, place / "without")
    (place / "without" / "ImageSets" / "Main" / "val.txt").unlink()
    with pytest.raises(DataError, match="it has no set val; its sets are"):
        inceptionkit.detect_evaluate(run, place / "without", set="val")


def test_its_boxes_are_drawn_and_explained(run: Path, data: Path, place: Path) -> None:
    image = data / "JPEGImages" / "000.png"

    found = inceptionkit.detect_predict(
        run, [image, "missing.png"], score=0.05, out=place / "drawn"
    )
    explained = inceptionkit.detect_explain(run, image, score=0.05, out=place / "explained")
    early = inceptionkit.detect_predict(run, image, score=0.05, early_exit=0.3)

    assert (place / "drawn" / "000.png").is_file()
    assert (place / "explained" / "000.png").is_file()
    assert found.failed
    assert not explained.failed
    assert {one["exit"] for one in found.answers[0].to_json()["objects"]} == {"main"}
    assert {one["exit"] for one in early.answers[0].to_json()["objects"]} - {"main"}
    json.dumps(found.to_json(), allow_nan=False)


def test_an_ensemble_answers_with_the_mean(run: Path, data: Path) -> None:
    alone = load(run).detector
    assert isinstance(alone, RcnnDetector)
    image = open_detection(data).images[0].pixels()
    boxes = np.array([[0, 0, 30, 30], [10, 10, 60, 40]], np.float32)
    twice = replace(
        alone, classifiers=alone.classifiers * 2, columns=(alone.columns[0], alone.columns[0][::-1])
    )

    one, two = alone.scores(image, boxes), twice.scores(image, boxes)

    np.testing.assert_allclose(one.probabilities.sum(axis=1), 1, rtol=1e-4)
    mean = (one.probabilities + one.probabilities[:, ::-1]) / 2
    np.testing.assert_allclose(two.probabilities, mean, rtol=1e-4)
    assert alone.scores(image, boxes[:0]).probabilities.shape == (0, 3)
    assert len(alone.detect(np.zeros((4, 4, 3), np.uint8))) <= 2


def test_a_run_that_lost_its_end_has_the_same_weights_after_resuming(
    run: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    again = place / "again"
    shutil.copytree(run, again)
    before = weights(again)
    shutil.rmtree(again / "model")
    half = again / "round-2" / "classifier-1"  # as if it had been killed before its end
    shutil.rmtree(half / "model")
    record = json.loads((half / "run.json").read_text())
    (half / "run.json").write_text(json.dumps(record | {"result": None}))

    (again / ELAPSED).write_text('{"seconds": 1000}')

    resumed = inceptionkit.detect_resume(again)

    assert weights(again) == before
    assert resumed.seconds > 1000

    (again / "report.html").write_text("kept")
    hearing = Collects()
    ended = inceptionkit.detect_resume(again, listener=hearing)

    assert hearing.said == [f"{again}: the run has ended; nothing is changed"]
    assert (again / "report.html").read_text() == "kept"
    assert (ended.map50, ended.ap50, ended.set) == (resumed.map50, resumed.ap50, resumed.set)


class StopsIn:
    """Asks the process to stop in a phase, as `timeout` does."""

    def __init__(self, phase: str) -> None:
        self.phase = phase

    def say(self, sentence: str) -> None:
        """Not kept."""

    def progress(self, report: Progress) -> None:
        if report.what == self.phase:
            os.kill(os.getpid(), signal.SIGTERM)

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Not kept."""


def test_a_run_that_is_stopped_in_every_phase_ends_all_the_same(
    place: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    cut, taken = place / "cut", 0.0
    phases = ("reading images", "proposing regions", "training", "looking for hard negatives",
              "fitting boxes", "finding objects in val", "finding objects in test")  # fmt: skip
    with pytest.raises(Interrupted, match=f"inceptionkit detect resume {cut}$"):
        train(data, cut, listener=StopsIn("reading images"))

    for phase in phases:
        with pytest.raises(Interrupted, match=f"inceptionkit detect resume {cut}$"):
            inceptionkit.detect_resume(cut, listener=StopsIn(phase))
        assert earlier_seconds(cut) > taken
        taken = earlier_seconds(cut)
    resumed = inceptionkit.detect_resume(cut)

    assert resumed.seconds > taken
    assert load(cut).detector.classes == annotated.CLASSES


def test_a_detector_with_shared_features_proposes_too(
    place: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    shared = inceptionkit.detect_train(
        data, "batch=4", architecture="compact", input_size=64, epochs=1, out=place / "shared"
    )
    checked = inceptionkit.detect_check(data, recall=2, proposer=shared.run)

    found = inceptionkit.detect_rcnn(
        data, "batch=32", architecture="compact", input_size=32, rounds=1, proposals=60,
        regions=24, budget="1epochs", out=place / "both", proposer=shared.run,
    )  # fmt: skip

    shutil.rmtree(shared.run)
    detector = load(found.run).detector
    assert isinstance(detector, RcnnDetector)
    assert detector.proposer is not None
    detector.detect(open_detection(data).images[0].pixels())
    assert {one.source for one in checked.recall} == {"search", "learnt", "both"}


def test_a_budget_of_time_holds(place: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    hearing = Collects()

    result = inceptionkit.detect_rcnn(
        data, "batch=32", input_size=32, from_="none", architecture="compact", proposals=60,
        regions=24, budget="30s", out=place / "timed", listener=hearing,
    )  # fmt: skip

    assert any("hard negatives, boxes and scores take about" in one for one in hearing.said)
    late = any("longer than --budget 30s" in one for one in hearing.said)
    assert late or result.seconds < 31  # a hundredth of the budget goes without a word
    assert result.seconds > 30 or not late


def test_a_run_whose_boxes_changed_does_not_resume(run: Path, place: Path, data: Path) -> None:
    changed = place / "changed"
    shutil.copytree(data, changed)
    (changed / "Annotations" / "000.xml").write_text(
        annotated.voc_xml("000.png", [("disc", (1, 1, 20, 20))])
    )

    half = place / "half"
    shutil.copytree(run, half, ignore=shutil.ignore_patterns("report.html"))

    with pytest.raises(RunError, match="changed since the run began"):
        inceptionkit.detect_resume(half, data=changed)
    broken = place / "broken"
    broken.mkdir()
    (broken / FILE).write_text('{"request": {"data": 7}}')
    with pytest.raises(RunError, match=r"rcnn\.json: cannot be used"):
        inceptionkit.detect_resume(broken)


def test_what_cannot_be_met_is_refused_before_anything_is_written(data: Path, place: Path) -> None:
    with pytest.raises(RecipeError, match="brings its architecture"):
        train(data, place / "no", from_="somewhere")
    assert not (place / "no").exists()


def test_a_damaged_detector_is_refused(run: Path, place: Path) -> None:
    damaged = place / "damaged"
    shutil.copytree(run / "model", damaged)
    (damaged / "regression.safetensors").write_bytes(b"x")

    with pytest.raises(WeightsError, match=r"regression\.safetensors: cannot be used"):
        load(damaged)
    card = json.loads((damaged / "model.json").read_text())
    card["classifiers"] = ["../../round-1/classifier-1"]
    (damaged / "model.json").write_text(json.dumps(card))
    with pytest.raises(WeightsError, match="folders outside of its own"):
        load(damaged)
