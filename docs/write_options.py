"""Write reference/command-line.md from the requests of the verbs: python docs/write_options.py."""

from collections.abc import Iterator
from dataclasses import MISSING
from pathlib import Path

from inceptionkit.cli import detect
from inceptionkit.cli.app import COMMANDS
from inceptionkit.cli.command import OUTPUT, Command, metavar
from inceptionkit.options import Callback, Parameter, parameters, prose

PAGE = Path(__file__).with_name("reference") / "command-line.md"
INTRODUCTION = """# Command line

Written by `python docs/write_options.py` from the requests of the verbs.

A verb takes the same options in Python: `inceptionkit describe compact --input-size 64` is
`inceptionkit.describe("compact", input_size=64)`; `detect train` is `inceptionkit.detect_train`. On
the command line, every verb also takes:

"""


def cell(text: str) -> str:
    """Text inside a table."""
    return text.replace("|", "\\|")


def code(text: str) -> str:
    """Code inside a table."""
    return f"`{cell(text)}`"


def row(one: Parameter) -> str:
    """A line of a table."""
    value = metavar(one) or ""
    flags = ", ".join(map(code, one.flags)) if one.flags else code(value)
    if one.flags and one.kinds[0] is not bool:
        flags += f" {code(value)}"
    given = one.default not in (MISSING, None, False, ())
    default = code(f"{one.default}") if given else cell(one.stated.default)
    if one.default is MISSING:
        default = "required"
    return f"| {flags} | {code(one.name)} | {default} | {cell(one.stated.help)} |"


def section(command: Command, name: str = "") -> Iterator[str]:
    """A verb, under its own name where no other is given."""
    yield f"## {name or command.verb.__name__}"
    yield ""
    yield prose(command.verb.__doc__ or "")
    yield ""
    rows = [row(one) for one in parameters(command.verb.request) if not callback(one)]
    if rows:
        yield "| command line | Python | default | |"
        yield "| --- | --- | --- | --- |"
        yield from rows
        yield ""
    yield "```sh"
    yield from command.examples
    yield "```"
    yield ""


def callback(one: Parameter) -> bool:
    """Whether the command line does not take it."""
    return isinstance(one.stated, Callback)


def page() -> str:
    """The whole page."""
    shared = "\n".join(
        f"- {', '.join(map(code, flags))}: {says}" for flags, says in OUTPUT.values()
    )
    lines = [line for command in COMMANDS for line in section(command)]
    for name, command in detect.COMMANDS.items():
        lines += section(command, f"detect {name}")
    body = "\n".join(lines)
    return f"{INTRODUCTION}{shared}\n\n{body}".rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
