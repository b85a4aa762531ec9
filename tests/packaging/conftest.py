"""The distributions of this checkout, and environments that hold nothing but what they bring."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Distributions:
    """Files that an index would be given."""

    wheel: Path
    sdist: Path


def build(source: Path, out: Path) -> Distributions:
    """Builds both with the hatchling of this environment: no network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", out]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return Distributions(wheel, sdist)


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    return build(ROOT, tmp_path_factory.mktemp("distributions"))


@pytest.fixture(scope="session")
def build_from() -> Callable[[Path, Path], Distributions]:
    """Builds from another folder of sources."""
    return build


@dataclass(frozen=True)
class Image:
    """The first stage of the Dockerfile.

    Attributes:
        source: a folder with what it copies, and nothing else.
        command: what it runs there; it makes /venv.
    """

    source: Path
    command: str


@pytest.fixture
def image(tmp_path: Path) -> Image:
    text = (ROOT / "docs" / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    stage = text[: text.index("\nFROM", text.index("\nFROM") + 1)].splitlines()
    source = tmp_path / "source"
    source.mkdir()
    for _, *words, _ in (line.split() for line in stage if line.startswith("COPY ")):
        for word in words:
            copy = shutil.copytree if (ROOT / word).is_dir() else shutil.copyfile
            copy(ROOT / word, source / word)
    (command,) = (line.removeprefix("RUN ") for line in stage if line.startswith("RUN "))
    return Image(source, command)


@dataclass(frozen=True)
class Environment:
    """A virtual environment into which only the wheel was installed."""

    folder: Path
    cwd: Path  # where its commands run

    def run(self, program: str, *words: object) -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment; nothing else can be imported."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
        return subprocess.run(
            [self.folder / "bin" / program, *map(str, words)],
            cwd=self.cwd, capture_output=True, text=True, check=False, timeout=500,
            env=kept | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        )  # fmt: skip

    def type(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Runs a command of the product."""
        return self.run("inceptionkit", *words)


def installed(wheel: Path, extras: str, folder: Path) -> Environment:
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    environment = Environment(folder / "venv", folder)
    constraints = ("-c", ROOT / "constraints.txt")
    done = environment.run("pip", "install", "--quiet", *constraints, f"{wheel}{extras}")
    assert done.returncode == 0, done.stderr
    return environment


@pytest.fixture(scope="session")
def bare(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """`pip install WHEEL`: what a deployed model needs."""
    return installed(distributions.wheel, "", tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="session")
def training(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """`pip install WHEEL[train]`."""
    return installed(distributions.wheel, "[train]", tmp_path_factory.mktemp("training"))
