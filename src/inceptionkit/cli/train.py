"""Printing `inceptionkit train` and `inceptionkit resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inceptionkit.api.resume import resume
from inceptionkit.api.train import train
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_entry, print_line, print_table, print_text
from inceptionkit.text import duration, percent, shell_word, size

if TYPE_CHECKING:
    from inceptionkit.training.run.finish import TrainResult


def _print_trained(result: TrainResult) -> None:
    """Print the scores, what was written, and what to type next."""
    rows = [(name, percent(row["top1"])) for name, row in result.exits.items()]
    print_table(
        (f"scored on {result.set}, {result.images:,} images", "top-1"),
        [*rows, ("main", percent(result.top1))],
    )
    low, high = map(percent, result.top1_interval)
    beside = (
        f"; chance is {percent(result.chance)}, always naming {result.largest_class!r} gives "
        f"{percent(result.largest_class_top1)}"
    )
    beside = beside if result.largest_class else ""
    print_text(f"top-1 {percent(result.top1)}, 95 % interval {low} to {high}{beside}")
    memory = "" if result.peak_bytes is None else f", {size(result.peak_bytes)} at peak"
    print_line(
        f"{result.epochs:.1f} epochs in {duration(result.seconds)}, "
        f"{result.images_per_second:,.0f} images/s{memory}"
    )
    if (nothing := result.nothing_learned) is not None:
        says = f"this run learned nothing: {nothing['says']}"
        print_entry("warning", "bold yellow", f"{says}; likely cause: {nothing['cause']}")
        print_line(f"try     {nothing['command']}")
    print_line(f"model   {result.model}")
    print_line(f"report  {result.run / 'report.html'}")
    print_line(f"next    inceptionkit predict {shell_word(result.run)} IMAGE...")


TRAIN = Command(
    train,
    _print_trained,
    (
        "inceptionkit train photos/ --budget 20min",
        "inceptionkit train photos/ --from torchvision/googlenet lr=0.01",
    ),
    group="Train",
)
RESUME = Command(
    resume,
    _print_trained,
    (
        "inceptionkit resume runs/photos-001",
        "inceptionkit resume runs/photos-001 --data photos/",
    ),
    group="Train",
)
