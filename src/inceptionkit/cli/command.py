"""A command of the program, derived from a verb: its arguments, options, help and output."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import MISSING, dataclass
from functools import partial
from inspect import Parameter as Place
from inspect import Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from inceptionkit.cli.console import Output, busy, listener_for, print_json
from inceptionkit.cli.help import VerbHelp
from inceptionkit.errors import InceptionError
from inceptionkit.options import Argument, Callback, Option, Parameter, Verb, parameters, prose

OUTPUT = {
    "json_only": (("--json",), "Print JSON alone on standard output, for machines."),
    "quiet": (("--quiet", "-q"), "Print nothing but errors."),
    "verbose": (("--verbose", "-v"), "Also print how long each phase took, and every plan."),
}  # the options of every verb
HELP = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True, slots=True)
class Command:
    """A verb on the command line.

    Attributes:
        verb: what it does.
        show: prints a result for a person; None where `each` has printed all of it.
        examples: command lines that run.
        each: prints what a verb says while it works, such as one answer of many, in JSON, too.
        last: prints what is left when the verb has ended.
        also: other names of the command, which help leaves out.
        group: heading under which the program's help lists it.
        ends: whether it ends by itself, so that a terminal shows that it works.
    """

    verb: Verb[..., Any]
    show: Callable[[Any], None] | None
    examples: tuple[str, ...]
    each: Callable[[Output, Any], None] | None = None
    last: Callable[[Output, Any], None] | None = None
    also: tuple[str, ...] = ()
    group: str = "Use"
    ends: bool = True

    def add_to(self, app: typer.Typer, name: str = "") -> None:
        """Make it a command of the program, under the verb's name where no other is given."""

        def run(*, json_only: bool, quiet: bool, verbose: bool, **given: Any) -> None:  # noqa: ANN401
            self.run(Output(json_only, quiet, verbose, given), given)

        vars(run)["__signature__"] = Signature([*places(self.verb)])
        run.__annotations__ = {}
        for own in (name or self.verb.__name__, *self.also):
            app.command(
                own,
                cls=VerbHelp,
                context_settings=HELP,
                help=prose(self.verb.__doc__ or ""),
                epilog="\n".join(self.examples),
                rich_help_panel=self.group,
                hidden=own in self.also,
            )(run)

    def run(self, output: Output, given: Mapping[str, Any]) -> None:  # noqa: C901 - how a verb ends
        """Call the verb and print its result; an error may bring one, too."""
        chosen = {name: value for name, value in given.items() if value is not None}
        if self.each is not None:
            calls = (
                p.name for p in parameters(self.verb.request) if isinstance(p.stated, Callback)
            )
            chosen[next(name for name in calls if name != "listener")] = partial(self.each, output)
        try:
            if any(one.name == "listener" for one in parameters(self.verb.request)):
                with listener_for(output) as chosen["listener"]:
                    result = self.verb(**chosen)
            else:
                with busy(output) if self.ends and os.isatty(1) else nullcontext():
                    result = self.verb(**chosen)
        except InceptionError as error:
            if self.last is not None:
                self.last(output, None)
            if (found := getattr(error, "result", None)) is not None:
                self.print(found, output)
            raise
        if self.last is not None:
            self.last(output, result)
        if self.show is not None:
            self.print(result, output)
        if getattr(result, "failed", False):
            raise typer.Exit(2)

    def print(self, result: Any, output: Output) -> None:  # noqa: ANN401
        """Print a result; of several processes the first one speaks."""
        if os.environ.get("RANK", "0") != "0" or (output.json_only and self.each):
            return
        if output.json_only:
            print_json(result.to_json())
        elif not output.quiet and self.show is not None:
            self.show(result)


def places(verb: Verb[..., Any]) -> Iterator[Place]:
    """What typer calls a command with, and how it reads and shows each."""
    for one in parameters(verb.request):
        if not isinstance(one.stated, Callback):
            yield place(one.name, annotation(one), one.default)
    for name, (flags, help_text) in OUTPUT.items():
        info = typer.Option(*flags, help=help_text, rich_help_panel="Output")
        yield place(name, Annotated[bool, info], default=False)


def place(name: str, hint: object, default: object) -> Place:
    """A parameter as typer reads it; values of several words are its own to collect."""
    first = Place.empty if default is MISSING else None if default == () else default
    return Place(name, Place.KEYWORD_ONLY, default=first, annotation=hint)


def annotation(one: Parameter) -> object:
    """The type of a parameter on the command line, and its help."""
    read: Any = one.kinds[0] if one.kinds[0] in {bool, int, float} else str
    stated = one.stated
    shown: dict[str, Any] = {"help": stated.help, "metavar": metavar(one)}
    shown |= {"show_default": stated.default or True, "rich_help_panel": stated.group}
    if (words := one.choices or NAMES.get(stated.metavar)) is not None:
        known = words if callable(words) else lambda: words
        shown |= {
            "autocompletion": lambda incomplete: [w for w in known() if w.startswith(incomplete)]
        }
    if isinstance(stated, Option):
        shown |= {"min": stated.min, "max": stated.max}
        info = typer.Option(one.flags[0], *one.flags[1:], **shown)
    else:
        info = typer.Argument(**shown)
    return Annotated[list[read] if one.many else read, info]


def _architectures() -> tuple[str, ...]:
    from inceptionkit.catalog import sentences

    return tuple(sentences())


def _recipes() -> tuple[str, ...]:
    from inceptionkit.training.recipes import RECIPES

    return tuple(RECIPES)


NAMES: Mapping[str, Callable[[], Iterable[str]]] = {"ARCH": _architectures, "RECIPE": _recipes}
"""What stands for a value -> the words that a shell completes it to."""


def metavar(one: Parameter) -> str | None:
    """What stands for a value in the help; None for a switch, which has none."""
    if isinstance(one.stated, Argument):
        word = f"{one.stated.metavar or one.name.upper()}{' ...' * one.many}"
        return word if one.default is MISSING else f"[{word}]"
    if one.stated.metavar or one.choices:
        return one.stated.metavar or "|".join(one.choices)
    if one.kinds[0] is bool or isinstance(one.stated, Callback):
        return None
    return "PATH" if Path in one.kinds else "N" if one.kinds[0] in {int, float} else "TEXT"


def bare_values(commands: Iterable[Command]) -> dict[str, str]:
    """Option that may stand without a number -> its value then."""
    every = [one for command in commands for one in parameters(command.verb.request)]
    return {
        one.flags[0]: one.stated.bare
        for one in every
        if isinstance(one.stated, Option) and one.stated.bare
    }


def is_number(text: str) -> bool:
    """Whether a word is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
