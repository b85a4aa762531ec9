"""Where nothing but the wheel is installed: training with torch, everything else without it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_500)]

MOST = 350  # MB that an environment without torch takes
MOST_IMAGE = 400  # MB of the Dockerfile's image
BASE = 125  # MB of python:3.12-slim-bookworm for amd64, as `docker image ls` shows it
BRIEF = ("--input", 9, "--epochs", 1, "--precision", "fp32", "--quiet", "batch=64")


@pytest.fixture(scope="session")
def run(training: Any) -> Path:
    """A run on the digits, by the installed program."""
    done = training.type("train", "digits", "--out", "run", *BRIEF)
    assert done.returncode == 0, done.stderr
    return training.cwd / "run"


@pytest.fixture(scope="session")
def other_run(training: Any) -> Path:
    done = training.type("train", "digits", "--out", "other", *BRIEF, "lr=0.1")
    assert done.returncode == 0, done.stderr
    return training.cwd / "other"


@pytest.fixture(scope="session")
def exported(training: Any, run: Path) -> Path:
    done = training.type("export", run, "--to", "onnx", "--exits", "--out", "onnx")
    assert done.returncode == 0, done.stderr
    return training.cwd / "onnx"


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 52, 3), np.uint8)).save(file)
    return file


def test_the_installed_program_trains_on_the_digits(run: Path) -> None:
    assert json.loads((run / "run.json").read_text())["result"]["images"] == 176
    assert (run / "report.html").stat().st_size > 10_000
    assert (run / "model" / "model.json").is_file()


def test_without_an_extra_there_is_no_torch_and_little_is_installed(bare: Any) -> None:
    names = {row["name"] for row in json.loads(bare.run("pip", "list", "--format=json").stdout)}

    assert "inceptionkit" in names
    assert not names & {"torch", "openvino", "pyarrow", "scipy", "scikit-learn"}
    assert megabytes(bare.folder) < MOST


def megabytes(folder: Path) -> float:
    files = {(s.st_dev, s.st_ino): s for p in folder.rglob("*") if (s := p.lstat())}
    return sum(stat.st_blocks * 512 for stat in files.values()) / 1e6


def test_the_image_of_the_server_is_small_and_serves(image: Any, tmp_path: Path) -> None:
    """What the Dockerfile runs is run, with this Python in place of the base image's."""
    venv, tools = tmp_path / "venv", Path(sys.executable).parent
    subprocess.run(
        ["sh", "-c", image.command.replace("/venv", str(venv))],
        cwd=image.source,
        env=os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"},
        check=True,
    )
    done = subprocess.run(
        [venv / "bin" / "inceptionkit", "serve", "nothing"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert BASE + megabytes(venv) < MOST_IMAGE
    assert "nothing: no such" in done.stderr  # not: pip install 'inceptionkit[serve]'


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("recipes", "googlenet"),
        ("recipes --json", '"recipes"'),
        ("describe googlenet", "inception4e"),
        ("describe compact --json", '"params"'),
        ("architectures", "inception_v3"),
        ("check digits --json", '"usable": 1797'),
        ("check digits", "note"),
        ("report RUN", "report.html"),
        ("compare RUN OTHER", "compare.html"),
        ("compare RUN OTHER --json", '"against_first"'),
        ("predict EXPORTED PHOTO", "photo.png"),
        ("predict EXPORTED PHOTO --json", '"probability"'),
        ("predict EXPORTED PHOTO --early-exit 0.5", "photo.png"),
        ("predict RUN PHOTO", "photo.png"),
    ],
)
def test_what_trains_nothing_works_without_torch(
    bare: Any, run: Path, other_run: Path, exported: Path, photo: Path, words: str, said: str
) -> None:
    files = {"RUN": run, "OTHER": other_run, "EXPORTED": exported, "PHOTO": photo}

    done = bare.type(*(files.get(word, word) for word in words.split()))

    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert done.stderr == "" or "--json" not in words


def test_an_exported_model_says_the_same_with_torch_and_without(
    bare: Any, training: Any, run: Path, exported: Path, photo: Path
) -> None:
    answers = [
        json.loads(environment.type("predict", model, photo, "--json").stdout)
        for environment, model in ((training, run), (bare, exported), (bare, run))
    ]

    assert len({answer["label"] for answer in answers}) == 1
    first, *others = (answer["probability"] for answer in answers)
    assert others == pytest.approx([first, first], abs=1e-4)


def test_python_predicts_without_torch(bare: Any, exported: Path, photo: Path) -> None:
    code = f"""
import sys, inceptionkit
(answer,) = inceptionkit.predict({str(exported)!r}, {str(photo)!r}).answers
loaded = inceptionkit.load({str(exported)!r})
print(answer.prediction.label == loaded.predict([{str(photo)!r}])[0].label, "torch" in sys.modules)
"""
    done = bare.run("python", "-c", code)

    assert (done.returncode, done.stdout) == (0, "True False\n"), done.stderr


@pytest.mark.parametrize(
    "words", ["train digits", "resume RUN", "export RUN", "evaluate RUN digits"]
)
def test_what_needs_torch_says_in_one_line_what_to_install(
    bare: Any, run: Path, words: str
) -> None:
    done = bare.type(*(run if word == "RUN" else word for word in words.split()))

    assert done.returncode == 2
    verb = words.split(maxsplit=1)[0]
    assert done.stderr == f"inceptionkit: {verb} needs torch; pip install 'inceptionkit[train]'\n"
    assert done.stdout == ""
