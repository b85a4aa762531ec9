"""`--quiet` of every verb."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from inceptionkit.cli.app import app
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


def verbs_with(option: str) -> set[str]:
    verbs = typer.main.get_command(app).commands
    return {name for name, verb in verbs.items() if any(option in one.opts for one in verb.params)}


def test_every_verb_is_here() -> None:
    others = {"list", "serve"}  # another name; and what goes on until it is stopped
    assert verbs_with("--quiet") == verbs_with("--json") == {*WORDS, *others}


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
