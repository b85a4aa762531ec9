"""What `inception describe` shows on request: the paper, the paths, the rules, a drawing.

Each function reads the network at once, and returns what machines read and what prints it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from inception.cli.console import print_table
from inception.cli.words import percent

if TYPE_CHECKING:
    from inception.spec import Net

Show = Callable[[], None]


def paper(net: Net) -> tuple[dict[str, Any], Show]:
    """Our rows beside the paper's."""
    from inception.workflow.readings import paper_as_json

    read = paper_as_json(net)
    notes = list(dict.fromkeys(row["note"] for row in read["rows"] if not row["agrees"]))

    def mark(row: dict[str, Any]) -> str:
        return "" if row["agrees"] else f"[{notes.index(row['note']) + 1}]"

    def show() -> None:
        print_table(
            ("row", "output", "weights", "printed", "MACs", "printed", "differs"),
            [
                (
                    row["name"],
                    "x".join(map(str, row["out"])),
                    f"{row['weights']:,}" if row["weights"] else "",
                    row["printed_params"],
                    f"{row['macs']:,}" if row["macs"] else "",
                    row["printed_macs"],
                    mark(row),
                )
                for row in read["rows"]
            ],
            left=(0, 1, 6),
            title=f"{net.name} beside {read['source']}",
        )
        for i, note in enumerate(notes):
            typer.echo(f"[{i + 1}] {note or 'unexplained'}")
        for note in read["notes"]:
            typer.echo(f"Note: {note}.")

    return read, show


def per_path(net: Net) -> tuple[list[dict[str, Any]], Show]:
    """The share of each path."""
    from inception.workflow.readings import paths_as_json

    rows = paths_as_json(net)

    def show() -> None:
        if not rows:
            typer.echo(f"{net.name}: no block has parallel paths.")
            return
        print_table(
            ("block", "path", "output", "params", "share", "MACs", "share", "of the width"),
            [
                (
                    row["block"],
                    row["path"],
                    "x".join(map(str, row["out"])),
                    f"{row['params']:,}" if row["params"] else "",
                    percent(row["params_share"]),
                    f"{row['macs']:,}" if row["macs"] else "",
                    percent(row["macs_share"]),
                    percent(row["width_share"]),
                )
                for row in rows
            ],
            left=(0, 1, 2),
            title=f"{net.name}: what each path takes of its block",
        )

    return rows, show


def rules(net: Net) -> tuple[list[dict[str, Any]], Show]:
    """What the design rules say."""
    from inception.workflow.readings import rules_as_json

    found = rules_as_json(net)

    def show() -> None:
        if not found:
            typer.echo(f"{net.name}: no design rule has anything to say.")
            return
        typer.echo(f"{net.name}: the design rules warn, they do not forbid.")
        for name in dict.fromkeys(row["rule"] for row in found):
            rows = [row for row in found if row["rule"] == name]
            typer.echo(f"\n{name}: {rows[0]['reason']} ({rows[0]['source']})")
            width = max(len(row["at"]) for row in rows)
            for row in rows:
                typer.echo(f"  {row['at']:<{width}}  {row['says']}")

    return found, show


def draw(net: Net, path: Path, *, paths: bool, flow: str, theme: str) -> tuple[str, Show]:
    """Write a drawing."""
    from inception.workflow.readings import draw_into

    written = draw_into(net, path, paths=paths, flow=flow, theme=theme)
    return str(written), lambda: typer.echo(f"wrote {written}")
