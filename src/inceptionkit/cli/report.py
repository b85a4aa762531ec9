"""Printing `inceptionkit report`."""

from __future__ import annotations

import typer

from inceptionkit.api.report import ReportResult, report
from inceptionkit.cli.command import Command


def _print_page(result: ReportResult) -> None:
    """Print where the page is."""
    typer.echo(result.page)


REPORT = Command(report, _print_page, ("inceptionkit report runs/photos-001",))
