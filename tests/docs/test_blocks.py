"""What the pages tell a reader to type does what they say; trainings are cut to one epoch."""

import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from pages import SHIPS, Block, Desk, blocks, commands

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in [*sorted((ROOT / "docs").glob("**/*.md")), ROOT / "README.md"]
    if any(block.language in {"sh", "python"} for block in blocks(page))
]
ELSEWHERE = {"command-line.md"}  # the examples of help: tests/cli/test_help_and_mistakes.py
BESIDES = [  # tutorials run as notebooks
    page for page in PAGES if page.parent.name != "tutorials" and page.name not in ELSEWHERE
]


def place(page: Path) -> str:
    return str(page.relative_to(ROOT))


def refusals(page: Path) -> Iterator[tuple[Block, Block]]:
    """Blocks that fail, each with the block that shows what is said."""
    every = blocks(page)
    return ((a, b) for a, b in pairwise(every) if a.fails)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch.compile's own
@pytest.mark.parametrize("page", BESIDES, ids=place)
def test_the_blocks_of_a_page_run(page: Path, desk: Desk) -> None:
    shown = {failing.line: answer for failing, answer in refusals(page)}
    for block in blocks(page):
        if block.language not in {"sh", "python"} or block.skipped:
            continue
        said = " ".join(desk.run(block).split())
        for line in shown[block.line].text.splitlines() if block.fails else ():
            assert " ".join(line.split()) in said


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_blocks_are_marked_as_they_should_be(page: Path) -> None:
    for block in blocks(page):
        if block.note:
            known = block.note in {"fails", SHIPS} or block.note.startswith("not run: ")
            assert known, f"{page}:{block.line}"
            for path in re.findall(r"\b(?:tests|docs)/[\w/.]+", block.note):
                assert (ROOT / path).exists(), f"{page}:{block.line}: {path}"
        if block.language == "python":
            compile(block.text, f"{page}:{block.line}", "exec")
        if block.language == "sh" and not block.skipped:
            assert list(commands(block))
    assert all(answer.language == "" for _, answer in refusals(page))


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_what_pip_installs_is_an_extra(page: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for names in re.findall(r"pip install [^\n]*\[([\w,-]+)\]", page.read_text("utf-8")):
        assert set(names.split(",")) <= set(project["optional-dependencies"])
