"""Scores of detections: what must hold whatever the boxes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_boxes import boxes, detections, truth

from inceptionkit.detection.boxes import clip, iou, suppress, suppress_per_class
from inceptionkit.detection.metrics import confusion, curve, score
from inceptionkit.detection.metrics.coco import coco_scores
from inceptionkit.detection.types import AnnotatedImage, Boxes, Detections

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_iou_is_symmetric_between_zero_and_one_and_one_with_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = boxes(rng, 8, whole=False), boxes(rng, 5, whole=False)

    overlaps = iou(a, b)

    assert ((overlaps >= 0) & (overlaps <= 1)).all()
    np.testing.assert_array_equal(overlaps, iou(b, a).T)
    np.testing.assert_allclose(np.diag(iou(a, a)), 1)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(0.1, 0.9))
def test_what_suppression_keeps_does_not_overlap_and_covers_the_rest(
    seed: int, most: float
) -> None:
    rng = np.random.default_rng(seed)
    every = boxes(rng, 40, whole=False)
    scores = rng.random(40).astype(np.float32)

    kept = suppress(every, scores, most)

    overlaps = iou(every, every[kept])
    np.fill_diagonal(among := overlaps[kept], 0)
    assert among.max(initial=0) <= most
    assert (np.diff(scores[kept]) <= 0).all()
    for left in set(range(40)) - set(kept.tolist()):
        assert (overlaps[left][scores[kept] >= scores[left]] > most).any()


def test_suppression_goes_class_by_class() -> None:
    same = np.array([[0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 9]], np.float32)
    scores = np.array([0.2, 0.9, 0.5], np.float32)

    assert suppress_per_class(same, scores, np.array([0, 1, 1]), 0.5).tolist() == [1, 0]
    assert suppress_per_class(same[:0], scores[:0], np.zeros(0, np.int64), 0.5).tolist() == []


def test_clipping_keeps_what_lies_inside() -> None:
    outside = np.array([[-5, -5, 700, 3], [2, 3, 4, 5]], np.float32)

    assert clip(outside, (480, 640)).tolist() == [[0, 0, 640, 3], [2, 3, 4, 5]]


def one_object(box: list[float]) -> AnnotatedImage:
    boxes: Boxes = np.array([box], np.float32)
    labels, easy = np.zeros(1, np.int64), np.zeros(1, np.bool_)
    return AnnotatedImage("1.png", Path("1.png"), (100, 100), "test", boxes, labels, easy)


@pytest.mark.parametrize(("height", "right"), [(5, 1.0), (4.9, 0.0)])
def test_half_an_object_is_found_as_vocs_program_says(height: float, right: float) -> None:
    """`VOCevaldet.m`: if ovmax>=VOCopts.minoverlap."""
    box = np.array([[0, 0, 10, height]], np.float32)
    seen = Detections(box, np.zeros(1, np.int64), np.ones(1, np.float32), ("main",))

    assert curve([one_object([0, 0, 10, 10])], [seen], 0).precision.tolist() == [right]


def test_the_size_of_an_object_is_that_of_its_mask_where_it_is_known() -> None:
    image = one_object([0, 0, 40, 40])
    seen = Detections(image.boxes, image.labels, np.ones(1, np.float32), ("main",))

    by_box = coco_scores([image], [seen], 1)
    by_mask = coco_scores([replace(image, areas=np.array([900.0]))], [seen], 1)

    assert (by_box.ap_medium, by_mask.ap_small) == (pytest.approx(1), pytest.approx(1))
    assert np.isnan([by_box.ap_small, by_mask.ap_medium]).all()


def perfect(rng: np.random.Generator) -> tuple[list, list[Detections]]:
    images = truth(rng, 6, 2)
    found = [
        Detections(one.boxes, one.labels, np.full(len(one), 0.7, np.float32), ("main",) * len(one))
        for one in images
    ]
    return images, found


def test_the_truth_scores_one() -> None:
    images, found = perfect(np.random.default_rng(1))

    scores = score(images, found, ("a", "b"))

    assert scores.map50 == scores.map50_11_points == pytest.approx(1)
    assert scores.coco.ap == pytest.approx(1)
    assert scores.best_score() <= 0.7
    counts = confusion(images, found, 2, least_score=0.5)
    certain = sum(int((~one.difficult).sum()) for one in images)
    assert counts.counts.trace() == counts.counts.sum() == certain


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_false_boxes_and_missing_ones_only_lower_the_scores(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = truth(rng, 5, 2)
    found = detections(rng, images, 2)
    fewer = [one.above(0.5) for one in found]

    every, some = score(images, found, ("a", "b")), score(images, fewer, ("a", "b"))

    for more, less in zip(every.classes, some.classes, strict=True):
        assert np.isnan(more.ap50) or more.ap50 >= less.ap50 - 1e-12


def test_nothing_found_scores_zero_and_without_objects_nothing_counts() -> None:
    images, found = perfect(np.random.default_rng(2))
    nothing = [one.above(0.9) for one in found]

    scores = score(images, nothing, ("a", "b", "c"))

    assert [one.ap50 for one in scores.classes[:2]] == [0, 0]
    assert scores.to_json()["classes"]["c"] == {
        "objects": 0, "ap50": None, "ap50_11_points": None, "ap": None
    }  # fmt: skip
    assert scores.best_score() == 0.5


def test_every_object_and_box_is_in_the_confusion_once() -> None:
    rng = np.random.default_rng(3)
    images = truth(rng, 12, 3)
    found = detections(rng, images, 3)

    counts = confusion(images, found, 3, least_score=0.3)

    certain = sum(int((~one.difficult).sum()) for one in images)
    assert counts.counts[:3].sum() == certain
    assert counts.counts[:3, 3].sum() == len(counts.missed)
    assert counts.counts[3].sum() == len(counts.false)
    shown = sum(len(one.above(0.3)) for one in found)
    assert counts.counts[:, :3].sum() <= shown
