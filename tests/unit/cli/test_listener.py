"""What a person sees of progress."""

import io

import pytest
from rich.console import Console

from inceptionkit.cli.console import Plain, epoch_line, note
from inceptionkit.progress import Progress

ROW = {
    "epoch": 1.5, "train_loss": 1.23456, "val_loss": 0.5, "val_top1": 0.75,
    "val_top1_exit1": 0.5, "val_top1_exit2": None, "images_per_second": 1234.5,
}  # fmt: skip


def test_an_epoch_on_one_line() -> None:
    assert epoch_line(ROW) == (
        "epoch   1.50  train loss 1.2346  val loss 0.5000  val top-1 75.0 % "
        "(exit1 50.0 %, exit2 –)  1,234 images/s"  # noqa: RUF001
    )


def test_rate_and_time_left() -> None:
    report = Progress(
        what="training", done=5, total=10, per_second=1234.5, seconds_left=61.0, note="epoch 0.5"
    )

    assert note(report) == "epoch 0.5, 1,234 images/s, 1 min 01 s left"
    assert note(Progress(what="training", done=0, total=10)) == ""


def test_where_there_is_no_terminal_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("inceptionkit.cli.console.monotonic", lambda: now[0])
    out = io.StringIO()
    heard = Plain(Console(file=out, width=110), now[0])
    for second in range(25):
        now[0] = float(second)
        heard.progress(Progress(what="reading images", done=second, total=50))
    heard.say("done [bold]not markup[/bold]")

    assert out.getvalue().splitlines() == [
        "reading images 20 %  ", "reading images 40 %  ", "done [bold]not markup[/bold]",
    ]  # fmt: skip
