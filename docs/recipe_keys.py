"""The table of recipe keys, read off the dataclasses that a recipe consists of."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_args, get_origin

from inceptionkit.records import WORDS, Between, members, types_of
from inceptionkit.settings import settings_of
from inceptionkit.training.recipe import LABELS, Recipe

ALSO = {
    "beta1": "decay of the mean gradient",
    "beta2": "decay of the mean square",
    "crop": "which part of an image a step sees",
    "decay_epochs": "epochs of the recipe for one factor",
    "ema_decay": "share of itself that the average keeps at a step",
    "ema_horizon": "share of the run that the average remembers",
    "interpolation": "how a crop is resized",
    "milestones": "epochs of the recipe at which the factor applies",
    "momentum": "share of its velocity that a weight keeps at a step",
    "nesterov": "whether the gradient is taken ahead, where the velocity leads",
    "policy": "how colors and shapes are varied",
    "polyak_share": "share of the run, at its end, that is averaged",
    "sgd_momentum": "momentum of the rest",
    "strength": "largest change of brightness, contrast and saturation",
    "flip": "left and right",
}  # where the class leaves it to its name


def meanings(kind: type) -> dict[str, str]:
    """Field -> what its class says of it, in the docstring or in the comment beside it."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__[:-1]):
        source = inspect.getsource(one)
        found |= dict(re.findall(r"^    (\w+): [^\n]*?  # (.+)$", source, re.MULTILINE))
        _, _, stated = (inspect.getdoc(one) or "").partition("Attributes:")
        stated = stated.partition("Sources:")[0]
        for name, says in re.findall(r"^    (\w+): (.+(?:\n        .+)*)", stated, re.MULTILINE):
            found[name] = " ".join(says.split())
    return found


def limits(hint: Any) -> str:  # noqa: ANN401 - a type
    """The limits of a number."""
    if isinstance(getattr(hint, "__metadata__", ("",))[0], Between):
        return f"{hint.__metadata__[0].low:g} to {hint.__metadata__[0].high:,.9g}"
    return next(filter(None, map(limits, get_args(hint))), "")


def values(hint: Any, owner: type) -> str:  # noqa: ANN401 - a type
    """What may stand behind the equals sign."""
    words = []
    for kind in members(hint, owner):
        if kind is type(None):
            words.append("`none`")
        elif hasattr(kind, "TAG"):
            words.append(f"`{kind.TAG}`")
        elif choices := [one for one in get_args(kind) if isinstance(one, str)]:
            words += [f"`{one}`" for one in choices]
        else:
            word = "numbers" if get_origin(kind) is tuple else WORDS[kind]
            words.append(f"{word} {limits(hint)}" if limits(hint) else word)
    return ", ".join(words)


def rows(kind: type, path: tuple[str, ...] = (), tag: str = "") -> Iterator[tuple[str, ...]]:
    """Key, values, default and meaning of every field, with those within it."""
    known, says = settings_of(Recipe), meanings(kind)
    for field in fields(kind):
        hint, here = types_of(kind)[field.name], (*path, field.name)
        if here[0] in LABELS:
            continue
        parts = [one for one in members(hint, kind) if is_dataclass(one)]
        if not parts or any(hasattr(one, "TAG") for one in parts):
            last = known.get(field.name)
            key = field.name if last and last.path == here else ".".join(here)
            default = "" if field.default is MISSING else shown(field.default)
            meaning = ALSO.get(field.name) or says.get(field.name, "")
            yield key, tag, values(hint, kind), default, meaning.rstrip(".")
        for one in parts:
            name = getattr(one, "TAG", None)
            yield from rows(one, here, f"{field.name}={name}" if name else tag)


def shown(value: object) -> str:
    """A default as one types it."""
    if is_dataclass(value):
        return f"`{value.TAG}`"
    return f"`{str(value).lower() if value is None or isinstance(value, bool) else value}`"


def table() -> str:
    """All keys, as a table in Markdown."""
    merged: dict[tuple[str, ...], list[str]] = {}
    for key, tag, *rest in rows(Recipe):
        merged.setdefault((key, *rest), []).append(tag)
    lines = ["| key | only with | values | default | |", "|---|---|---|---|---|"]
    for (key, *rest), tags in merged.items():
        choice = tags[0].partition("=")[0]
        names = ", ".join(tag.partition("=")[2] for tag in tags)
        only = f"`{choice}=` {names}" if choice else ""
        lines.append(f"| `{key}` | {only} | {' | '.join(rest)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
