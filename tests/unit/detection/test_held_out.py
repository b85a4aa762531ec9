"""A detector is scored on what its run held out."""

import json
from dataclasses import replace
from pathlib import Path

import annotated
import numpy as np
import pytest

from inceptionkit import records
from inceptionkit.detection.division import divide
from inceptionkit.detection.held_out import divided_as_trained
from inceptionkit.detection.rcnn import start
from inceptionkit.detection.rcnn.request import DetectRcnnRequest
from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.types import DetectionSet
from inceptionkit.errors import RunError


@pytest.fixture
def opened(tmp_path: Path) -> DetectionSet:
    """Images in no set."""
    found = open_detection(annotated.write_table(tmp_path / "data", count=12))
    return replace(found, images=tuple(replace(image, set=None) for image in found.images))


@pytest.fixture
def run(tmp_path: Path, opened: DetectionSet) -> Path:
    """What a run leaves that is asked here."""
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "model.json").write_text("{}")
    facts = {
        "request": records.to_json(DetectRcnnRequest("data", split_seed=3)),
        "side": 32,
        "fingerprint": start._fingerprint(divide(opened, 3)),
        "images": opened.fingerprint_of_images(),
    }
    (tmp_path / "run" / start.FILE).write_text(json.dumps(facts))
    return tmp_path / "run"


@pytest.mark.parametrize("inside", ["", "model"])
def test_the_sets_are_those_that_the_run_made(inside: str, run: Path, opened: DetectionSet) -> None:
    wanted = divide(opened, 3)

    found = divided_as_trained(run / inside, opened)

    names = [[image.name for image in found.of(part)] for part in ("train", "val", "test")]
    assert names == [[i.name for i in part] for part in (wanted.train, wanted.val, wanted.test)]
    assert len(found.of("val")) == 2


def test_other_images_are_as_they_are(run: Path, opened: DetectionSet) -> None:
    for other in (opened.images[1:], opened.images[:1]):
        images = replace(opened, images=other)

        assert divided_as_trained(run, images) is images


def test_the_sets_do_not_depend_on_boxes_that_were_corrected(
    run: Path, opened: DetectionSet
) -> None:
    moved = [replace(image, boxes=image.boxes + np.float32(1)) for image in opened]
    corrected = replace(opened, images=tuple(moved), classes=("disc", "box"))

    found = divided_as_trained(run, corrected)

    assert [i.name for i in found.of("val")] == [i.name for i in divide(opened, 3).val]
    with pytest.raises(RunError, match="changed since the run began"):
        start.divide_again(run, corrected)


def test_without_its_run_a_detector_tells_nothing(run: Path, opened: DetectionSet) -> None:
    alone = run.with_name("alone")
    (run / "model").rename(alone)

    assert divided_as_trained(alone, opened) is opened
    assert divided_as_trained(run, opened) is opened
