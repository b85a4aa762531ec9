"""`inceptionkit detect check`, and what the other verbs of detection refuse, as a user types."""

import json
from collections.abc import Callable
from pathlib import Path

import annotated
import pytest

from inceptionkit.detection.proposals.cache import _place
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.sources import open_detection


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return annotated.write_table(tmp_path / "data")


def test_findings_come_first_then_the_classes_then_the_next_command(
    inceptionkit: Callable, data: Path
) -> None:
    with (data / "boxes.csv").open("a") as file:
        file.write("photos/000.png,64,48,disc,30,40,20,30,train\n")

    said = inceptionkit("detect", "check", data)

    lines = said.out.splitlines()
    assert said.code == 0
    assert lines[0].split() == ["1", "reversed"]
    assert lines[1].strip() == "photos/000.png: disc: (30, 40, 20, 30) was turned round"
    assert "6 of 6 images are usable" in said.out
    assert lines[-1].startswith("next    inceptionkit detect train ")


def test_json_has_everything(inceptionkit: Callable, data: Path) -> None:
    found = json.loads(inceptionkit("detect", "check", data, "--json").out)

    assert (found["layout"], found["usable"], found["findings"]) == ("csv", 6, [])
    assert sum(found["classes"].values()) == 12
    assert found["sets"] == {"train": 2, "val": 2, "test": 2}
    assert found["recall"] == []


def test_recall_is_measured_where_it_is_asked_for(
    inceptionkit: Callable, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    found = json.loads(inceptionkit("detect", "check", data, "--recall", 2, "--json").out)

    for image in open_detection(data)[::3]:  # `detect rcnn` searches alike: it remembers them
        assert _place(image.pixels(), RegionSettings().search).is_file()
    assert [one["proposals"] for one in found["recall"]] == [10, 30, 100, 300, 1000]
    assert found["recall"][-1]["at_50"] > 0.5


def test_a_proposer_is_measured_only_where_recall_is(inceptionkit: Callable, data: Path) -> None:
    said = inceptionkit("detect", "check", data, "--proposer", data)

    assert said.code == 2
    assert "--proposer only applies with --recall IMAGES" in said.err
    wrong = inceptionkit("detect", "check", data, "--recall", 1, "--proposer", data)
    assert "no detector there" in wrong.err


def test_recall_is_measured_beside_a_damaged_image(
    inceptionkit: Callable, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    damaged = data / "photos" / "000.png"
    damaged.write_bytes(damaged.read_bytes()[:60])

    found = json.loads(inceptionkit("detect", "check", data, "--recall", 2, "--json").out)

    assert found["recall"][-1]["at_50"] > 0.5


def test_strict_makes_findings_errors(inceptionkit: Callable, data: Path) -> None:
    assert inceptionkit("detect", "check", data, "--strict").code == 0
    with (data / "boxes.csv").open("a") as file:
        file.write("photos/nowhere.png,64,48,disc,3,4,20,30,train\n")

    said = inceptionkit("detect", "check", data, "--strict")

    assert said.code == 2
    assert "photos/nowhere.png: listed in boxes.csv" in said.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("check", "nowhere"), "no such file or directory"),
        (("evaluate", "nowhere", "DATA"), "no detector there"),
        (("predict", "DATA", "x.png"), "no detector there"),
        (("explain", "DATA", "x.png"), "no detector there"),
        (("rcnn", "DATA", "--budget", "soon"), "a budget is written like"),
        (("rcnn", "DATA", "lr=much"), "lr"),
        (("rcnn", "DATA", "--arch", "googlenot"), "did you mean 'googlenet'"),
        (("rcnn", "DATA", "--device", "cuda:9"), "cuda:9"),
        (("rcnn", "DATA", "--from", "m", "--arch", "compact"), "brings its architecture"),
        (("rcnn", "DATA", "--context", "0.5"), "0.4"),
        (("rcnn", "DATA", "--superpixels", "tiny"), "separated by commas, such as 50,100, got"),
        (("rcnn", "DATA", "--proposer", "DATA"), "no detector there"),
        (("resume", "DATA"), "no run there"),
    ],
)
def test_what_cannot_be_met_is_one_sentence(
    words: tuple[str, ...], says: str, inceptionkit: Callable, data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(data.parent)

    said = inceptionkit("detect", *(data if word == "DATA" else word for word in words))

    assert said.code == 2
    assert says in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert {one.name for one in data.parent.iterdir()} == {"data"}


def test_an_empty_folder_says_which_layouts_there_are(
    inceptionkit: Callable, tmp_path: Path
) -> None:
    said = inceptionkit("detect", "check", tmp_path)

    assert said.code == 2
    assert "it contains no images; give a folder in the layout of Pascal VOC, COCO or" in said.err
