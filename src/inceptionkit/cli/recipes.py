"""`inceptionkit recipes`."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from inceptionkit.cli.console import print_json, print_table
from inceptionkit.cli.options import Json


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[RECIPE]", help="One of them, or a .json file; else all are listed."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Settings to change, as `train` takes them."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the recipes, or print one as JSON that `train --recipe FILE` reads back.

    Example: inceptionkit recipes googlenet_2014 lr=0.02 > mine.json
    """
    from inceptionkit.training.recipe import override, to_json
    from inceptionkit.training.recipes import RECIPES, find

    if name is not None:
        recipe = override(find(name).recipe, settings or ())
        sys.stdout.write(json.dumps(to_json(recipe), indent=1) + "\n")
        return
    if as_json:
        print_json({"recipes": [to_json(recipe) for recipe in RECIPES.values()]})
        return
    rows = [
        (r.name, r.optimiser, f"{r.lr:g} of {r.lr_batch}", r.decay, str(r.epochs), str(r.batch))
        for r in RECIPES.values()
    ]
    print_table(("recipe", "optimiser", "rate", "decay", "epochs", "batch"), rows, left=(0, 1, 3))
    for recipe in RECIPES.values():
        typer.echo(f"{recipe.name}: {recipe.source}")
        for sentence in recipe.departs:
            typer.echo(f"  differs: {sentence}")
    typer.echo("next    inceptionkit train DATA --recipe NAME [KEY=VALUE]...")
