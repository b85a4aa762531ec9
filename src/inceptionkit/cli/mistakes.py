"""What was mistyped, in one sentence with the right spelling: the parser's errors, in our voice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from typer.core import TyperArgument, TyperGroup

from inceptionkit.cli.help import usage
from inceptionkit.errors import did_you_mean

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "--pretrained": ("--from MODEL", "--arch"),
    "--weights": ("--from MODEL",),
    "--checkpoint": ("--from MODEL",),
    "--init": ("--from MODEL",),
    "--finetune": ("--from MODEL",),
    "--format": ("--to KIND",),
    "--include": ("--to KIND",),
    "--target": ("--to KIND",),
    "--name": ("--out",),
    "--output": ("--out",),
    "--output-dir": ("--out",),
    "--save-dir": ("--out",),
    "--project": ("--out",),
    "-o": ("--out",),
    "--model": ("--arch",),
    "--network": ("--arch",),
    "--batch-size": ("--batch",),
    "--img": ("--input",),
    "--imgsz": ("--input",),
    "--img-size": ("--input",),
    "--image-size": ("--input",),
    "--resolution": ("--input",),
    "--size": ("--input",),
    "--num-workers": ("--workers",),
    "--jobs": ("--workers",),
    "--amp": ("--precision bf16",),
    "--bf16": ("--precision bf16",),
    "--fp16": ("--precision fp16",),
    "--half": ("--precision bf16",),
    "--gpu": ("--device cuda",),
    "--cuda": ("--device cuda",),
    "--cpu": ("--device cpu",),
    "--time": ("--budget 10min",),
    "--max-time": ("--budget 10min",),
    "--minutes": ("--budget 10min",),
    "--logger": ("--track",),
    "--tensorboard": ("--track tensorboard",),
    "--wandb": ("--track wandb",),
    "--mlflow": ("--track mlflow",),
    "--topk": ("--top",),
    "--top-k": ("--top",),
    "-k": ("--top",),
    "--threshold": ("--score", "--early-exit", "--unsure-below"),
    "--conf": ("--score", "--unsure-below"),
    "--conf-thres": ("--score",),
    "--iou": ("--score",),
    "--save": ("--out",),
}
"""How others spell an option -> how we do, the first that a verb has."""

_ARGUMENTS = {
    "--data": "DATA",
    "--dataset": "DATA",
    "--source": "PATH",
    "--images": "PATH",
    "--image": "PATH",
    "--model": "MODEL",
    "--weights": "MODEL",
    "--run": "RUN",
}  # options of others that are arguments here, of a verb that has such
_VERBS = {
    "inceptionkit train --resume": "inceptionkit resume RUN",
    "inceptionkit train --export": "inceptionkit export RUN --to onnx",
    "inceptionkit detect train --resume": "inceptionkit detect resume RUN",
    "inceptionkit detect train --export": "inceptionkit detect export RUN DATA",
}
_SAME = {
    "batch_size": "batch",
    "learning_rate": "lr",
    "learning-rate": "lr",
    "wd": "weight_decay",
    "lr0": "lr",
}


def explain_mistake(error: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401 - typer's kinds
    """One sentence for what the parser refused; None if it is no mistake of a user's.

    Args:
        error: what typer raised.
        words: that were typed.
    """
    kind, context = type(error).__name__, getattr(error, "ctx", None)
    match kind:
        case "NoSuchOption":
            return _unknown_option(error.option_name, context)
        case "MissingParameter":
            return _missing(error.param, context, words)
        case "BadParameter" if error.param is not None:
            return _bad_value(error, words)
        case "BadOptionUsage":
            verb = " ".join(words[: 2 if words[0] == "detect" else 1])
            return f"{error.option_name} needs a value; see inceptionkit {verb} --help"
        case "UsageError" if context is not None:
            return _misused(str(error.message), context)
    return str(error.format_message()) if hasattr(error, "format_message") else None


def _misused(message: str, context: Any) -> str:  # noqa: ANN401
    """A verb that does not exist, or a word too many."""
    if (found := re.match(r"No such command '(.*?)'\.", message)) is not None:
        verbs = [name for name, one in context.command.commands.items() if not one.hidden]
        return f"there is no verb {found[1]!r}; {did_you_mean(found[1], verbs)}"
    if (found := re.search(r"unexpected extra arguments?(?:\(s\))? \((.*)\)", message)) is not None:
        return f"{context.command.name} does not take {found[1]!r}; {_see(context)}"
    return f"{message.rstrip('.')}; {_see(context)}"


def _unknown_option(name: str, context: Any) -> str:  # noqa: ANN401
    """An option that the verb does not have, and the spelling of what may be meant."""
    if context is None or isinstance(context.command, TyperGroup):
        return f"there is no option {name}; {_see(context)}"
    verb, flags = context.command.name, _flags(context)
    key = name.lstrip("-").replace("-", "_")
    known = [one for one in flags if one.startswith("--")]
    for spelling in SPELLINGS.get(name, ()):
        if spelling.split()[0] in flags:
            return f"{verb} has no option {name}; did you mean {spelling}?"
    places = {_word(one) for one in _places(context)}
    if _ARGUMENTS.get(name) in places:
        place = _ARGUMENTS[name]
        return f"{verb} has no option {name}; give {place} without it: {_usage(context)}"
    if (other := _VERBS.get(f"{context.command_path} {name}")) is not None:
        return f"{verb} has no option {name}; the command for that is: {other}"
    if "KEY=VALUE" in places and (setting := _setting(key, context)) is not None:
        return f"{verb} has no option {name}; a setting is written {setting}=VALUE, without dashes"
    near = did_you_mean(name, known)
    if not near.startswith("did you mean"):
        near = _see(context)
    return f"{verb} has no option {name}; {near}"


def _setting(key: str, context: Any) -> str | None:  # noqa: ANN401
    """The setting of the verb's recipe that a word means."""
    from inceptionkit.detection.shared.recipe import DetectRecipe
    from inceptionkit.settings import settings_of
    from inceptionkit.training.recipe import Recipe

    key = _SAME.get(key, key)
    recipe = DetectRecipe if context.command_path == "inceptionkit detect train" else Recipe
    return key if key in settings_of(recipe) else None


