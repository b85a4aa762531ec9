"""`inceptionkit explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inceptionkit.cli.options import Json, Model


def explain(  # noqa: PLR0913 - the options of the verb
    model: Model,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Images, and folders of images.")
    ],
    by: Annotated[
        str,
        typer.Option(
            help="cam: class activation maps, exact where the head averages and then classifies; "
            "gradcam; or occlusion, which is slow."
        ),
    ] = "cam",
    exits: Annotated[
        str | None, typer.Option(metavar="EXIT,...", help="Of these exits alone; main is one.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--class", help="Evidence for this class; else for what main says."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE.png", help="Where to draw.")] = Path(
        "explained.png"
    ),
    *,
    as_json: Json = False,
) -> None:
    """Show where in images a model sees what it says: every exit side by side, an image a row."""
    from inceptionkit.api.explain import explain as draw
    from inceptionkit.cli.console import complain, print_json

    names = [name.strip() for name in exits.split(",")] if exits else ()
    failed, pictures = False, []
    for found in draw(model, paths, way=by, exits=names, label=label, out=out):
        failed = failed or found.error is not None
        if as_json:
            print_json(found.as_json())
        elif found.error is not None:
            complain(f"{found.path}: {found.error}")
        if found.picture is not None and found.picture not in pictures:
            pictures.append(found.picture)
    if not as_json:
        for picture in pictures:
            typer.echo(picture)
    if failed:
        raise typer.Exit(2)
