"""`--quiet` of every verb."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import annotated
import pytest
import typer

from inceptionkit.cli.app import app, main
from inceptionkit.spec import Net, to_json
from inceptionkit.timing import TimingBudget

WORDS = {
    "train": ("digits", "--arch", "compact", "--input", "8", "--epochs", "1", "batch=64"),
    "resume": ("RUN",),
    "evaluate": ("RUN", "digits"),
    "export": ("RUN", "--to", "onnx"),
    "bench": ("RUN", "--ours"),
    "check": ("PHOTOS", "--out", "page.html"),
    "architectures": (),
    "describe": ("compact", "--rules"),
    "design": ("--cost", "1MMAC", "--input-size", "32"),
    "recipes": (),
    "predict": ("RUN", "PHOTO"),
    "embed": ("RUN", "PHOTO", "--out", "vectors.npy"),
    "explain": ("RUN", "PHOTO"),
    "report": ("RUN",),
    "compare": ("RUN", "OTHER"),
    "prune": ("RUN", "--at", "exit1"),
    "convert": ("THEIRS", "converted"),
}

DETECT_WORDS = {
    "check": ("CELLS",),
    "train": ("CELLS", "--arch", "TRUNK", "--input", "64", "--epochs", "1", "batch=4"),
    "rcnn": ("CELLS", "--arch", "compact", "--input", "16", "--rounds", "1", "--regions", "4",
             "--no-regression", "--budget", "1epochs"),
    "resume": ("DETECTOR",),
    "evaluate": ("DETECTOR", "CELLS"),
    "predict": ("DETECTOR", "IMAGE"),
    "explain": ("DETECTOR", "IMAGE"),
    "export": ("DETECTOR", "CELLS", "--to", "onnx"),
}  # fmt: skip


def verbs_with(option: str, *group: str) -> set[str]:
    verbs = typer.main.get_command(app).commands
    for name in group:
        verbs = verbs[name].commands
    return {name for name, verb in verbs.items() if any(option in one.opts for one in verb.params)}


def test_every_verb_is_here() -> None:
    others = {"list", "serve"}  # another name; and what goes on until it is stopped
    assert verbs_with("--quiet") == verbs_with("--json") == {*WORDS, *others}
    assert verbs_with("--quiet", "detect") == verbs_with("--json", "detect") == {*DETECT_WORDS}


@pytest.mark.parametrize("verb", WORDS)
def test_nothing_but_errors_is_printed(
    inceptionkit: Callable,
    photos: Callable,
    digits_run: Path,
    other_run: Path,
    theirs: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
) -> None:
    once = TimingBudget(least=1, most=1)
    monkeypatch.setattr("inceptionkit.deployment.benchmark._SINGLE", once)
    monkeypatch.setattr("inceptionkit.deployment.benchmark._LARGE", once)
    if verb == "bench":  # torch alone is quick
        monkeypatch.setitem(sys.modules, "openvino", None)
        monkeypatch.setitem(sys.modules, "onnx", None)
    shutil.copytree(digits_run, "run")
    folder = photos()
    given = {
        "RUN": Path("run"),
        "OTHER": other_run,
        "PHOTOS": folder,
        "PHOTO": next(folder.rglob("*.png")),
        "THEIRS": theirs,
    }
    said = inceptionkit(verb, *(given.get(word, word) for word in WORDS[verb]), "--quiet")

    assert (said.out, said.err, said.code) == ("", "", 0)


@pytest.fixture(scope="module")
def detection(tiny: Net, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the words of the verbs of detection stand for."""
    place = tmp_path_factory.mktemp("detection")
    (place / "trunk.json").write_text(json.dumps(to_json(tiny)))
    cells, trunk = annotated.write_voc(place / "cells"), place / "trunk.json"
    given = {"CELLS": cells, "TRUNK": trunk, "DETECTOR": place / "run"}
    words = [str(given.get(word, word)) for word in DETECT_WORDS["train"]]
    assert main(["detect", "train", *words, "--out", str(place / "run"), "--quiet"]) == 0
    return given | {"IMAGE": next(cells.rglob("*.png"))}


@pytest.mark.parametrize("verb", DETECT_WORDS)
def test_nothing_but_errors_is_printed_of_detectors(
    inceptionkit: Callable, detection: dict[str, Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, verb: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = [detection.get(word, word) for word in DETECT_WORDS[verb]]
    said = inceptionkit("detect", verb, *words, "--quiet")

    assert (said.out, said.err, said.code) == ("", "", 0)
