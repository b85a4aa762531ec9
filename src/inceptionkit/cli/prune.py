"""`inceptionkit prune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inceptionkit.cli.options import Json, Model


def prune(
    model: Model,
    at: Annotated[
        str, typer.Option(metavar="EXIT", help="Exit, or the block that it hangs after.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the new model; else beside the old one.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Cut a model at one of its exits: a smaller model, which every verb takes."""
    from inceptionkit.api.prune import prune as cut
    from inceptionkit.cli.console import print_json
    from inceptionkit.text import percent, quantity

    made = cut(model, at, out)
    if as_json:
        print_json(made.as_json())
        return
    for what, (before, after) in (("params", made.params), ("MACs", made.macs)):
        share = percent(after / before)
        typer.echo(f"{what:8}{quantity(before)} to {quantity(after)} ({share})")
    typer.echo(f"model   {made.path}")
    typer.echo(f"next    inceptionkit predict {made.path} IMAGE...")
