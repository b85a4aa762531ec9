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
    method: Annotated[
        str,
        typer.Option(
            help="cam: class activation maps, exact where the head averages and then classifies; "
            "gradcam; or occlusion, which is slow."
        ),
    ] = "cam",
    exits: Annotated[
        str | None,
        typer.Option(metavar="EXIT,...", help="Exits to explain, main among them (default: all)."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--class", help="Class to explain (default: the one that main predicts)."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE.png", help="PNG file to write.")] = Path(
        "explained.png"
    ),
    *,
    as_json: Json = False,
) -> None:
    """Draw heat maps of the image regions behind each prediction.

    One row per image, one column per exit. Example: inceptionkit explain RUN rose.jpg
    """
    from inceptionkit.api.explain import explain as draw
    from inceptionkit.cli.console import complain, print_json

    names = [name.strip() for name in exits.split(",")] if exits else ()
    failed, pictures = False, []
    for found in draw(model, paths, method=method, exits=names, class_=label, out=out):
        failed = failed or found.error is not None
        if as_json:
            print_json(found.to_json())
        elif found.error is not None:
            complain(f"{found.path}: {found.error}")
        if found.picture is not None and found.picture not in pictures:
            pictures.append(found.picture)
    if not as_json:
        for picture in pictures:
            typer.echo(picture)
    if failed:
        raise typer.Exit(2)
