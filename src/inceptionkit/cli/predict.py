"""Printing `inceptionkit predict`."""

from __future__ import annotations

from statistics import fmean
from time import monotonic
from typing import TYPE_CHECKING

import typer

from inceptionkit.api.predict import PredictResult, predict
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import Output, complain, print_json
from inceptionkit.evaluation.answer import UNSURE_BELOW, Answer
from inceptionkit.progress import Progress
from inceptionkit.text import duration, percent, printable

if TYPE_CHECKING:
    from inceptionkit.deployment.bulk import Bulk


_TOGETHER = 0.5  # seconds in which answers are printed together, in columns


def _print_answer(output: Output, answer: Answer | Progress | Bulk | str) -> None:
    """Print one answer as it comes; or how far a table is, what was written, and who answers."""
    if not isinstance(answer, Answer):
        _print_table(output, answer)
    elif output.json_only:
        print_json(answer.to_json())
    elif answer.prediction is None:
        complain(f"{answer.path}: {answer.error}")
    elif not output.quiet:
        if not output.rows.waiting:
            output.rows.since = monotonic()
        output.rows.waiting.append(answer)
        if monotonic() - output.rows.since > _TOGETHER:
            _print_rows(output)


def _print_rows(output: Output, result: PredictResult | None = None) -> None:
    """Print the answers that wait, in columns; at the end also what is true of all."""
    rows, state = [], output.rows
    for answer in state.waiting:
        found = answer.prediction
        labels = found.top if output.given.get("top") else found.top[:1]
        cells = [word for label, p in labels for word in (printable(label), f"{percent(p):>7}")]
        cells[1] += " ?" if answer.unsure else "  "
        rows.append([answer.path, *cells, "" if found.exit == "main" else found.exit])
    state.widths += [0] * (max(map(len, rows), default=0) - len(state.widths))
    for row in rows:
        state.widths[:] = map(max, state.widths, map(len, row))
    for row in rows:
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, state.widths, strict=True))
        typer.echo(line.rstrip())
    state.waiting.clear()
    answers = () if result is None else result.answers
    times = [one.prediction.ms for one in answers if one.prediction]
    if times and not (output.quiet or output.json_only):
        unsure = sum(answer.unsure for answer in answers)
        asked = output.given["unsure_below"]
        below = UNSURE_BELOW if asked is None else asked
        marked = f"; ? marks {unsure:,} below {below:.0%} confidence"
        count = f"{len(times):,} image{'s' * (len(times) != 1)}"
        typer.echo(f"{count}, {fmean(times):.1f} ms each{marked * bool(unsure)}", err=True)
        if output.given["draw"] is not None:
            copies = "copy" if len(times) == 1 else "copies"
            said = f"drew    {len(times):,} {copies} in {output.given['draw']}"
            typer.echo(printable(said), err=True)


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
    last=_print_rows,
)
