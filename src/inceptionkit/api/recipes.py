"""`recipes`: the recipes that ship, and one with other settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit import records
from inceptionkit.arguments import SETTINGS
from inceptionkit.options import Argument, verb
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.training.recipe import Recipe


@dataclass(frozen=True)
class RecipesRequest:
    """Which recipe, and what to change of it."""

    name: Annotated[
        str | None, Argument("Recipe, or its .json file.", "RECIPE", default="all are listed")
    ] = None
    settings: Annotated[Sequence[str], SETTINGS] = ()


@dataclass(frozen=True, repr=False)
class RecipesResult(Result):
    """Recipes.

    Attributes:
        recipes: all that ship, or the one that was asked for.
        listed: whether they are all.
    """

    recipes: tuple[Recipe, ...]
    listed: bool

    def to_json(self) -> dict[str, Any]:
        """What `recipes --json` prints: the list, or the one recipe as `train` reads it."""
        rows = [records.to_json(recipe) for recipe in self.recipes]
        return {"recipes": rows} if self.listed else rows[0]

    def _repr_html_(self) -> str:
        return table(("recipe", "source"), [(one.name, one.source) for one in self.recipes])


@verb(RecipesRequest)
def recipes(request: RecipesRequest) -> RecipesResult:
    """List the recipes, or print one as JSON that `train --recipe FILE` reads.

    Raises:
        UnknownNameError: there is no such recipe or setting.
        RecipeError: a setting has a wrong value.
    """
    from inceptionkit.training.recipe import override
    from inceptionkit.training.recipes import RECIPES, find

    if request.name is None:
        return RecipesResult(tuple(RECIPES.values()), listed=True)
    recipe = override(find(request.name).recipe, request.settings)
    return RecipesResult((recipe,), listed=False)
