"""A command is derived from a verb."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer

from inceptionkit.arguments import EARLY_EXIT
from inceptionkit.cli.app import filled_in
from inceptionkit.cli.command import Command, bare_values, metavar
from inceptionkit.errors import DataError
from inceptionkit.options import Argument, Callback, Option, parameters, verb
from inceptionkit.results import Result


@dataclass(frozen=True)
class Bake:
    """What to bake."""

    doughs: Annotated[Sequence[str | Path], Argument("Doughs to bake.", "DOUGH")]
    _: KW_ONLY
    from_: Annotated[Literal["top", "bottom"], Option("Side of the heat.")] = "top"
    heat: Annotated[int | None, Option("Heat, degrees.", default="the dough's", min=50)] = None
    vegan: Annotated[bool, Option("Leave cheese out.")] = False
    recipe: Annotated[str | Path | None, Option("Recipe to follow.")] = None
    early_exit: Annotated[str | float | None, EARLY_EXIT] = None
    on_answer: Annotated[Callable[[str], object] | None, Callback("Called with each.")] = None


@dataclass(frozen=True, repr=False)
class Baked(Result):
    """What was baked."""

    told: dict[str, Any]
    failed: bool = False

    def to_json(self) -> dict[str, Any]:
        """Tell it."""
        return self.told


class BurntError(DataError):
    """Baked too hot."""

    def __init__(self, result: Baked) -> None:
        super().__init__("it is burnt")
        self.result = result


@verb(Bake)
def bake(request: Bake) -> Baked:
    """Bake pizzas.

    Raises:
        DataError: one burns.
    """
    result = Baked(
        {"doughs": list(request.doughs), "from": request.from_, "heat": request.heat},
        failed=request.vegan,
    )
    if request.heat == 999:
        raise BurntError(result)
    return result


COMMAND = Command(bake, lambda result: typer.echo(f"baked {result.told['doughs']}"), ("bake a",))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str]]:
    app = typer.Typer()
    COMMAND.add_to(app)
    app.command("other")(lambda: None)

    def typed(*words: str) -> tuple[Any, str]:
        code = app(words, standalone_mode=False)
        return code, capsys.readouterr().out

    return typed


def test_a_person_reads_what_is_shown(run: Callable) -> None:
    assert run("bake", "a", "b") == (None, "baked ['a', 'b']\n")


def test_machines_read_json_alone(run: Callable) -> None:
    said = '{"doughs": ["a"], "from": "bottom", "heat": 60}\n'

    assert run("bake", "a", "--json", "--from", "bottom", "--heat", "60") == (None, said)


def test_quiet_prints_nothing(run: Callable) -> None:
    assert run("bake", "a", "--quiet") == (None, "")


def test_a_result_that_failed_ends_with_2(run: Callable) -> None:
    assert run("bake", "a", "--vegan") == (2, "baked ['a']\n")


def test_an_error_may_bring_a_result(run: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BurntError):
        run("bake", "a", "--heat", "999")

    assert capsys.readouterr().out == "baked ['a']\n"


def test_only_the_first_of_several_processes_speaks(
    run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")

    assert run("bake", "a", "--json") == (None, "")


def test_what_stands_for_a_value() -> None:
    shown = {one.name: metavar(one) for one in parameters(Bake)}

    assert shown == {
        "doughs": "DOUGH ...", "from_": "top|bottom", "heat": "N", "vegan": None,
        "recipe": "PATH", "early_exit": "[CONFIDENCE]", "on_answer": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "filled"),
    [
        ("bake run --early-exit a.png", "bake run --early-exit stored a.png"),
        ("bake run a.png --early-exit", "bake run a.png --early-exit stored"),
        ("bake run --early-exit stored a.png", "bake run --early-exit stored a.png"),
        ("bake run --early-exit 0.9 a.png", "bake run --early-exit 0.9 a.png"),
        ("bake run --early-exit=x a.png", "bake run --early-exit=x a.png"),
        ("bake run --heat 3", "bake run --heat 3"),
    ],
)
def test_an_option_without_its_number_takes_its_bare_value(words: str, filled: str) -> None:
    assert filled_in(words.split(), bare_values([COMMAND])) == filled.split()
