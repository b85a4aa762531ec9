"""The program: its verbs, and the border at which errors become one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from inceptionkit import __version__
from inceptionkit.cli import (
    check,
    compare,
    convert,
    deploy,
    describe,
    design,
    detect,
    embed,
    evaluate,
    explain,
    predict,
    prune,
    recipes,
    report,
    serve,
    train,
)
from inceptionkit.cli.command import HELP, bare_values, is_number
from inceptionkit.cli.console import complain, discard
from inceptionkit.cli.help import ProgramHelp
from inceptionkit.cli.mistakes import explain_mistake
from inceptionkit.errors import InceptionError, Interrupted
from inceptionkit.text import printable

USER_ERROR, DEFECT, INTERRUPTED = 2, 1, 130
_DEBUG = "--debug"

COMMANDS = (
    describe.ARCHITECTURES,
    describe.DESCRIBE,
    design.DESIGN,
    check.CHECK,
    recipes.RECIPES,
    train.TRAIN,
    train.RESUME,
    evaluate.EVALUATE,
    predict.PREDICT,
    embed.EMBED,
    explain.EXPLAIN,
    report.REPORT,
    compare.COMPARE,
    prune.PRUNE,
    deploy.EXPORT,
    deploy.BENCH,
    serve.SERVE,
    convert.CONVERT,
)

app = typer.Typer(
    name="inceptionkit",
    help="Train, measure and use small, fast image classifiers of the Inception family.",
    epilog="Start with: inceptionkit train digits",
    cls=ProgramHelp,
    context_settings=HELP,
    add_completion=True,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


for command in COMMANDS:
    command.add_to(app)
detector = typer.Typer(
    help="Find objects in images: train, measure and use detectors.",
    cls=ProgramHelp,
    context_settings=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
)
for name, command in detect.COMMANDS.items():
    command.add_to(detector, name)
app.add_typer(detector, name="detect", rich_help_panel="Use")
BARE = bare_values((*COMMANDS, *detect.COMMANDS.values()))


def main(argv: Sequence[str] | None = None) -> int:  # noqa: C901 - a case per way to end
    """Run the program.

    Args:
        argv: arguments after the program's name; those of the process if None.

    Returns:
        0, 2 for what the user can mend, 1 for a defect of ours, 130 when interrupted.
    """
    for handle in range(3):  # else the next file that is opened gets the place of a closed one
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest place that is free
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):  # say what can be said where the locale is ASCII
        sys.stdout.reconfigure(errors="backslashreplace")
    given = list(sys.argv[1:] if argv is None else argv)
    if not BARE.keys().isdisjoint(given):
        given = filled_in(given, BARE)
    debug = _DEBUG in given
    words = [arg for arg in given if arg != _DEBUG]
    if words[:1] in (["--version"], ["-V"], ["version"]):
        sys.stdout.write(f"inceptionkit {__version__}\n")
        return 0
    if words[:1] == ["help"]:
        words = [*words[1:3], "--help"]
    elif words[:2] == ["detect", "help"]:
        words = ["detect", *words[2:3], "--help"]
    try:
        code = app(words, prog_name="inceptionkit", standalone_mode=False)
    except Interrupted as stop:
        complain(str(stop))
        return INTERRUPTED
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the border
        return tell(error, words, debug=debug)
    if code == INTERRUPTED:  # typer's word for Ctrl-C within a verb
        complain("interrupted")
    return code if isinstance(code, int) else 0


def filled_in(argv: Sequence[str], bare: Mapping[str, str]) -> list[str]:
    """Arguments in which an option that may stand without a number has its value.

    `--early-exit a.png` becomes `--early-exit stored a.png`.
    """
    words: list[str] = []
    for word, following in zip_longest(argv, argv[1:], fillvalue=""):
        words.append(word)
        if word in bare and following != bare[word] and not is_number(following):
            words.append(bare[word])
    return words


@app.callback()
def common(
    *,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
    debug: Annotated[
        bool, typer.Option(_DEBUG, help="Print Python's traceback when something fails.")
    ] = False,
) -> None:
    """Take the options of every verb; `main` has acted on both already."""


def tell(error: Exception, words: Sequence[str], *, debug: bool) -> int:
    """Say what went wrong in one line; the exit code."""
    if debug:
        lines = "".join(traceback.format_exception(error))
        sys.stderr.write(printable(lines, lines=True).encode(errors="replace").decode())
    if isinstance(error.__cause__, KeyboardInterrupt):
        complain("interrupted")
        return INTERRUPTED
    if isinstance(error, InceptionError):
        complain(str(error))
        return USER_ERROR
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(f"{error}\n")
        return USER_ERROR
    if (
        hasattr(error, "show") and (said := explain_mistake(error, words)) is not None
    ):  # typer's own
        complain(said)
        return USER_ERROR
    if isinstance(error, BrokenPipeError):  # whoever read has enough
        discard(1)
        return DEFECT
    complain(f"a defect of inceptionkit: {type(error).__name__}: {error}; run again with {_DEBUG}")
    return DEFECT
