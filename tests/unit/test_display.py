"""Progress where no listener is given: in a script, on a terminal, in a notebook."""

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from inceptionkit import display, options
from inceptionkit.api.check import CheckRequest
from inceptionkit.display import SHOWN, Shown
from inceptionkit.progress import Progress
from inceptionkit.text import DASH

ROW = {
    "epoch": 1.0,
    "train_loss": 2.5,
    "val_loss": 1.25,
    "val_top1": 0.5,
    "val_top1_exit1": 0.25,
    "images_per_second": 1234.5,
}

EPOCH = (
    "epoch 1.00  train loss 2.500  val loss 1.250  val top-1 50.0 %  exit1 25.0 %  images/s 1,234"
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be changed."""
    now = [0.0]
    monkeypatch.setattr(display, "monotonic", lambda: now[0])
    return now


def speak(listener: Shown, clock: list[float]) -> None:
    """What a short training says."""
    listener.say("batch=64: few images \x1b[31m")
    for done in (1, 2, 3):
        clock[0] += 5.0
        listener.progress(Progress(what="training", done=done, total=3, per_second=100.0))
    listener.epoch(ROW)
    listener.close()


def test_a_script_prints_lines_on_standard_error(
    capsys: pytest.CaptureFixture[str], clock: list[float]
) -> None:
    speak(Shown(), clock)

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "batch=64: few images \\x1b[31m",
        "training 67 %  100 images/s",
        EPOCH,
    ]


def test_a_terminal_rewrites_its_last_line_and_leaves_none(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    speak(Shown(), clock)

    assert out.getvalue().count("\n") == 2
    assert "\rtraining 100 %  100 images/s" in out.getvalue()
    assert out.getvalue().split("\r")[-1].startswith("epoch 1.00")


def test_a_notebook_gets_html_that_is_rewritten(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    drawn: list[str] = []

    class Handle:
        def update(self, shown: Any) -> None:
            drawn.append(shown._repr_html_())

    def show(shown: Any, *, display_id: bool) -> Handle:
        assert display_id
        assert shown._repr_html_() == ""
        return Handle()

    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=show))
    listener = Shown()
    listener.say("<b>bold</b>")
    speak(listener, clock)

    assert any('<progress max="3" value="2"></progress> training 67 %' in one for one in drawn)
    assert "<progress" not in drawn[-1]
    assert "<td>50.0 %</td>" in drawn[-1]
    assert "<b>" not in drawn[-1]


def test_a_number_that_was_not_measured_does_not_shift_the_others() -> None:
    drawn: list[str] = []
    handle = SimpleNamespace(update=lambda shown: drawn.append(shown._repr_html_()))
    shown = display._Notebook(lambda *_, **__: handle)
    shown.epoch(ROW)
    shown.epoch(ROW | {"val_loss": float("inf")})

    assert f"<td>2.500</td><td>{DASH}</td><td>50.0 %</td>" in drawn[-1]


def test_a_verb_closes_what_it_showed() -> None:
    closed: list[str] = []

    class Own(Shown):
        def close(self) -> None:
            closed.append("closed")

    run = options.verb(CheckRequest)(lambda request: request.listener)
    assert run("nowhere") is SHOWN
    assert run("nowhere", listener=None) is None
    run("nowhere", listener=Own())

    assert closed == ["closed"]
    assert repr(SHOWN) == "SHOWN"


def test_a_row_of_other_numbers_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Shown().epoch({"epoch": 2, "map": 0.123456})

    assert capsys.readouterr().err == "epoch 2  map 0.1235\n"
