"""Printing `inceptionkit report`."""

from __future__ import annotations

from inceptionkit.api.report import ReportResult, report
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_line


def _print_page(result: ReportResult) -> None:
    """Print where the page is."""
    print_line(result.page)


REPORT = Command(
    report,
    _print_page,
    ("inceptionkit report runs/photos-001", "inceptionkit report runs/photos-001 --json"),
    group="Train",
)
