"""Printing `inceptionkit compare`."""

from __future__ import annotations

import typer

from inceptionkit.api.compare import CompareResult, compare
from inceptionkit.cli.command import Command


def _print_compared(result: CompareResult) -> None:
    """Print where the page is."""
    typer.echo(result.page)


COMPARE = Command(
    compare, _print_compared, ("inceptionkit compare runs/photos-001 runs/photos-002",)
)
