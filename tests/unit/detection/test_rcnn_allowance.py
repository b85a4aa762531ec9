"""What is not training gets its time, too: measured, set aside, and said."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hearing import Collects

from inceptionkit.detection.division import DividedSet
from inceptionkit.detection.rcnn import allowance, start
from inceptionkit.detection.rcnn.allowance import Allowance, Pace, measured, needed
from inceptionkit.detection.rcnn.mining import TAUGHT, taught
from inceptionkit.detection.rcnn.request import DetectRcnnRequest
from inceptionkit.detection.rcnn.run import _train
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.rcnn.start import RcnnRun, Training
from inceptionkit.detection.types import AnnotatedImage, DetectionSet, no_boxes
from inceptionkit.errors import RecipeError
from inceptionkit.training.budget import ENDING


def some(count: int, *, objects: bool = True) -> DetectionSet:
    boxes = np.array([[1, 1, 9, 9]], np.float32) if objects else no_boxes()
    one = AnnotatedImage(
        "a", Path("a.png"), (20, 30), None, boxes, np.zeros(len(boxes), np.int64),
        np.zeros(len(boxes), bool),
    )  # fmt: skip
    return DetectionSet("cells", "csv", ("disc",), (one,) * count)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RcnnRun]:
    """A run of an hour that has just begun, on 100 training images."""
    monkeypatch.setattr(start, "monotonic", lambda: 50.0)

    def make(*, test: int = 100, **options: Any) -> RcnnRun:
        return RcnnRun(
            folder=tmp_path,
            request=DetectRcnnRequest("cells", budget="1h", **options),
            data=DividedSet(some(100), some(10), some(test), "as drawn"),
            how=RegionSettings(), side=32, train=lambda _: None, listener=Collects(),
            start_time=50.0,
        )  # fmt: skip

    return make


def paced(monkeypatch: pytest.MonkeyPatch, first: object) -> None:
    """An image takes a second to search, and two seconds for each classifier if there is one."""
    monkeypatch.setattr(allowance, "_first", lambda _: first)
    monkeypatch.setattr(
        allowance, "measured", lambda _, one: Pace(1.0, 0.0 if one is None else 2.0)
    )


def test_scores_take_every_classifier_and_the_search(run: Callable) -> None:
    of_three = run(ensemble=3, rounds=1, no_regression=True)

    assert needed(of_three, Pace(1.0, 2.0), 1) == pytest.approx(ENDING + 1.1 * 110 * (1 + 3 * 2))


def test_rounds_to_come_look_at_every_training_image(run: Callable) -> None:
    twice = run(rounds=3, no_regression=True)

    ahead = needed(twice, Pace(1.0, 2.0), 2) - needed(twice, Pace(1.0, 2.0), 3)

    assert ahead == pytest.approx(1.1 * 100 * 2.0 * 400 / 1000)  # 400 backgrounds of 1,000 regions


def test_before_the_first_training_only_the_search_is_known(
    run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    paced(monkeypatch, None)

    budget = Allowance(run(test=2000)).training(1, 0)

    assert budget == f"{(3_600 - ENDING - 1.1 * 2010) / 2:.1f}s"


def test_a_budget_that_the_search_alone_exceeds_is_refused_at_once(
    run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    paced(monkeypatch, None)

    with pytest.raises(RecipeError, match="--budget 1h leaves no time for 2 trainings: searching"):
        Allowance(run(test=4000)).training(1, 0)


def test_later_trainings_get_what_scores_leave_and_that_is_said_once(
    run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    paced(monkeypatch, object())
    one = run(test=900, ensemble=2, no_regression=True)
    keeper = Allowance(one)

    budgets = [keeper.training(2, 0), keeper.training(2, 1)]

    rest = ENDING + 1.1 * 910 * (1 + 2 * 2)
    assert rest > 3_600
    assert budgets == ["1epochs", "1epochs"]
    (said,) = one.listener.said
    assert said.startswith("hard negatives, boxes and scores take about 1 h 23 min after")
    assert "every image is scored all the same, so the run ends 23 min 28 s or more after" in said


def test_a_run_that_is_late_says_by_how_much(run: Callable) -> None:
    late, in_time = (replace(run(), start_time=50.0 - taken) for taken in (3_900.0, 3_590.0))

    Allowance(late).end()
    Allowance(in_time).end()

    assert late.listener.said == ["the run took 5 min 00 s longer than --budget 1h"]
    assert in_time.listener.said == []


def test_epochs_need_no_measuring(run: Callable) -> None:
    one = run()
    one = replace(one, request=replace(one.request, budget=None))

    assert Allowance(one).training(2, 0) == "8epochs"


def test_the_pace_is_that_of_images_of_val(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 6.0, 6.0, 12.0])
    monkeypatch.setattr(allowance, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(AnnotatedImage, "pixels", lambda _: np.zeros((20, 30, 3), np.uint8))
    looked_at = list[int]()

    class Slow:
        def scores(self, _: object, boxes: np.ndarray) -> None:
            looked_at.append(len(boxes))

    pace = measured(run(), Slow())  # type: ignore[arg-type]

    assert pace == Pace(2.0, 2.0)
    assert looked_at == [1, 1, 1]


def test_boxes_are_learnt_from_some_images_with_objects() -> None:
    images = (*some(2 * TAUGHT + 1).images, *some(7, objects=False).images)

    assert TAUGHT / 2 < len(taught(images)) <= TAUGHT
    assert all(len(image) for image in taught(images))
    assert len(taught(some(5).images)) == 5


@pytest.mark.parametrize(("is_first", "budgets"), [(False, ["9s", "1epochs"]), (True, ["9s"])])
def test_too_little_time_for_an_epoch_ends_no_run_that_has_trained(
    run: Callable, is_first: bool, budgets: list[str], tmp_path: Path
) -> None:
    asked = list[str]()

    def train(one: Training) -> None:
        asked.append(one.budget)
        if one.budget == "9s":
            msg = "too small for one epoch"
            raise RecipeError(msg)

    training = Training(
        data=tmp_path, out=tmp_path / "no", start=None, side=32, settings=(), seed=0, budget="9s",
        device="cpu",
    )  # fmt: skip
    with pytest.raises(RecipeError) if is_first else nullcontext():
        _train(replace(run(), train=train), training, is_first=is_first)
    assert asked == budgets
