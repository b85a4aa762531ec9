"""`inception export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inception.cli.options import Json, Model, Quiet


def export(  # noqa: PLR0913 - the options of the verb
    model: Model,
    *,
    to: Annotated[
        str,
        typer.Option(help="openvino, onnx or torch; ovms or triton for a server's repository."),
    ] = "openvino",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the exported model; else beside the model.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="fp32, bf16 or int8 (the last two with openvino).")
    ] = "fp32",
    exits: Annotated[
        bool, typer.Option("--exits", help="Cut it at its exits, so that it can stop there.")
    ] = False,
    resize: Annotated[
        bool,
        typer.Option("--resize", help="Let the graph resize too: images of any size go in."),
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(help="Images on which it is compared with the trained model; else digits."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="The images it was trained on, which int8 needs.")
    ] = None,
    max_drop: Annotated[
        float, typer.Option(help="Points of top-1 that int8 may lose.", min=0.0, max=100.0)
    ] = 0.3,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write a trained model as a graph that other engines run, checked on real images.

    Example: inception export runs/photos-compact-001 --to onnx
    """
    from inception.cli.console import console, listener, print_json
    from inception.cli.words import bytes_said
    from inception.workflow.export import export as run
    from inception.workflow.export import wanted

    asked = wanted(to, precision, exits=exits, most=max_drop / 100, resize=resize)
    place = out or Path(f"{model}-{to}")
    with listener(quiet=quiet, as_json=as_json) as heard:
        found = run(model, place, asked=asked, images=images, data=data, listener=heard)
    if as_json:
        print_json(found)
    elif not quiet:
        page = console()
        page.print(f"model   {place} ({bytes_said(found['bytes'])})", markup=False)
        page.print(f"next    inception predict {place} IMAGE...", markup=False)
