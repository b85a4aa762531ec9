"""The parts of R-CNN: warping, choosing regions, correcting boxes."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_boxes import boxes, truth
from PIL import Image

import inceptionkit
from inceptionkit.detection.boxes import iou
from inceptionkit.detection.rcnn import mining, regress, start
from inceptionkit.detection.rcnn.allowance import share
from inceptionkit.detection.rcnn.detector import RcnnDetector
from inceptionkit.detection.rcnn.regions import class_names
from inceptionkit.detection.rcnn.regress import coded, decoded, fit
from inceptionkit.detection.rcnn.request import DetectRcnnRequest
from inceptionkit.detection.rcnn.sample import backgrounds, per_object, positives
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.rcnn.warp import GREY, warp
from inceptionkit.detection.types import AnnotatedImage
from inceptionkit.errors import RecipeError, RunError
from inceptionkit.training.budget import Time

HOW = RegionSettings()
SEEDS = st.integers(0, 2**32 - 1)


def test_without_context_a_region_of_the_right_size_is_cut_out() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)

    (square,) = warp(image, np.array([[10, 20, 42, 52]], np.float32), 32, 0.0)

    np.testing.assert_array_equal(square, image[20:52, 10:42])


def test_context_is_what_lies_around_and_grey_beyond_the_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)

    inside, corner = warp(image, np.array([[20, 20, 36, 36], [0, 0, 16, 16]], np.float32), 32, 0.25)

    np.testing.assert_array_equal(inside, image[12:44, 12:44])
    np.testing.assert_array_equal(corner[8:, 8:], image[:24, :24])
    assert (corner[:7] == GREY).all()


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_positives_show_their_object_and_backgrounds_show_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    (image,) = truth(rng, 1, 3)
    proposals = boxes(rng, 300, whole=False)

    shown = positives(image, proposals, np.array([2, 5, 9]), HOW, seed=seed, number=0)
    empty = backgrounds(image, proposals, HOW)

    assert len(shown.boxes) == len(shown.labels)
    if len(image):
        overlaps = iou(shown.boxes, image.boxes)
        same = image.labels[None] == shown.labels[:, None]
        assert (np.where(same & ~image.difficult, overlaps, 0).max(axis=1) >= HOW.positive).all()
        assert (iou(empty, image.boxes).max(axis=1, initial=0) <= HOW.negative).all()
        for label in range(3):
            objects = int(((image.labels == label) & ~image.difficult).sum())
            assert objects <= (shown.labels == label).sum() <= objects * [2, 5, 9][label]
    again = positives(image, proposals, np.array([2, 5, 9]), HOW, seed=seed, number=0)
    np.testing.assert_array_equal(shown.boxes, again.boxes)


def test_rare_classes_give_more_regions_of_each_object() -> None:
    labels = np.array([0] * 40 + [1] * 4)
    image = AnnotatedImage(
        "a", Path("a"), (480, 640), None, boxes(np.random.default_rng(0), 44, whole=True), labels,
        np.zeros(44, bool),
    )  # fmt: skip

    each = per_object((image,), 3, HOW)

    assert each[1] > each[0] >= 1
    assert each.max() <= HOW.most_per_object


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_decoding_undoes_coding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = boxes(rng, 20, whole=False)
    sides = np.tile(first[:, 2:] - first[:, :2], 2)
    second = first + sides * rng.uniform(-0.2, 0.2, first.shape)

    back = decoded(first, coded(first, second.astype(np.float32)))

    np.testing.assert_allclose(back, second, rtol=1e-4, atol=1e-2)


def test_a_regression_learns_shifts_that_features_tell() -> None:
    rng = np.random.default_rng(0)
    first = boxes(rng, 400, whole=False)
    features = rng.normal(0, 1, (400, 6)).astype(np.float32)
    shifts = np.tanh(features[:, :4]) * 0.2
    second = decoded(first, shifts)
    labels = np.arange(400) % 2

    regression = fit(features, first, second, labels, 3)
    better = regression.correct(first, labels, features)

    before = np.diag(iou(first, second)).mean()
    after = np.diag(iou(better, second)).mean()
    assert after > before + 0.1
    np.testing.assert_array_equal(
        regression.correct(first, np.full(400, 2), features), decoded(first, 0 * shifts)
    )  # a class without regions leaves its boxes where they are


def test_many_regions_are_fitted_to_a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    first, second = boxes(rng, 60, whole=False), boxes(rng, 60, whole=False)
    features = rng.normal(0, 1, (60, 6)).astype(np.float32)
    labels = np.arange(60) % 2
    whole = fit(features, first, second, labels, 2)
    monkeypatch.setattr(regress, "_AT_ONCE", 7)

    parts = fit(features, first, second, labels, 2)

    np.testing.assert_allclose(parts.weights, whole.weights, rtol=1e-4, atol=1e-6)


def test_a_trunk_that_sees_nothing_moves_boxes_alike() -> None:
    rng = np.random.default_rng(0)
    first = boxes(rng, 40, whole=False)
    shifts = np.full((40, 4), 0.1, np.float32)

    found = fit(np.zeros((40, 6), np.float32), first, decoded(first, shifts), np.zeros(40, int), 1)

    np.testing.assert_allclose(found.weights[0, :-1], 0)
    np.testing.assert_allclose(found.weights[0, -1], 0.1, rtol=1e-3)


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (("a/b", "a:b"), ("a_b", "a_b_2", "background")),
        (("Background", ".."), ("Background", "class", "background_2")),
        (("кот", "猫"), ("кот", "猫", "background")),
    ],
)
def test_classes_have_names_that_folders_can_have(
    classes: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert class_names(classes) == names


class Seeing:
    """A detector of which only the features of regions are asked for."""

    how, proposer = HOW, None

    def features(self, _: object, regions: np.ndarray) -> np.ndarray:
        return np.ones((len(regions), 5), np.float32) if len(regions) else np.zeros((0, 1))


@pytest.mark.parametrize("fitting", [[True, False], [False, False]])
def test_images_whose_objects_no_proposal_fits_teach_the_regression_nothing(
    fitting: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "a.png"
    Image.new("RGB", (100, 80)).save(place)
    box, far = [10, 10, 50, 50], [60, 60, 70, 70]
    images = [
        AnnotatedImage(
            "a", place, (80, 100), None, np.array([box if fits else far], np.float32),
            np.zeros(1, np.int64), np.zeros(1, bool),
        )
        for fits in fitting
    ]  # fmt: skip
    monkeypatch.setattr(mining, "propose", lambda *_: np.array([box], np.float32))

    data = mining.regression_data(cast(RcnnDetector, Seeing()), images)

    assert [len(part) for part in data] == [sum(fitting)] * 4


def test_of_very_many_regions_each_class_gives_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "_LEARNED_FROM", 60)
    labels = np.array([0] * 500 + [1] * 40 + [5] * 3)

    kept = mining._chosen(labels)

    assert np.bincount(labels[kept]).tolist() == [20, 20, 0, 0, 0, 3]
    np.testing.assert_array_equal(kept, mining._chosen(labels))


def test_what_is_found_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector meets any number of images; and its time is what the next image takes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    found = RcnnDetector(("disc",), (), (), HOW).detect(np.zeros((40, 40, 3), np.uint8))

    assert len(found) == 0
    assert not list(tmp_path.iterdir())


def test_settings_may_be_one_word(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="must be a number, got 'much'"):
        inceptionkit.detect_rcnn(tmp_path, "lr=much")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> start.RcnnRun:
    """Two trainings in an hour, of which this session took 100 seconds."""
    monkeypatch.setattr(start, "monotonic", lambda: 150.0)
    of: Any = {"data": None, "train": None, "listener": None}
    return start.RcnnRun(
        folder=tmp_path, request=DetectRcnnRequest("cells", budget="1h"), how=HOW, side=32,
        start_time=50.0, **of,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("earlier", "trainings", "rest", "budget"),
    [
        (0.0, 2, 0.0, f"{0.75 * 3_500 / 2:.1f}s"),
        (0.0, 2, 2_500.0, f"{1_000 / 2:.1f}s"),  # more than a quarter is set aside
        (1_500.0, 2, 0.0, f"{0.75 * 2_000 / 2:.1f}s"),
        (3_490.0, 1, 0.0, "1epochs"),  # 10 s are left, or none: the run ends all the same
        (9_000.0, 1, 0.0, "1epochs"),
        (0.0, 1, 9_000.0, "1epochs"),  # scoring takes longer than what is left
    ],
)
def test_a_budget_of_time_counts_what_interrupted_sessions_took(
    run: start.RcnnRun, earlier: float, trainings: int, rest: float, budget: str
) -> None:
    assert share(replace(run, earlier_seconds=earlier), Time(3_600), trainings, rest) == budget


def test_a_new_run_without_time_for_its_trainings_is_refused(run: start.RcnnRun) -> None:
    with pytest.raises(RecipeError, match="leaves no time for 2 trainings"):
        share(replace(run, start_time=-3_449.5), Time(3_600), 2, 0.0)
    with pytest.raises(RecipeError, match="scoring images takes about 58 min 20 s of it"):
        share(run, Time(3_600), 2, 3_500.0)


def test_the_time_of_a_session_is_kept_for_the_next(run: start.RcnnRun) -> None:
    assert start.earlier_seconds(run.folder) == 0
    run.keep_time()

    assert start.earlier_seconds(run.folder) == 100
    replace(run, earlier_seconds=100.0).keep_time()
    assert start.earlier_seconds(run.folder) == 200
    (run.folder / start.ELAPSED).write_text('{"seconds": "much"}')
    with pytest.raises(RunError, match=r"elapsed\.json: cannot be used"):
        start.earlier_seconds(run.folder)


def test_a_network_from_a_file_may_classify_regions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inceptionkit.describe("compact", out="net.json")

    start._check(DetectRcnnRequest("cells/", architecture="net.json"))

    assert start._whole_file("net.json") == str(tmp_path / "net.json"), "resumed from elsewhere"
    assert start._whole_file("compact") == "compact"
