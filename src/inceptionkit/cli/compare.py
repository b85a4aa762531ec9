"""Printing `inceptionkit compare`."""

from __future__ import annotations

from inceptionkit.api.compare import CompareResult, compare
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_line


def _print_compared(result: CompareResult) -> None:
    """Print where the page is."""
    print_line(result.page)


COMPARE = Command(
    compare,
    _print_compared,
    ("inceptionkit compare runs/photos-001 runs/photos-002",),
    group="Train",
)
