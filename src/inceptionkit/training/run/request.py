"""What the user asks of `train`, checked before an image is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inceptionkit.derive.design.budget import parse as parse_cost
from inceptionkit.errors import RecipeError
from inceptionkit.spec import Net
from inceptionkit.training import recipes as cookbook
from inceptionkit.training.budget import Budget, parse_budget
from inceptionkit.training.recipe import Recipe, override


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user wants, as `train` takes it."""

    data: str | Path
    architecture: str | Net | None
    input: int | None
    model: str | Path | None
    costs: Sequence[str]
    exits: Sequence[str] | None
    pooled_exits: bool
    recipe: cookbook.Found
    settings: Sequence[str]
    budget: Budget | None
    seed: int
    precision: str
    device: str
    strict: bool
    workers: int
    find_lr: bool
    track: bool


def check_asked(asked: Asked) -> None:
    """Tell misspelt settings, costs that are none, and what excludes something else.

    No image was read yet.
    """
    override(asked.recipe.recipe, asked.settings)
    for text in asked.costs:
        parse_cost(text)
    keys = {setting.partition("=")[0] for setting in asked.settings}
    if asked.find_lr and "lr" in keys:
        msg = "lr and --find-lr both decide the learning rate; leave one out"
        raise RecipeError(msg)
    if asked.model is not None:
        for option, given in (("--arch", asked.architecture), ("--cost", asked.costs)):
            if given:
                msg = f"--from {asked.model} brings its architecture; leave {option} out"
                raise RecipeError(msg)
        if "pixel_std" in keys:
            msg = f"--from {asked.model} brings its preprocessing; leave pixel_std out"
            raise RecipeError(msg)


def check_seed(seed: int) -> None:
    """Refuse a seed that torch's generator does not take."""
    if not 0 <= seed < 2**63:
        msg = f"a seed must lie between 0 and 2^63 - 1, got {seed}"
        raise RecipeError(msg)


def wanted_recipe(recipe: str | Recipe | None, model: str | Path | None) -> cookbook.Found:
    """The recipe, however it was given."""
    if isinstance(recipe, Recipe):
        return cookbook.Found(recipe)
    return cookbook.find(recipe or ("modern" if model is None else "finetune"))


def wanted_budget(budget: str | None, epochs: int | None) -> Budget | None:
    """The budget, however it was given.

    Raises:
        RecipeError: it was given twice, or is none.
    """
    if budget is not None and epochs is not None:
        msg = f"a run has one budget, got --budget {budget} and --epochs {epochs}; choose one"
        raise RecipeError(msg)
    if epochs is not None:
        return parse_budget(f"{epochs}epochs")
    return None if budget is None else parse_budget(budget)
