"""Printing `inceptionkit compare`."""

from __future__ import annotations

from inceptionkit.api.compare import CompareResult, compare
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_entry, print_line, print_table
from inceptionkit.text import DASH, duration, percent, points, quantity

_SHORT = 20  # letters of a name that has room in the head of a column


def _print_compared(result: CompareResult) -> None:
    """Print the runs beside each other, what differs between them, and where the page is."""
    first, runs = result.comparison.runs[0], result.comparison.runs
    rows = []
    for run in runs:
        paired = result.comparison.against_first.get(str(run.folder))
        gain = paired and paired.difference
        against = f"{points(gain.mean)} ({points(gain.low)} to {points(gain.high)})" if gain else ""
        rows.append(
            (
                run.folder.name,
                percent(run.result["top1"]),
                against,
                quantity(run.cost.without_exits.params),
                quantity(run.cost.without_exits.macs),
                duration(run.result["seconds"]),
            )
        )
    versus = f"points against {first.folder.name}" if len(rows[0][0]) < _SHORT else "points"
    print_table(("run", "top-1", versus, "params", "MACs", "training"), rows)
    for name, values in result.comparison.differences.items():
        print_entry("differs", "bold", f"{name}: {' | '.join(v or DASH for v in values)}")
    print_line(f"page    {result.page}")


COMPARE = Command(
    compare,
    _print_compared,
    (
        "inceptionkit compare runs/photos-001 runs/photos-002",
        "inceptionkit compare runs/photos-001 runs/photos-002 --out both.html",
    ),
    group="Train",
)
