"""What a person sees on a terminal of 80 columns, and where there is no terminal."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from inceptionkit.cli import console, main


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed on a terminal of 80 columns."""
    shown = io.StringIO()
    monkeypatch.setattr(
        console,
        "console",
        lambda **_: Console(
            file=shown, width=80, force_terminal=True, color_system=None, soft_wrap=True
        ),
    )
    return shown


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
