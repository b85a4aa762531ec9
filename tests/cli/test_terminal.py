"""What a person sees on a terminal of 80 columns, and where there is no terminal."""

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from inceptionkit.cli import console, main


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], io.StringIO]:
    """Gives what is printed on a terminal of so many columns."""

    def make(width: int) -> io.StringIO:
        screen = io.StringIO()
        monkeypatch.setattr(
            console,
            "console",
            lambda **_: Console(
                file=screen, width=width, force_terminal=True, color_system=None, soft_wrap=True
            ),
        )
        return screen

    return make


@pytest.fixture
def terminal(shown: Callable[[int], io.StringIO]) -> io.StringIO:
    """What is printed on a terminal of 80 columns."""
    return shown(80)


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["describe", "googlenet"],
        ["describe", "googlenet", "--paper", "--rules"],
        ["describe", "googlenet:tf_slim", "--paper"],
        ["describe", "bn_inception", "--paper"],
        ["describe", "inception_v3", "--paper", "--per-path"],
        ["describe", "inception_naive", "--per-path"],
        ["describe", "inception_v3", "--input", "96"],
        ["describe", "vgg16"],
    ],
    ids=" ".join,
)
def test_nothing_is_wider_than_the_terminal_and_nothing_is_cut(
    terminal: io.StringIO, words: list[str]
) -> None:
    assert main(words) == 0
    lines = terminal.getvalue().splitlines()

    assert max(map(len, lines)) <= 80
    assert "…" not in terminal.getvalue()


def test_sentences_break_between_words_on_a_terminal_alone(
    terminal: io.StringIO, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["describe", "googlenet", "--paper"]) == 0
    monkeypatch.undo()
    assert main(["describe", "googlenet", "--paper"]) == 0
    note = (
        "[1] 2,712 weights and 34.0 M are those of a separable layer of depth multiplier 8, as the "
        "batch norm paper describes its first layer; every published GoogLeNet is dense"
    )

    assert note in capfd.readouterr().out.splitlines()
    assert note not in terminal.getvalue()
    assert note in " ".join(terminal.getvalue().split())


def test_a_locale_without_our_characters_is_no_defect(
    shell: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    said = shell("describe", "googlenet", "--paper")

    assert (said.code, said.err) == (0, "")
    assert "inception (5a)" in said.out
    assert r"\u2260 1072K" in said.out


# lines to copy are not broken
_COPIED = ("model", "report", "page", "next", "try", "stored", "wrote")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "{run}", "digits"],
        ["evaluate", "{run}", "digits", "--exits"],
        ["evaluate", "{run}", "{other}", "digits"],
        ["evaluate", "{run}", "digits", "--crops", "1,10"],
        ["compare", "{run}", "{other}", "--out", "{tmp}/page.html"],
        ["check", "digits", "--out", "{tmp}/check.html"],
        ["recipes"],
        ["export", "{run}", "--to", "onnx", "--out", "{tmp}/onnx"],
    ],
    ids=" ".join,
)
def test_what_a_verb_ends_with_fits_the_terminal(
    shown: Callable[[int], io.StringIO],
    width: int,
    words: list[str],
    digits_run: Path,
    other_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # so that names are short, as they are where one works
    for name, run in (("run", digits_run), ("other", other_run)):
        (tmp_path / name).symlink_to(run)
    places = {"run": "run", "other": "other", "tmp": "."}
    screen = shown(width)
    main([word.format(**places) for word in words])
    lines = screen.getvalue().splitlines()

    assert lines
    wide = [line for line in lines if len(line) > width]
    assert not [line for line in wide if not line.startswith(_COPIED)]


@pytest.mark.slow
@pytest.mark.parametrize("into_a_file", [False, True])
def test_errors_stand_apart_from_what_shows_that_it_works(
    into_a_file: bool, tiny_model: Path, photos: Callable, tmp_path: Path
) -> None:
    """On a terminal the complaint begins a line of its own; 2>FILE gets it, and the screen not."""
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    good = next(photos().rglob("*.png"))
    words = [sys.executable, "-m", "inceptionkit", "explain", str(tiny_model), str(bad), str(good)]
    ours, theirs = pty.openpty()
    errors = (tmp_path / "errors").open("wb")
    with errors:
        process = subprocess.Popen(
            words, stdout=theirs, stderr=errors if into_a_file else theirs, cwd=tmp_path
        )
        os.close(theirs)
        screen = b""
        with suppress(OSError):  # how a terminal ends
            while data := os.read(ours, 4_096):
                screen += data
        process.wait(120)
    os.close(ours)
    complaint = "inceptionkit: " + str(bad)
    lines = [one for one in re.split(r"\r|\n|\x1b\[[0-9;?]*[A-Za-z]", screen.decode()) if one]

    if into_a_file:
        assert complaint in (tmp_path / "errors").read_text()
        assert not any("bad.jpg" in line and "inceptionkit:" in line for line in lines)
    else:
        assert any(line.startswith("inceptionkit: ") for line in lines)
        assert not any("working" in line and "inceptionkit:" in line for line in lines)
