"""Python and the command line take the same options, and the docs list them."""

import inspect
import shlex
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import typer

import inceptionkit
from inceptionkit.cli import detect
from inceptionkit.cli.app import COMMANDS, app
from inceptionkit.cli.command import OUTPUT, Command
from inceptionkit.options import Callback, parameters

ROOT = Path(__file__).parents[2]
PROGRAM = typer.main.get_command(app)
DETECT = PROGRAM.commands["detect"]  # a group of verbs
SHOWN = {
    name: command
    for name, command in PROGRAM.commands.items()
    if not command.hidden and command is not DETECT
} | {f"detect_{name}": command for name, command in DETECT.commands.items()}
EVERY = (*COMMANDS, *detect.COMMANDS.values())
PYTHON_ALONE = {"load"}  # gives an object to work with


def name_of(command: Command) -> str:
    return command.verb.__name__


def test_the_verbs_are_the_same() -> None:
    public = {
        name for name in inceptionkit.__all__ if hasattr(getattr(inceptionkit, name), "request")
    }

    assert public - PYTHON_ALONE == set(SHOWN) == set(map(name_of, EVERY))


@pytest.mark.parametrize("command", EVERY, ids=name_of)
def test_the_options_are_the_same(command: Command) -> None:
    shown = {p.name: p for p in SHOWN[name_of(command)].params if p.name != "help"}
    taken = inspect.signature(getattr(inceptionkit, name_of(command))).parameters
    stated = {p.name: p for p in parameters(command.verb.request)}
    both = {name for name, p in stated.items() if not isinstance(p.stated, Callback)}

    assert set(taken) == set(stated)
    assert set(shown) == both | set(OUTPUT)
    for name in both:
        one, default = shown[name], taken[name].default
        assert one.required == (default is inspect.Parameter.empty)
        if not one.required:
            assert (one.default or None) == (default or None) or one.default == default
        if stated[name].flags:
            assert tuple(one.opts) == stated[name].flags
            assert one.opts[0] == f"--{name.rstrip('_').replace('_', '-')}"
        assert one.help
        assert one.help.startswith(stated[name].stated.help)


@pytest.mark.parametrize("command", EVERY, ids=name_of)
def test_help_says_what_in_one_line(command: Command) -> None:
    for one in parameters(command.verb.request):
        assert "\n" not in one.stated.help
        assert one.stated.help[0].isupper() or one.stated.help.split()[0] in one.choices
        assert one.stated.help.endswith(".") or one.stated.help.endswith("...")


@pytest.mark.parametrize("command", EVERY, ids=name_of)
def test_the_examples_are_command_lines(command: Command) -> None:
    assert command.examples
    for line in command.examples:
        program, verb, *words = shlex.split(line.partition(" > ")[0])
        if verb == "detect":
            verb = f"detect_{words.pop(0)}"
        assert (program, verb) == ("inceptionkit", name_of(command))
        SHOWN[verb].make_context(verb, words)


def test_the_page_of_options_is_of_today() -> None:
    """`python docs/write_options.py` writes it."""
    found = spec_from_file_location("write_options", ROOT / "docs" / "write_options.py")
    assert found
    assert found.loader
    script = module_from_spec(found)
    found.loader.exec_module(script)

    assert script.PAGE.read_text(encoding="utf-8") == script.page()
