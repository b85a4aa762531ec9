"""Printing what `inceptionkit describe` shows on request: the paper, the paths, the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inceptionkit.cli.console import print_line, print_table, print_text
from inceptionkit.text import percent

if TYPE_CHECKING:
    from inceptionkit.derive.describe import PaperRow, PaperTable
    from inceptionkit.derive.paths import PathCost
    from inceptionkit.derive.rules import Finding

COUNTS = ("weights", "MACs")  # columns of large numbers, which papers round
_ALWAYS = ("window", "input", "output", *COUNTS)  # columns that are shown though nothing differs


def print_paper(name: str, table: PaperTable) -> None:
    """Print the rows, why they differ, and the notes."""
    rows = table.rows
    differing = {column for row in rows for column in row.differs}
    shown = [column for column in table.columns if column in {*_ALWAYS, *differing}]
    rounded = [column for column in COUNTS if any(column in row.printed for row in rows)]
    notes = list(dict.fromkeys(row.note for row in rows if not row.agrees))
    heads = [head for column in shown for head in _heads_of(column, rounded)]
    print_table(
        ("row", *heads, "why"),
        [
            (
                row.name,
                *(cell for column in shown for cell in _cells_of(row, column, rounded)),
                "" if row.agrees else f"[{notes.index(row.note) + 1}]",
            )
            for row in rows
        ],
        left=(0, *(i for i, head in enumerate(heads, 1) if head not in {*COUNTS, "printed"})),
        title=f"{name} beside {table.source}",
    )
    if same := [column for column in table.columns if column not in shown]:
        print_text(f"Widths as printed in every row: {', '.join(same)}.")
    if notes:
        print_text("≠ stands between ours and what is printed.")
    for number, note in enumerate(notes, 1):
        print_text(f"[{number}] {note}")
    for note in table.notes:
        print_text(f"Note: {note}.")


def _heads_of(column: str, rounded: Sequence[str]) -> tuple[str, ...]:
    """A rounded count has a column of its own for what is printed."""
    return (column, "printed") if column in rounded else (column,)


def _cells_of(row: PaperRow, column: str, rounded: Sequence[str]) -> tuple[str, ...]:
    """Ours, and what is printed where it differs or is rounded."""
    ours, printed = row.ours.get(column, ""), row.printed.get(column, "")
    differs = column in row.differs
    if column not in COUNTS:
        return (f"{ours} ≠ {printed}" if differs else f"{ours}",)
    count = f"{ours:,}" if isinstance(ours, int) and ours else ""
    return (count, f"≠ {printed}" if differs else printed)[: len(_heads_of(column, rounded))]


def print_paths(name: str, paths: Sequence[PathCost]) -> None:
    """Print the share of each path."""
    if not paths:
        print_text(f"{name}: no block has parallel paths.")
        return
    print_table(
        ("block", "path", "output", "params", "share", "MACs", "share", "width"),
        [
            (
                path.block,
                path.path,
                "x".join(map(str, (path.y.channels, *path.y.size))),
                f"{path.cost.params:,}" if path.cost.params else "",
                percent(path.params_share),
                f"{path.cost.macs:,}" if path.cost.macs else "",
                percent(path.macs_share),
                percent(path.width_share),
            )
            for path in paths
        ],
        left=(0, 1, 2),
        title=f"{name}: what each path takes of its block",
    )


def print_rules(name: str, findings: Sequence[Finding]) -> None:
    """Print what the design rules say."""
    if not findings:
        print_text(f"{name}: no design rule is broken.")
        return
    print_text(f"{name}: the design rules warn, they do not forbid.")
    for rule in dict.fromkeys(finding.rule for finding in findings):
        print_line()
        print_text(f"{rule.name}: {rule.reason} ({rule.source})")
        broken = [finding for finding in findings if finding.rule == rule]
        width = max(len(finding.at) for finding in broken)
        for finding in broken:
            print_text(f"  {finding.at:<{width}}  {finding.says}")
