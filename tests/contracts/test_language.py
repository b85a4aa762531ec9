"""What people read is plain English: a few phrases that are not occur nowhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BANNED = re.compile(
    r"\b(told|pass(?:es|ed) over|anew|mend(?:s|ed|ing)?|dear(?:er|est)?|how sure|share right"
    r"|what came of it)\b|[;,] else (?!if\b)\w+",
    re.IGNORECASE,
)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
FILES = sorted(
    [
        *ROOT.glob("src/**/*.py"),
        *ROOT.glob("src/**/templates/*"),
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("benchmarks/*.md"),
        *ROOT.glob("benchmarks/*.py"),
        *ROOT.glob("docs/**/*.py"),
    ]
)
NOT_YET = (
    "CHANGELOG.md",
    "benchmarks/",
    "docs/",
    "src/inceptionkit/api/",
    "src/inceptionkit/catalog/",
    "src/inceptionkit/cli/",
    "src/inceptionkit/convert/",
    "src/inceptionkit/data/",
    "src/inceptionkit/deployment/",
    "src/inceptionkit/derive/",
    "src/inceptionkit/errors.py",
    "src/inceptionkit/evaluation/",
    "src/inceptionkit/records.py",
    "src/inceptionkit/report/",
    "src/inceptionkit/training/",
)  # begin with these; the list only becomes shorter


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def texts(path: Path) -> Iterator[str]:
    """What a person reads of a file: of a program its strings and docstrings, not its names."""
    content = path.read_text("utf-8")
    if path.suffix != ".py":
        yield FENCE.sub("", content) if path.suffix == ".md" else content
        return
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def phrases(path: Path) -> list[str]:
    return [match[0] for text in texts(path) for match in BANNED.finditer(" ".join(text.split()))]


@pytest.mark.parametrize("path", [f for f in FILES if not place(f).startswith(NOT_YET)], ids=place)
def test_no_phrase_is_one_that_people_read_twice(path: Path) -> None:
    assert phrases(path) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Files that cannot be read are told and passed over.", ["told", "passed over"]),
        ("Number of threads; else one for each core.", ["; else one"]),
        ("How  sure\nit is", ["How sure"]),
        ("an old, untold, amended text; or else", []),
    ],
)
def test_such_phrases_are_found(text: str, found: list[str], tmp_path: Path) -> None:
    for name in ("page.md", "page.html", "program.py"):
        path = tmp_path / name
        path.write_text(repr(text) if name.endswith(".py") else text)

        assert phrases(path) == found


def test_the_files_are_there() -> None:
    assert len(FILES) > 200
    assert {path.suffix for path in FILES} >= {".py", ".md", ".j2"}
