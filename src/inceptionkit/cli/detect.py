"""Printing `inceptionkit detect ...`."""

from __future__ import annotations

from inceptionkit.api.detect_export import DetectExportResult, detect_export
from inceptionkit.api.detect_train import DetectTrainResult, detect_resume, detect_train
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_line, print_table
from inceptionkit.text import duration, percent, shell_word, size


def _print_trained(result: DetectTrainResult) -> None:
    """Print the scores, what was written, and what to type next."""
    rows = [*result.ap50.items(), ("mean", result.map50)]
    print_table(
        (f"scored on {result.set}, {result.images:,} images", "AP at IoU 0.5"),
        [(name, "-" if ap is None else percent(ap)) for name, ap in rows],
    )
    memory = "" if result.peak_bytes is None else f", {size(result.peak_bytes)} at peak"
    print_line(
        f"{result.epochs:.1f} epochs in {duration(result.seconds)}, "
        f"{result.images_per_second:,.1f} images/s{memory}"
    )
    print_line(f"model   {result.model}")
    print_line(f"next    inceptionkit detect predict {shell_word(result.run)} IMAGE...")


TRAIN = Command(
    detect_train,
    _print_trained,
    (
        "inceptionkit detect train cells/ --budget 20min flip=both",
        "inceptionkit detect train annotations.json --from runs/photos-001",
    ),
)
RESUME = Command(detect_resume, _print_trained, ("inceptionkit detect resume runs/cells-001",))


def _print_exported(result: DetectExportResult) -> None:
    """Print what was written, and how it agrees."""
    print_line(
        f"{result.same:,} of {result.boxes:,} boxes of {result.images} images are the same, scores "
        f"to {result.score_difference:.1g}"
    )
    print_line(f"wrote   {result.out}, {size(result.bytes)}")
    print_line(f"next    inceptionkit detect predict {shell_word(result.out)} IMAGE...")


EXPORT = Command(
    detect_export,
    _print_exported,
    ("inceptionkit detect export runs/cells-001 cells/ --format openvino",),
)

COMMANDS = {"train": TRAIN, "resume": RESUME, "export": EXPORT}
