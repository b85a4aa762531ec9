"""The page of a detector: what a reader finds there, with and without the run that trained it."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import annotated
import numpy as np
import pytest
from page_words import words_of

from inceptionkit.api.detect_evaluate import DetectEvaluateRequest
from inceptionkit.detection.division import DividedSet, divide
from inceptionkit.detection.metrics import score
from inceptionkit.detection.page import Evaluated, write_page
from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.trained import Trained, as_typed, curves_of, learning_facts
from inceptionkit.detection.types import AnnotatedImage, Detections
from inceptionkit.training.schedule import Plan

EPOCHS = (
    {"epoch": 1.0, "step": 4.0, "train_loss": 2.0, "seconds": 3.0, "lr": 0.002},
    {"epoch": 2.0, "step": 8.0, "train_loss": 1.0, "seconds": 6.0, "lr": 0.001,
     "val_map50": 0.75, "val_map": 0.5},
    {"epoch": 3.0, "step": 12.0, "train_loss": 0.5, "seconds": 9.0, "lr": 0.0001,
     "val_map50": 0.625, "val_map": 0.375},
)  # fmt: skip
RUN_ALONE = ("learning", "repeat", "decisions", "recipe", "data", "machine")


def shifted(image: AnnotatedImage) -> Detections:
    """All objects but the last, a pixel beside where they are."""
    count = max(0, len(image) - 1)
    boxes, scores = image.boxes[:count] + 1, np.full(count, 0.9, np.float32)
    return Detections(boxes, image.labels[:count], scores, ("main",) * count)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> DividedSet:
    return divide(open_detection(annotated.write_table(tmp_path_factory.mktemp("cells"))), 0)


@pytest.fixture
def trained(sets: DividedSet) -> Trained:
    plan = Plan(
        step=4, steps=12, progress=0.3, images_per_second=9.0, seconds_left=60.0, why="slower"
    )
    return Trained(
        made_at="2026-01-31T14:05:00+00:00",
        data="/home/rose/cells",
        network="compact at 320x256 pixels",
        start="scratch",
        sets=sets,
        fingerprint="f" * 64,
        epochs=EPOCHS,
        kept="The weights of epoch 2 are kept.",
        facts={"training time": "9.0 s"},
        notes=("The whole network ran on half of the area.",),
        decisions=("anchors of 12x12",),
        plans=(plan, replace(plan, seconds_left=None, why="as asked for")),
        steps_per_epoch=4,
        recipe={"lr": "0.002"},
        machine={"processor": "AMD EPYC", "torch": "2.9"},
        commands={"Find objects": "inceptionkit detect predict runs/cells-001 IMAGE..."},
    )


@pytest.fixture
def written(sets: DividedSet, tmp_path: Path) -> Callable[..., Path]:
    def write(trained: Trained | None = None, unusable: tuple[tuple[str, str], ...] = ()) -> Path:
        images = sets.val.images
        found = [shifted(image) for image in images]
        evaluated = Evaluated(
            model="runs/cells-001", data="cells", set="val", images=images, found=found,
            scores=score(images, found, sets.val.classes), show=0.25, unusable=unusable,
            seconds=1.0, trained=trained,
        )  # fmt: skip
        write_page(tmp_path / "page.html", evaluated)
        return tmp_path / "page.html"

    return write


def test_the_page_of_a_run_says_how_it_was_trained(
    written: Callable[..., Path], trained: Trained
) -> None:
    page = written(trained)
    text = words_of(page)

    for said in (
        "<h1>cells with compact</h1>",
        "2026-01-31 14:05 UTC",
        "compact at 320x256 pixels, 2 classes, trained from scratch on /home/rose/cells.",
        "2 train, 2 val and 2 test images.",
        "Training loss over 3 epochs",
        "Mean average precision on val over 3 epochs",
        "Learning rate over 3 epochs",
        "75.0\xa0% at epoch 2",
        "50.0\xa0% at epoch 2",
        "by size of the objects: small (below 32x32 pixels) ",
        "The weights of epoch 2 are kept.",
        "The whole network ran on half of the area.",
        "anchors of 12x12",
        "1 plan for the time budget",
        "slower",
        "<dt>lr</dt><dd>0.002</dd>",
        "the dataset's own sets",
        "f" * 64,
        "AMD EPYC",
        "inceptionkit detect predict runs/cells-001 IMAGE...",
    ):
        assert said in text, said
    assert "as asked for" not in text


def test_the_page_of_an_evaluation_says_nothing_of_a_run(written: Callable[..., Path]) -> None:
    text = written().read_text()

    assert not [name for name in RUN_ALONE if f'id="{name}"' in text]
    assert "cells-001 on cells, val" in text


@pytest.mark.parametrize("has_run", [False, True])
def test_links_of_the_contents_lead_somewhere(
    written: Callable[..., Path], trained: Trained, *, has_run: bool
) -> None:
    text = written(trained if has_run else None).read_text()
    links = re.findall(r'<li><a href="#(\w+)">', text)

    assert len(links) == (13 if has_run else 7)
    assert [name for name in links if f'id="{name}"' not in text] == []


def test_what_is_shown_is_counted_at_the_head(written: Callable[..., Path]) -> None:
    said = "They find 2 of 4 objects, take 0 for another class and miss 2; 0 boxes are around"

    assert said in words_of(written())


def test_images_that_cannot_be_used_are_listed(written: Callable[..., Path]) -> None:
    text = words_of(written(unusable=(("a.png", "it is cut short"), ("b.png", "empty"))))

    assert "2 files could not be used" in text
    assert "it is cut short" in text


def test_a_run_of_several_trainings_leads_to_their_pages(
    written: Callable[..., Path], trained: Trained
) -> None:
    pages = {"Round 1, classifier 1": "round-1/classifier-1/report.html"}
    text = written(replace(trained, epochs=(), pages=pages, fingerprint="")).read_text()

    assert '<a href="round-1/classifier-1/report.html">Round 1, classifier 1</a>' in text
    assert "fingerprint" not in text


def test_a_run_without_an_epoch_has_a_page(written: Callable[..., Path], trained: Trained) -> None:
    assert "No epoch was finished" in written(replace(trained, epochs=())).read_text()


def test_only_what_was_recorded_is_drawn() -> None:
    assert [one.title for one in curves_of(EPOCHS)] == [
        "Training loss",
        "Mean average precision on val",
        "Learning rate",
    ]
    assert [one.title for one in curves_of(EPOCHS[:1])] == ["Training loss", "Learning rate"]
    assert learning_facts(EPOCHS[:1])["best mAP at IoU 0.5 on val"] == "\N{EN DASH}"
    assert learning_facts(()) == {}


def test_objects_are_counted_by_class_and_set(trained: Trained) -> None:
    found = trained.objects()

    assert found.keys() == set(annotated.CLASSES)
    assert sum(sum(row.values()) for row in found.values()) == 12


def test_a_command_asks_for_what_a_request_asks() -> None:
    request = DetectEvaluateRequest("runs/my cells", "cells", set="val", out="page.html")

    assert as_typed("detect evaluate", request) == (
        "inceptionkit detect evaluate 'runs/my cells' cells --set val"
    )
