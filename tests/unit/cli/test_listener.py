"""What a person sees of progress."""

import io

import pytest
from rich.console import Console

from inceptionkit.cli.console import EpochTable, Plain, Terminal, can_rewrite, note
from inceptionkit.progress import Progress

ROW = {
    "epoch": 1.5, "train_loss": 1.23456, "val_loss": 0.5, "val_top1": 0.75,
    "val_top1_exit1": 0.5, "val_top1_exit2": None, "images_per_second": 1234.5,
}  # fmt: skip


def test_epochs_stand_below_one_header() -> None:
    table = EpochTable(80)
    lines = [line.plain for row in (ROW, ROW | {"epoch": 2.0}) for line in table.lines(row)]

    assert lines == [
        "  epoch  train loss  val loss  val top-1    exit1    exit2  images/s",
        "   1.50      1.2346    0.5000     75.0 %   50.0 %        –     1,234",  # noqa: RUF001
        "   2.00      1.2346    0.5000     75.0 %   50.0 %        –     1,234",  # noqa: RUF001
    ]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("exits", [0, 1, 2, 9])
def test_a_row_is_no_wider_than_the_terminal(width: int, exits: int) -> None:
    row = {key: value for key, value in ROW.items() if not key.startswith("val_top1_")}
    row |= {f"val_top1_exit{number}": 1.0 for number in range(exits)} | {"seconds": 754.0}
    head, line = (line.plain for line in EpochTable(width).lines(row))

    assert len(head) == len(line) <= width
    assert "exit0" in head or not exits


def test_the_best_epoch_so_far_stands_out() -> None:
    table = EpochTable(80)
    marked = [
        bool(line.spans)
        for top1 in (0.5, 0.6, 0.55)
        for line in table.lines(ROW | {"val_top1": top1})
        if not line.plain.endswith("images/s")
    ]

    assert marked == [True, True, False]


def test_on_a_terminal_each_phase_has_a_bar_and_the_plan_is_one_line() -> None:
    out = io.StringIO()
    screen = Console(file=out, width=80, force_terminal=True, color_system=None)
    heard = Terminal(screen)
    for report in (
        Progress(what="reading images", done=5, total=10),
        Progress(what="training", done=1, total=8, whole_left=61.0, plan="plan: 8 steps"),
        Progress(what="training", done=2, total=6, whole_left=40.0, plan="plan: 6 steps"),
    ):
        heard.progress(report)
    screen.print(heard.bar)
    shown = out.getvalue()

    assert "reading images" not in shown
    assert "training" in shown
    assert "33 %" in shown
    assert "40 s left" in shown
    assert shown.count("plan:") == 1
    assert "plan: 6 steps" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_forced_colors_and_notebooks_are_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("FORCE_COLOR", "1")  # as notebooks do
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)

    assert not can_rewrite(Console(file=io.StringIO()))
    assert can_rewrite(Console(file=Screen()))
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert not can_rewrite(Console(file=Screen()))


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
        "reading images 20 %", "reading images 40 %", "done [bold]not markup[/bold]",
    ]  # fmt: skip


def test_the_time_left_of_a_time_budget_is_known_from_the_start() -> None:
    out = io.StringIO()
    screen = Console(file=out, width=80, force_terminal=True, color_system=None)
    heard = Terminal(screen, whole=600.0)
    heard.progress(Progress(what="reading images", done=5, total=10))
    screen.print(heard.bar)

    assert "9 min 5" in out.getvalue() or "10 min 00 s left" in out.getvalue()
