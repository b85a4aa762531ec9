"""What `--help` prints: usage, arguments, options in groups, examples that run."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.text import Text
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from inceptionkit.cli.console import console
from inceptionkit.text import sentence

GROUPS = ("Look at data", "Train", "Use", "Deploy", "Understand networks")
"""Headings of the verbs, in their order."""

_LAST = ("Output", "Help")  # groups of the options that every verb has
_COLUMN = 27  # where explanations begin
_WIDEST = 100  # columns of help, at most


class VerbHelp(TyperCommand):
    """A verb whose help is laid out for reading."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - of typer's own kinds
        """Write the help."""
        places = [one for one in self.get_params(ctx) if isinstance(one, TyperArgument)]
        formatter.write(_rendered(_verb(self, ctx, places)))


class ProgramHelp(TyperGroup):
    """A program whose help lists its verbs in groups."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - of typer's own kinds
        """Write the help."""
        formatter.write(_rendered(_program(self, ctx)))


def _rendered(lines: Iterable[Text]) -> str:
    """Lines as a terminal shows them; plain text where there is none."""
    out, file = console(), StringIO()
    shown = Console(
        file=file,
        width=1_000,  # lines are broken already
        force_terminal=out.is_terminal and sys.stdout.isatty(),
        no_color=out.no_color,
        highlight=False,
    )
    for line in lines:
        shown.print(line, soft_wrap=True)
    return file.getvalue()


def _program(group: TyperGroup, ctx: Any) -> Iterator[Text]:  # noqa: ANN401
    yield from _prose(group.help or "")
    yield Text()
    yield Text(f"Usage: {ctx.command_path} VERB ...")
    verbs = [one for one in group.commands.values() if not one.hidden]
    for head in GROUPS:
        of_head = [verb for verb in verbs if getattr(verb, "rich_help_panel", None) == head]
        yield from _heading(head) if of_head else ()
        for verb in of_head:
            yield from _entry(verb.name or "", sentence(verb.help or ""))
    yield from _heading("Options")
    for one in group.get_params(ctx):
        if isinstance(one, TyperOption):
            yield from _entry(", ".join(sorted(one.opts, reverse=True)), one.help or "")
    yield Text()
    yield Text(f"{ctx.command_path} VERB --help explains a verb and shows examples.")
    yield from _prose(group.epilog or "")


def _verb(command: TyperCommand, ctx: Any, places: Sequence[TyperArgument]) -> Iterator[Text]:  # noqa: ANN401
    for part in (command.help or "").split("\n\n"):
        yield from _prose(" ".join(part.split()))
        yield Text()
    yield Text(f"Usage: {usage(ctx, places)}")
    if places:
        yield Text()
    for place in places:
        yield from _entry(_name(place), _explained(place))
    yield from _options(one for one in command.get_params(ctx) if isinstance(one, TyperOption))
    yield from _heading("Examples")
    for line in (command.epilog or "").splitlines():
        if line:
            yield Text(f"  {line}")


def _options(options: Iterable[TyperOption]) -> Iterator[Text]:
    """Options below the headings of their groups."""
    groups: dict[str, list[TyperOption]] = {}
    for one in options:
        groups.setdefault(one.rich_help_panel or "Help", []).append(one)
    for head in sorted(groups, key=lambda name: _LAST.index(name) if name in _LAST else -1):
        yield from _heading(head if head != "Help" else "")
        for option in groups[head]:
            yield from _entry(_spelling(option), _explained(option))


def usage(ctx: Any, places: Sequence[TyperArgument]) -> str:  # noqa: ANN401 - of typer's own kinds
    """How a verb is called, without options."""
    return " ".join([ctx.command_path, *map(_name, places), "[options]"])


def _name(place: TyperArgument) -> str:
    return place.metavar or (place.name or "").upper()


def _spelling(option: TyperOption) -> str:
    """The spellings of an option, short ones first, and what stands for its value."""
    flags = sorted(option.opts, key=lambda flag: flag.startswith("--"))
    value = "" if option.is_flag else option.metavar or "VALUE"
    return " ".join(filter(None, (", ".join(flags), value)))


def _explained(option: TyperOption | TyperArgument) -> str:
    """What an option or an argument is for, and its default where that says something."""
    shown, default = option.show_default, option.default
    if isinstance(shown, str):
        return f"{option.help} (default: {shown})"
    if default is None or default is False or default == () or option.name == "help":
        return option.help or ""
    return f"{option.help} (default: {default})"


def _heading(text: str) -> Iterator[Text]:
    yield Text()
    if text:
        yield Text(text, style="bold")


def _prose(text: str) -> Iterator[Text]:
    for line in wrap(text, min(_WIDEST, console().width)):
        yield Text(line)


def _entry(name: str, says: str) -> Iterator[Text]:
    """A name, and beside it what it is; below it where the name is long."""
    width = min(_WIDEST, console().width) - _COLUMN
    lines = wrap(says, width, break_long_words=False, break_on_hyphens=False) or [""]
    head = Text.assemble("  ", (name, "cyan"))
    if len(head) > _COLUMN - 2:
        yield head
    else:
        head.append(" " * (_COLUMN - len(head)) + lines.pop(0))
        yield head
    for line in lines:
        yield Text(" " * _COLUMN + line)
