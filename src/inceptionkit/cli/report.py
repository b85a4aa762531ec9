"""`inceptionkit report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
) -> None:
    """Write the page of a finished run anew: one HTML file that needs nothing else."""
    from inceptionkit.report.run_page import report as write

    typer.echo(write(run))
