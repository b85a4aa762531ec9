"""Curves over epochs as SVG: loss, top-1 of each exit, learning rate."""

from __future__ import annotations

from collections.abc import Sequence

from inceptionkit.report.finished_run import Epoch, FinishedRun
from inceptionkit.report.lines import Figure, Line, chart, column
from inceptionkit.svg import INKS
from inceptionkit.text import Formatter, learning_rate, loss, percent, whole_percent

_EXIT = "val_top1_"  # how columns of log.csv begin that hold an exit's


def exit_ink(name: str, exits: Sequence[str]) -> int:
    """The color of an exit, the same in every figure; main has the first."""
    early = [other for other in exits if other != "main"]
    return 0 if name == "main" or name not in early else early.index(name) % (INKS - 1) + 1


def loss_curves(epochs: Sequence[Epoch]) -> Figure | None:
    """Training and validation loss over epochs; None where no loss was recorded."""
    return chart(
        "loss",
        "Loss",
        (
            Line(name="train", points=column(epochs, "train_loss"), ink=1, dashed=True),
            Line(name="val", points=column(epochs, "val_loss"), ink=0),
        ),
        say=loss,
    )


def top1_curves(epochs: Sequence[Epoch]) -> Figure | None:
    """Top-1 on val of each exit over epochs; None where there is no val."""
    keys = dict.fromkeys(key for row in epochs for key in row if key.startswith(_EXIT))
    names = [key.removeprefix(_EXIT) for key in keys]
    early = (
        Line(
            name=name,
            points=column(epochs, f"{_EXIT}{name}"),
            ink=exit_ink(name, names),
            dashed=True,
        )
        for name in names
    )
    main = Line(name="main", points=column(epochs, "val_top1"), ink=0)
    return chart("top1", "Top-1 on val", (*early, main), say=percent, tick=whole_percent, most=1.0)


def rate_curve(epochs: Sequence[Epoch]) -> Figure | None:
    """The learning rate over epochs."""
    line = Line(name="learning rate", points=column(epochs, "lr"), ink=0)
    return chart("lr", "Learning rate", (line,), learning_rate)


def runs_top1(runs: Sequence[FinishedRun]) -> Figure | None:
    """Top-1 of main on val over epochs, a line for each run."""
    return _runs("runs-top1", "Top-1 on val", runs, "val_top1", percent, whole_percent)


def runs_loss(runs: Sequence[FinishedRun]) -> Figure | None:
    """Loss on val over epochs, a line for each run."""
    return _runs("runs-loss", "Loss on val", runs, "val_loss", loss)


def _runs(
    name: str,
    title: str,
    runs: Sequence[FinishedRun],
    key: str,
    say: Formatter,
    tick: Formatter | None = None,
) -> Figure | None:
    lines = tuple(
        Line(name=str(run.folder), points=column(run.epochs, key), ink=k % INKS, dashed=k >= INKS)
        for k, run in enumerate(runs)
    )
    return chart(name, title, lines, say, tick, 1.0 if tick is not None else None)
