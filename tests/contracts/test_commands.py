"""Commands to copy: whatever a path is called, a shell takes it as one word."""

import ast
from collections.abc import Iterator
from pathlib import Path

import inceptionkit
from inceptionkit.cli.app import COMMANDS

SOURCES = Path(inceptionkit.__file__).parent
QUOTED = ("shell_word", "join")  # calls that give words of a shell
NAMED = ("words", "_word", "_words")  # ends of the names of what they gave


def unquoted(tree: ast.AST, verbs: set[str]) -> Iterator[str]:
    """What stands in a command as it is."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        text = ast.unparse(node)
        if not any(f"inceptionkit {verb}" in text for verb in verbs):
            continue
        command = False
        for part in node.values:
            if isinstance(part, ast.Constant):
                command = "inceptionkit " in part.value or command
            elif command and isinstance(part, ast.FormattedValue):
                inside = part.value
                called = isinstance(inside, ast.Call) and ast.unparse(inside.func).split(".")[-1]
                named = isinstance(inside, ast.Name) and inside.id.endswith(NAMED)
                if called not in QUOTED and not named:
                    yield f"{text}: {ast.unparse(inside)}"


def test_what_a_command_names_is_quoted() -> None:
    verbs = {command.verb.__name__ for command in COMMANDS}
    found = {
        f"{path.relative_to(SOURCES)}: {what}"
        for path in SOURCES.rglob("*.py")
        for what in unquoted(ast.parse(path.read_text(encoding="utf-8")), verbs)
    }

    assert found == set()
