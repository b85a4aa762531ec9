"""Printing `inceptionkit predict`."""

from __future__ import annotations

import typer

from inceptionkit.api.predict import Answer, predict
from inceptionkit.cli.command import Command, Output
from inceptionkit.cli.console import complain, print_json
from inceptionkit.text import duration, percent, printable


def _print_answer(output: Output, answer: Answer) -> None:
    """Print one answer as it comes."""
    if output.json_only:
        print_json(answer.to_json())
    elif answer.prediction is None:
        complain(f"{answer.path}: {answer.error}")
    elif not output.quiet:
        found = answer.prediction
        where = "" if found.exit == "main" else f"  (exit {found.exit})"
        line = f"{answer.path}  {found.label}  {percent(found.probability)}  "
        typer.echo(printable(f"{line}{duration(found.ms / 1e3)}{where}"))


PREDICT = Command(
    predict,
    None,
    (
        "inceptionkit predict runs/photos-001 rose.jpg",
        "inceptionkit predict runs/photos-001 new/ --early-exit --json",
    ),
    each=_print_answer,
)
