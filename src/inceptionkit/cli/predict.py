"""Printing `inceptionkit predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from inceptionkit.api.predict import Answer, PredictResult, predict
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import Output, complain, print_json
from inceptionkit.progress import Progress
from inceptionkit.text import duration, percent, printable

if TYPE_CHECKING:
    from inceptionkit.deployment.bulk import Bulk


def _print_answer(output: Output, answer: Answer | Progress | Bulk | str) -> None:
    """Print one answer as it comes; or how far a table is, what was written, and who answers."""
    if not isinstance(answer, Answer):
        _print_table(output, answer)
    elif output.json_only:
        print_json(answer.to_json())
    elif answer.prediction is None:
        complain(f"{answer.path}: {answer.error}")
    elif not output.quiet:
        found = answer.prediction
        where = "" if found.exit == "main" else f"  (exit {found.exit})"
        line = f"{answer.path}  {found.label}  {percent(found.probability)}  "
        typer.echo(printable(f"{line}{duration(found.ms / 1e3)}{where}"))


def _print_table(output: Output, found: Progress | Bulk | str) -> None:
    if isinstance(found, str):
        if not (output.json_only or output.quiet):
            typer.echo(printable(f"{found}; for your own classes: inceptionkit train"), err=True)
    elif isinstance(found, Progress):
        rate, left = found.per_second or 0.0, found.seconds_left or 0.0
        if not (output.json_only or output.quiet):
            speed = f"{rate:,.0f} images/s, {duration(left)} left"
            typer.echo(f"{found.done:,} of {found.total:,} images, {speed}", err=True)
    elif output.json_only:
        print_json(PredictResult((), failed=False, written=found).to_json())
    elif not output.quiet:
        before = f", {found.resumed:,} of them before it was interrupted" * bool(found.resumed)
        errors = f", {found.unusable:,} with an error" * bool(found.unusable)
        typer.echo(printable(f"{found.out}: {found.images:,} rows{errors}{before}"))


PREDICT = Command(
    predict,
    None,
    (
        "inceptionkit predict photo.jpg",
        "inceptionkit predict runs/photos-001 rose.jpg",
        "inceptionkit predict runs/photos-001 new/ --early-exit --json",
        "inceptionkit predict runs/photos-001 photos.tar --out answers.parquet",
    ),
    each=_print_answer,
)
