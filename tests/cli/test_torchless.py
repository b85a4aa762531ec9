"""torch is needed to train, and by nothing that a deployed model needs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inceptionkit.api.export import export

BLOCKED = "import sys; sys.modules['torch'] = None; from inceptionkit.cli import main; "


def typed(*words: object) -> subprocess.CompletedProcess[str]:
    """Runs a command where torch cannot be imported."""
    code = f"{BLOCKED} sys.exit(main({[*map(str, words)]!r}))"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def exported(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "onnx"
    export(tiny_model, out=folder, to="onnx")
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ("describe", "compact"),
        ("recipes",),
        ("check", "digits", "--json"),
    ],
)
def test_what_trains_nothing_runs_without_torch(words: tuple[str, ...]) -> None:
    done = typed(*words)

    assert done.returncode == 0, done.stderr


def test_pages_of_runs_are_written_without_torch(
    digits_run: Path, other_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(digits_run, tmp_path / "run"))
    for words in (("report", run), ("compare", run, other_run, "--out", tmp_path / "c.html")):
        done = typed(*words)

        assert (done.returncode, done.stderr) == (0, "")


def test_an_exported_model_and_a_trained_one_predict_without_torch(
    tiny_model: Path, exported: Path, photo: Path
) -> None:
    for model in (tiny_model, exported):
        done = typed("predict", model, photo)

        assert done.returncode == 0, done.stderr
        assert str(photo) in done.stdout


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        (("evaluate", "MODEL", "digits"), "evaluate"),
        (("train", "digits"), "train"),
        (("resume", "MODEL"), "resume"),
        (("bench", "MODEL"), "bench"),
        (("export", "MODEL"), "export"),
    ],
)
def test_what_needs_torch_says_in_one_line_what_to_install(
    tiny_model: Path, words: tuple[str, ...], verb: str
) -> None:
    done = typed(*(tiny_model if word == "MODEL" else word for word in words))

    assert done.returncode == 2
    assert done.stderr == f"inceptionkit: {verb} needs torch; pip install 'inceptionkit[train]'\n"


def test_python_says_so_too() -> None:
    code = """
import sys
sys.modules["torch"] = None
import inceptionkit
try:
    inceptionkit.build
except inceptionkit.InceptionError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "build needs torch; pip install 'inceptionkit[train]'\n"
