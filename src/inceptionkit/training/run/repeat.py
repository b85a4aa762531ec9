"""The command that makes a run again."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path
from typing import get_args

from inceptionkit.catalog import find
from inceptionkit.errors import InceptionError, SpecError
from inceptionkit.settings import values
from inceptionkit.spec import Net, with_exits
from inceptionkit.training import recipe as recipes
from inceptionkit.training.budget import Budget, Epochs, Time, Work
from inceptionkit.training.recipes import RECIPES
from inceptionkit.training.run.initial_weights import InitialWeights, choose_start
from inceptionkit.training.run.record import FILE, Record
from inceptionkit.training.run.request import FIRST_WEIGHTS


def repeat(folder: Path, record: Record) -> str:
    """The command that makes the same run: what was chosen is spelt out."""
    name = record.recipe.name if record.recipe.name in RECIPES else recipes.MODERN.name
    words = ["inceptionkit", "train", record.data["address"], *_settings(record, RECIPES[name])]
    words += ["--recipe", name, *limit(record.budget)]
    words += ["--input", str(record.architecture.image[1]), *network(folder, record)]
    words += [] if record.request.precision == "auto" else ["--precision", record.request.precision]
    split = record.request.split_seed
    words += ["--seed", str(record.request.seed), *(["--split-seed", str(split)] if split else [])]
    return shlex.join([*words, *reading(record)])


def reading(record: Record) -> list[str]:
    """The options that say which columns and which classes of the data count."""
    asked = record.request
    only = ",".join(_field(name) for name in record.data["classes"])
    given = {
        "--classes": None if asked.classes is None else only,
        "--image-column": asked.image_column,
        "--label-column": asked.label_column,
    }
    return [word for flag, value in given.items() if value for word in (flag, value)]


def _field(name: str) -> str:
    """A name among others with commas between them."""
    return f'"{name}"' if "," in name else name


def _settings(record: Record, base: recipes.Recipe) -> list[str]:
    """What turns `base` into the recipe of a run, whatever would be chosen for the images."""
    recipe = record.recipe
    ours, theirs = values(recipe), values(base)
    adapted = [key for key in get_args(recipes.AdaptedKey) if key in ours]
    same = [f"{key}={ours[key]}" for key in adapted if ours[key] == theirs.get(key)]
    brought = {"pixel_std", *FIRST_WEIGHTS} if record.start else set[str]()  # by the model
    words = [*recipes.settings(recipe, base), *same]
    return [word for word in words if word.partition("=")[0] not in brought]


def network(folder: Path, record: Record) -> list[str]:
    """The options that give the network of a run: its name, or its record where that says less."""
    net = record.architecture
    after = [exit_.after for exit_ in net.exits]
    exits = ["--exits", ",".join(after) or "none"]
    if record.start is not None:
        classes = tuple(record.data["classes"])
        return ["--from", record.start.model, *exits, *_pooled(record.start, net, classes)]
    with suppress(InceptionError):  # no such name, or no such block in the network of that name
        own = find(net.name, classes=len(record.data["classes"]), side=net.image[1])
        if own == net:
            return ["--arch", net.name]
        if with_exits(own, after) == net:
            return ["--arch", net.name, *exits]
    return ["--arch", str(folder / FILE)]


def _pooled(start: InitialWeights, net: Net, classes: tuple[str, ...]) -> list[str]:
    """The option that lets exits average over the whole grid, where those of the model did not."""
    after = [exit_.after for exit_ in net.exits]
    try:
        one, _, _ = choose_start(start.model, net.image[1], after, classes=classes)
    except SpecError:  # such exits have no room at this input
        return ["--pooled-exits"]
    except InceptionError:  # the model is gone, and the command with it
        return []
    return [] if one.net == net else ["--pooled-exits"]


def limit(budget: Budget) -> list[str]:
    """The option that gives this budget."""
    match budget:
        case Time(seconds):
            return ["--budget", f"{seconds:.12g}s"]
        case Work(flop):
            return ["--budget", f"{flop:.17g}flop"]
        case Epochs(epochs):
            return ["--epochs", str(epochs)]
