"""Printing `inceptionkit recipes`."""

from __future__ import annotations

import json

from inceptionkit.api.recipes import RecipesResult, recipes
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_line, print_table, print_text


def _print_recipes(result: RecipesResult) -> None:
    """Print a table and the sources, or one recipe as a file."""
    if not result.listed:
        for line in json.dumps(result.to_json(), indent=1).splitlines():
            print_line(line)
        return
    rows = [
        (
            r.name,
            r.optimizer.TAG,
            f"{r.optimizer.lr:g} of {r.optimizer.lr_batch}",
            r.schedule.TAG,
            str(r.epochs),
            str(r.batching.batch),
        )
        for r in result.recipes
    ]
    print_table(
        ("recipe", "optimizer", "learning rate", "schedule", "epochs", "batch"),
        rows,
        left=(0, 1, 3),
    )
    for recipe in result.recipes:
        print_text(f"{recipe.name}: {recipe.source}")
        for sentence in recipe.departs:
            print_text(f"  differs: {sentence}")
    print_line("next    inceptionkit train DATA --recipe NAME [KEY=VALUE ...]")


RECIPES = Command(
    recipes,
    _print_recipes,
    ("inceptionkit recipes", "inceptionkit recipes googlenet_2014 lr=0.02 > mine.json"),
    group="Train",
)
