"""`inceptionkit export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inceptionkit.cli.options import Json, Model, Quiet

if TYPE_CHECKING:
    from inceptionkit.deployment.export import ExportOptions
    from inceptionkit.progress import Listener


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
        str | None,
        typer.Option(
            help="The images it was trained on, which int8, --variants and --fastest need."
        ),
    ] = None,
    max_drop: Annotated[
        float,
        typer.Option(help="Points of top-1 that int8, or the fastest, may lose.", min=0.0, max=100),
    ] = 0.3,
    variants: Annotated[
        bool,
        typer.Option(
            "--variants", help="Write fp32, bf16 and int8 side by side, and measure them here."
        ),
    ] = False,
    fastest: Annotated[
        bool,
        typer.Option(
            "--fastest", help="Measure fp32, bf16 and int8 here, and write the fastest of them."
        ),
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write a trained model as a graph that other engines run, checked on real images.

    Example: inceptionkit export runs/photos-compact-001 --to onnx
    """
    from inceptionkit.api.export import export as run
    from inceptionkit.cli.console import console, listener, print_json
    from inceptionkit.cli.speeds import print_variants
    from inceptionkit.convert.registry import beside
    from inceptionkit.deployment.export import parse_export_options
    from inceptionkit.text import size

    options = parse_export_options(
        to, precision, exits=exits, max_drop=max_drop / 100, resize=resize
    )
    if variants or fastest:
        refuse_one_precision(to, precision, both=variants and fastest)
    place = out or beside(model, "variants" if variants else to)
    with listener(quiet=quiet, as_json=as_json) as heard:
        if variants or fastest:
            found = in_every_precision(model, place, options, images, data, heard, fastest=fastest)
        else:
            found = run(model, place, options=options, images=images, data=data, listener=heard)
    if as_json:
        print_json(found)
        return
    if quiet:
        return
    if "rows" in found:
        print_variants(found)
    page = console()
    if "why" in found:
        page.print(found["why"], markup=False)
    said = "" if variants else f" ({size(found['bytes'])})"
    page.print(f"model   {place}{said}", markup=False)
    used = f"{place}/fp32" if variants else place
    page.print(f"next    inceptionkit predict {used} IMAGE...", markup=False)


def refuse_one_precision(to: str, precision: str, *, both: bool) -> None:
    """Refuse to measure all precisions and yet want one, or a graph that has but one."""
    if both:
        msg = "--variants writes all precisions and --fastest one; choose one of the two"
    elif to != "openvino" or precision != "fp32":
        msg = "--variants and --fastest try all precisions with openvino; leave --to and "
        msg += "--precision out"
    else:
        return
    raise typer.BadParameter(msg)


def in_every_precision(  # noqa: PLR0913 - as many as the verb's own
    model: Path,
    place: Path,
    options: ExportOptions,
    images: Path | None,
    data: str | None,
    heard: Listener,
    *,
    fastest: bool,
) -> dict[str, Any]:
    """Measure all precisions, and write all or the fastest."""
    from inceptionkit.deployment.files import free_place
    from inceptionkit.deployment.variants import (
        free_places,
        make_variants,
        write_fastest,
        write_variants,
    )

    (free_place if fastest else free_places)(place)
    variants = make_variants(model, data, options, images, heard)
    if fastest:
        return write_fastest(variants, options.max_drop, place)
    return write_variants(variants, place)
