"""Printing `inceptionkit predict`."""

from __future__ import annotations

import typer

from inceptionkit.api.predict import Answer, PredictResult, predict
from inceptionkit.cli.command import Command, Output
from inceptionkit.cli.console import complain, print_json
from inceptionkit.progress import Progress
from inceptionkit.text import duration, percent, printable


def _print_answer(output: Output, answer: Answer | Progress) -> None:
    """Print one answer as it comes, or how far a table is."""
    if isinstance(answer, Progress):
        if not (output.json_only or output.quiet):
            _print_progress(answer)
    elif output.json_only:
        print_json(answer.to_json())
    elif answer.prediction is None:
        complain(f"{answer.path}: {answer.error}")
    elif not output.quiet:
        found = answer.prediction
        where = "" if found.exit == "main" else f"  (exit {found.exit})"
        line = f"{answer.path}  {found.label}  {percent(found.probability)}  "
        typer.echo(printable(f"{line}{duration(found.ms / 1e3)}{where}"))


def _print_progress(report: Progress) -> None:
    rate, left = report.per_second or 0.0, report.seconds_left or 0.0
    speed = f"{rate:,.0f} images/s, {duration(left)} left"
    typer.echo(f"{report.done:,} of {report.total:,} images, {speed}", err=True)


def _print_table(result: PredictResult) -> None:
    """Say what was written."""
    if (written := result.written) is not None:
        before = f", {written.resumed:,} of them before it was interrupted" * bool(written.resumed)
        errors = f", {written.unusable:,} with an error" * bool(written.unusable)
        typer.echo(printable(f"{written.out}: {written.images:,} rows{errors}{before}"))


PREDICT = Command(
    predict,
    _print_table,
    (
        "inceptionkit predict runs/photos-001 rose.jpg",
        "inceptionkit predict runs/photos-001 new/ --early-exit --json",
        "inceptionkit predict runs/photos-001 photos.tar --out answers.parquet",
    ),
    each=_print_answer,
)
