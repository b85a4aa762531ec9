"""Proposals of selective search and of a proposer that has learnt, together."""

from dataclasses import replace
from pathlib import Path

import annotated
import made_boxes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inceptionkit.detection.boxes import iou
from inceptionkit.detection.proposals import (
    SelectiveSearch,
    candidates,
    joined,
    propose,
    selective_search,
)
from inceptionkit.detection.proposals.joined import NEAR
from inceptionkit.detection.rcnn.coverage import coverage
from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.types import Boxes, Pixels

HOW = SelectiveSearch(scales=(20,), least_side=4)


class Knows:
    """Proposes the same boxes in every image."""

    def __init__(self, boxes: Boxes) -> None:
        self.boxes, self.asked = boxes, list[int]()

    def proposals(self, _: Pixels, most: int) -> Boxes:
        self.asked.append(most)
        return self.boxes[:most]


def row(*starts: int) -> Boxes:
    return np.array([[start, 0, start + 10, 10] for start in starts], np.float32).reshape(-1, 4)


def test_both_sources_take_turns_by_rank() -> None:
    both = joined(row(0, 20, 40), row(100, 120, 140, 160), most=6)

    assert both[:, 0].tolist() == [0, 100, 20, 120, 40, 140]


def test_a_box_that_the_other_source_proposed_before_is_dropped() -> None:
    first, second = row(0, 20), np.concatenate([row(50, 0), row(20) + np.float32(0.2)])

    both = joined(first, second, most=10)

    assert both[:, 0].tolist() == pytest.approx([0, 50, 20])
    twice = joined(row(0, 0), row(50), most=10)
    assert len(twice) == 3, "a source's own boxes are its own affair"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_is_dropped_has_its_like_among_what_is_kept(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = made_boxes.boxes(rng, int(rng.integers(0, 40)), whole=False)
    sides = np.tile(first[:, 2:] - first[:, :2], 2)
    near = (first + sides * rng.uniform(-0.05, 0.05, first.shape)).astype(np.float32)
    second = np.concatenate([near, made_boxes.boxes(rng, 20, whole=False)])

    both = joined(first, second, most=1000)

    every = np.concatenate([first, second])
    assert {tuple(box) for box in both.tolist()} <= {tuple(box) for box in every.tolist()}
    assert (iou(every, both).max(axis=1) >= NEAR).all()


@pytest.mark.parametrize("most", [1, 7])
def test_there_are_never_more_than_were_asked_for(most: int) -> None:
    assert len(joined(row(*range(0, 100, 20)), row(*range(200, 300, 20)), most)) == most
    assert joined(row(), row(), most).shape == (0, 4)


def test_what_is_remembered_does_not_depend_on_the_proposer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pixels = np.asarray(annotated.draw(1)[0])
    searched = selective_search(pixels, HOW)

    both = candidates(pixels, HOW, Knows(row(1, 2)), propose)
    others = candidates(pixels, HOW, Knows(row(3)), propose)

    assert both[0].tolist() == row(1)[0].tolist()
    assert others[0].tolist() == row(3)[0].tolist()
    np.testing.assert_array_equal(candidates(pixels, HOW, None, propose), searched)
    assert len(list(tmp_path.rglob("*.npz"))) == 1
    candidates(pixels, replace(HOW, scales=(40,)), None, propose)
    assert len(list(tmp_path.rglob("*.npz"))) == 2, "other superpixels are another search"


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return open_detection(annotated.write_table(tmp_path / "data")).images


def test_coverage_has_both_sources_at_equal_counts(images: tuple) -> None:
    proposer, ticks = Knows(images[0].boxes), list[int]()

    points = coverage(images[:1], proposer, ticks.append)

    counts = {source: [p.proposals for p in points if p.source == source] for source in
              ("search", "learnt", "both")}  # fmt: skip
    assert counts["search"] == counts["learnt"] == counts["both"] == [10, 30, 100, 300, 1000]
    learnt = next(point for point in points if point.source == "learnt")
    assert (learnt.at_70, learnt.mean_proposals) == (1, len(images[0]))
    assert next(p.at_70 for p in points if p.source == "both") == 1
    assert proposer.asked == [1000]
    assert ticks == [1]


def test_without_a_proposer_only_the_search_is_measured(images: tuple) -> None:
    assert {point.source for point in coverage(images[:1], None)} == {"search"}
