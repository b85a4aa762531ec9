"""`inceptionkit compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inceptionkit.cli.options import Json


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Folders of finished runs, two or more.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="The page.")] = Path(
        "compare.html"
    ),
    *,
    as_json: Json = False,
) -> None:
    """Write one page for several runs: results, what differs in their recipes, curves, classes."""
    from inceptionkit.api.compare import compare as write
    from inceptionkit.cli.console import print_json

    found = write(runs, out)
    if as_json:
        print_json(found.as_json())
    else:
        typer.echo(found.page)