def _missing(param: Any, context: Any, words: Sequence[str]) -> str:  # noqa: ANN401
    """An argument or an option that must be given.

    One that takes many words leaves none for the next: that one is then missing.
    """
    if not isinstance(param, TyperArgument):
        return f"{context.command.name} needs {param.opts[0]}; {_see(context)}"
    places = _places(context)
    after = [one for one in places[places.index(param) + 1 :] if one.required]
    if after and param.nargs == -1 and any(not word.startswith("-") for word in words[1:]):
        param = after[-1]
    return f"{context.command.name} needs {_word(param)}: {_usage(context)}"


def _bad_value(error: Any, words: Sequence[str]) -> str:  # noqa: ANN401
    """A value that an option does not take."""
    param, says = error.param, str(error.message)
    name = _word(param) if isinstance(param, TyperArgument) else param.opts[0]
    given = [value for flag, value in pairwise(words) if flag in param.opts]
    parts = [word.partition("=") for word in words]
    given += [value for flag, equals, value in parts if equals and flag in param.opts]
    got = f", got {given[-1]!r}" if given else ""
    if (limit := re.search(r"(greater|less) than or equal to (\S+)", says)) is not None:
        which = "at least" if limit[1] == "greater" else "at most"
        return f"{name} must be {which} {limit[2]}{got}"
    if "valid integer" in says:
        return f"{name} takes a whole number{got}"
    if "valid number" in says:
        return f"{name} takes a number{got}"
    return f"{name}: {says}"


def _places(context: Any) -> list[TyperArgument]:  # noqa: ANN401
    return [one for one in context.command.params if isinstance(one, TyperArgument)]


def _word(place: TyperArgument) -> str:
    """An argument as a sentence names it: PATH rather than [PATH ...]."""
    return (place.metavar or place.name or "").strip("[ .]")


def _flags(context: Any) -> set[str]:  # noqa: ANN401
    return {flag for one in context.command.params for flag in one.opts if flag.startswith("-")}


def _usage(context: Any) -> str:  # noqa: ANN401
    return usage(context, _places(context))


def _see(context: Any) -> str:  # noqa: ANN401
    return f"see {'inceptionkit' if context is None else context.command_path} --help"
