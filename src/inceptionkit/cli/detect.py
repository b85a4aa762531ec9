"""Printing `inceptionkit detect ...`."""

from __future__ import annotations

from inceptionkit.api.detect_export import DetectExportResult, detect_export
=======
from collections.abc import Mapping

from inceptionkit.api.detect_rcnn import DetectRcnnResult, detect_rcnn
from inceptionkit.api.detect_train import DetectTrainResult, detect_resume, detect_train
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_line, print_table
from inceptionkit.text import duration, percent, shell_word, size


def _print_scores(
    name: str, images: int, ap50: Mapping[str, float | None], map50: float | None
) -> None:
    """Print the average precision of each class, and the mean."""
    print_table(
        (f"scored on {name}, {images:,} images", "AP at IoU 0.5"),
        [(klass, percent(ap)) for klass, ap in [*ap50.items(), ("mean", map50)]],
    )


def _print_trained(result: DetectTrainResult) -> None:
    """Print the scores, what was written, and what to type next."""
    _print_scores(result.set, result.images, result.ap50, result.map50)
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


def _print_rcnn(result: DetectRcnnResult) -> None:
    """Print the scores, what was written, and what to type next."""
    _print_scores(result.set, result.images, result.ap50, result.map50)
    print_line(f"{duration(result.seconds)} in all")
    print_line(f"model   {result.model}")
    print_line(f"next    inceptionkit detect predict {shell_word(result.run)} IMAGE...")


RCNN = Command(
    detect_rcnn,
    _print_rcnn,
    (
        "inceptionkit detect rcnn cells/ --budget 60min",
        "inceptionkit detect rcnn cells/ --from runs/photos-001 --ensemble 6 --no-regression",
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

COMMANDS = {"train": TRAIN, "rcnn": RCNN, "resume": RESUME, "export": EXPORT}
