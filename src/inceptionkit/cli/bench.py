"""`inceptionkit bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inceptionkit.cli.options import Json, Quiet


def bench(  # noqa: PLR0913 - the options of the verb
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Folder of a run, a model or an exported model; or an architecture, as "
            "`inceptionkit list` names it, with its first weights.",
        ),
    ],
    *,
    data: Annotated[
        str | None,
        typer.Option(help="The labelled images it was trained on: adds top-1, and teaches int8."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Images to answer if there is no --data; else digits.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads of every engine; else one for each core.", min=1)
    ] = None,
    ours: Annotated[
        bool, typer.Option("--ours", help="Leave out what others make of the same network.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Time every way to run a network, in turn: ours, and the same network as others run it.

    Example: inceptionkit bench runs/photos-compact-001 --data photos/
    """
    from inceptionkit.api.bench import bench as run
    from inceptionkit.cli.console import listener, print_json
    from inceptionkit.cli.speeds import print_bench

    with listener(quiet=quiet, as_json=as_json) as heard:
        found = run(
            model, data=data, images=images, threads=threads, others=not ours, listener=heard
        )
    if as_json:
        print_json(found.to_json())
    elif not quiet:
        print_bench(found, model)
