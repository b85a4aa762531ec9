"""Names that others chose act neither on a terminal, nor in a browser, nor in a spreadsheet."""

import csv
import html
import json
import re
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from safetensors.numpy import save_file

from inceptionkit.cli import console
from inceptionkit.results import table
from inceptionkit.svg import escape
from inceptionkit.training.run.folder import read_rows, write_rows

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J",
    "\x9b31m\x90q\x9c",
    "one\rtwo\x08\x7f",
    "\u202egnp.exe\u2066",
    "=HYPERLINK(1)",
    "+1+cmd|' 'C'!A0",
    "@SUM(1)",
    "'=1",
    "<script>alert(1)<",
    '"><img src=x onerror=alert(1)>',
    "[red]x[bold]",
    "`rm`$(id)|a|b|",
)
ACTS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
QUICK = ("--arch", "compact", "--input", "8", "--epochs", "1", "--precision", "fp32", "batch=8")


def paint(folder: Path, name: str, level: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(level).integers(level, level + 20, (12, 12, 3), np.uint8)
    Image.fromarray(pixels).save(folder / name, "PNG")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images under hostile names, in classes of hostile names."""
    folder = tmp_path_factory.mktemp("data") / "\x1b[31mred"
    for number, name in enumerate(HOSTILE):
        for index in range(5):
            paint(folder / name.replace("/", ""), f"{index}{name}.png", 18 * number + index)
        (folder / name / f"cut{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from inceptionkit.cli import main

    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", str(data), *QUICK, "--out", str(folder), "--quiet"]) == 0
    return folder


def harmless(text: str) -> bool:
    return not ACTS.search(text)


@pytest.fixture
def given_words(data: Path, run: Path, tmp_path: Path) -> list[tuple[object, ...]]:
    """Every verb on what is hostile."""
    copied = Path(shutil.copytree(run, tmp_path / "\x1b[32mrun"))
    named = Path(shutil.copytree(run / "model", tmp_path / "named"))
    card = json.loads((named / "model.json").read_text())
    card["architecture"]["name"] = card["architecture"]["source"] = "\x1b[33mnet\n<script>"
    (named / "model.json").write_text(json.dumps(card))
    tensors = {f"\x1b[34m{n}<b>": np.ones(2, np.float32) for n in range(3)}
    save_file(tensors, tmp_path / "\x1b[35mtheirs.safetensors")
    net = {**json.loads((run / "run.json").read_text())["architecture"], "name": "\x1b[36mnet"}
    (tmp_path / "\x1b[36mnet.json").write_text(json.dumps(net))
    return [
        ("train", data, *QUICK, "--out", tmp_path / "\x1b[37mout"),
        ("resume", copied),
        ("evaluate", copied, data),
        ("evaluate", named, data),
        ("evaluate", named, copied, data, "--crops", "1"),
        ("check", data, "--out", "\x1b[38mpage.html"),
        ("predict", copied, data),
        ("predict", named, data, tmp_path / "\x1b[1mgone.png"),
        ("explain", copied, *sorted(data.rglob("*.png"))[:3]),
        ("report", copied),
        ("compare", copied, run),
        ("prune", named, "--at", "exit1", "--out", tmp_path / "\x1b[2mcut"),
        ("export", named, "--to", "onnx", "--out", tmp_path / "\x1b[3monnx"),
        ("predict", tmp_path / "\x1b[3monnx", data),
        ("convert", tmp_path / "\x1b[35mtheirs.safetensors", "converted"),
        ("convert", named, "x\x1b.pth", "--to", "torchvision"),
        ("describe", tmp_path / "\x1b[36mnet.json", "--rules", "--draw", "\x1b[4mx.svg"),
        ("describe", "\x1b[36mgone"),
        ("recipes", "\x1b[36mgone"),
        ("train", data, "\x1b[36mlr=1"),
        ("train", data, "--\x1b[36mlr=1"),
        ("\x1b[36mtrain",),
        ("--debug", "train", "\x1b[36mgone"),
    ]


def test_no_verb_lets_names_act(
    inceptionkit: Callable, given_words: list[tuple[object, ...]], tmp_path: Path
) -> None:
    codes = []
    for words in given_words:
        said = inceptionkit(*words)
        codes.append(said.code)

        assert "a defect" not in said.err, (words, said.err)
        assert harmless(said.out + said.err), (words, ascii(said.out + said.err))
    assert codes == [0] * 6 + [2, 2] + [0] * 5 + [2] * 3 + [0] + [2] * 6
    pages = [*tmp_path.rglob("*.html"), *tmp_path.rglob("*.svg")]
    assert len(pages) >= 4
    for page in pages:
        text = page.read_text()

        assert harmless(text), page
        assert "<script>alert" not in text, page
        assert "<img src=x" not in text, page
    tables = [*tmp_path.rglob("*.csv")]
    assert {one.name for one in tables} >= {"predictions.csv", "unusable.csv"}
    for file in tables:
        with file.open(newline="") as lines:
            cells = [cell for row in csv.reader(lines) for cell in row]

        assert not [cell for cell in cells if cell[:1] in tuple("=+@\t\r")], file


NAMES = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(),
    st.text(st.characters(max_codepoint=0x9F)),
    st.text("=+-@'\t\r\n,\""),
)


@given(NAMES, NAMES)
@settings(deadline=None, max_examples=200)
def test_what_a_console_prints_is_harmless(one: str, other: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        out = Console(force_terminal=False, width=100, record=True, file=StringIO())
        patch.setattr(console, "console", lambda **_: out)
        console.print_text(one)
        console.print_line((one, "dim"), other)
        console.print_table((one, "n"), [(other, one)], title=one, total=(one, other))
        console.Plain(out, 0.0).say(one)
        console.Terminal(out).say(other)
        text = out.export_text()

    assert harmless(text)


@given(st.lists(st.fixed_dictionaries({"path": NAMES, "=head": NAMES}), min_size=1))
@settings(deadline=None)
@example([{"path": "'", "=head": "''=1"}])
def test_no_cell_is_a_formula_and_all_come_back(rows: list[dict[str, Any]]) -> None:
    from tempfile import TemporaryDirectory

    rows = [{k: v.encode(errors="ignore").decode() for k, v in row.items()} for row in rows]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        write_rows(path, rows)
        with path.open(encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]

        assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]
        assert read_rows(path) == rows


@given(NAMES)
def test_pages_and_drawings_hold_text_as_text(name: str) -> None:
    for shown in (table(["a"], [[name]]), escape(name)):
        assert harmless(html.unescape(shown))
        assert shown.count("<") == (10 if shown.startswith("<table>") else 0)
