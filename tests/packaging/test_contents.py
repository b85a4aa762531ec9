"""What an index is given: every file that the package reads, the licence, and nothing else."""

import tarfile
import tomllib
from collections.abc import Callable
from configparser import ConfigParser
from email import message_from_string
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RELEASE = f"{PROJECT['name']}-{PROJECT['version']}"
INFO = f"{RELEASE}.dist-info"
LARGEST = 1_000_000  # bytes of a distribution, beside the models that ship
DATA = {
    "convert/imagenet/classes.txt",
    "data/digits/digits.npz",
    "py.typed",
    "report/templates/base.html.j2",
    "report/templates/page.css",
    "report/templates/page.js",
    "report/templates/run.html.j2",
}


def sources() -> set[str]:
    """Every file of the package in the checkout."""
    files = (p for p in SOURCE.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {p.relative_to(SOURCE).as_posix() for p in files}


def in_wheel(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def text_in_wheel(wheel: Path, name: str) -> str:
    with ZipFile(wheel) as archive:
        return archive.read(f"{INFO}/{name}").decode()


def in_sdist(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        names = [PurePosixPath(member.name) for member in archive if member.isfile()]
    assert {name.parts[0] for name in names} == {RELEASE}
    return {name.relative_to(RELEASE).as_posix() for name in names}


@pytest.fixture(scope="module")
def metadata(distributions: Any) -> Message:
    return message_from_string(text_in_wheel(distributions.wheel, "METADATA"))


def test_the_wheel_holds_the_package_whole_and_nothing_else(distributions: Any) -> None:
    about = {f"{INFO}/{n}" for n in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")}

    assert in_wheel(distributions.wheel) == sources() | about | {f"{INFO}/licenses/LICENSE"}
    assert sources() >= {f"inceptionkit/{name}" for name in DATA}


def test_the_sdist_holds_the_sources_and_what_a_builder_needs(distributions: Any) -> None:
    pages = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md"}
    builder = {".gitignore", "PKG-INFO", "constraints.txt", "pyproject.toml"}

    held = in_sdist(distributions.sdist)

    assert held == {f"src/{name}" for name in sources()} | pages | builder


def test_the_sdist_builds_the_same_wheel(
    distributions: Any, build_from: Callable, tmp_path: Path
) -> None:
    with tarfile.open(distributions.sdist) as archive:
        archive.extractall(tmp_path, filter="data")

    again = build_from(tmp_path / RELEASE, tmp_path / "again")

    assert again.wheel.name == distributions.wheel.name
    assert again.wheel.read_bytes() == distributions.wheel.read_bytes()


def test_both_are_small_and_run_on_every_machine(distributions: Any) -> None:
    assert distributions.wheel.name == f"{RELEASE}-py3-none-any.whl"
    assert distributions.sdist.name == f"{RELEASE}.tar.gz"
    models = (SOURCE / "inceptionkit" / "pretrained").rglob("*")
    most = LARGEST + sum(path.stat().st_size for path in models)

    assert distributions.wheel.stat().st_size < most
    assert distributions.sdist.stat().st_size < most


def test_the_metadata_name_the_product_its_licence_and_its_extras(metadata: Message) -> None:
    assert metadata["Name"] == "inceptionkit"
    assert metadata["Requires-Python"] == ">=3.11"
    assert (metadata["License-Expression"], metadata["License-File"]) == ("Apache-2.0", "LICENSE")
    assert set(metadata.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert metadata.get_payload().strip() == (ROOT / "README.md").read_text().strip()


def test_torch_comes_with_the_extra_train_and_not_without(metadata: Message) -> None:
    needed = metadata.get_all("Requires-Dist", [])

    assert not [need for need in needed if need.startswith("torch") and "extra" not in need]
    assert [n for n in needed if n.startswith("torch>") and n.endswith("extra == 'train'")]


def test_the_program_is_called_as_the_product(distributions: Any) -> None:
    programs = ConfigParser()
    programs.read_string(text_in_wheel(distributions.wheel, "entry_points.txt"))

    assert dict(programs["console_scripts"]) == {"inceptionkit": "inceptionkit.cli:main"}


def test_the_licence_is_the_repositorys(distributions: Any) -> None:
    licence = text_in_wheel(distributions.wheel, "licenses/LICENSE")

    assert licence == (ROOT / "LICENSE").read_text()
