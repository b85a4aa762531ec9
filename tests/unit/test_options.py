"""A verb is made of a request: its signature, its documentation, and what it refuses."""

import inspect
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import pytest

from inceptionkit.errors import OptionError, UnknownNameError
from inceptionkit.options import Argument, Callback, Option, Parameter, parameters, prose, verb


@dataclass(frozen=True)
class Bake:
    """What to bake."""

    dough: Annotated[str | Path, Argument("Dough to bake.")]
    toppings: Annotated[Sequence[str], Argument("What goes on it.", default="nothing")] = ()
    _: KW_ONLY
    oven_heat: Annotated[
        float | None, Option("Heat, degrees.", default="the dough's", min=50, max=300)
    ] = None
    from_: Annotated[Literal["top", "bottom"], Option("Side of the heat.", also=("-f",))] = "top"
    slices: Annotated[int, Option("Number of slices.", min=1)] = 8
    vegan: Annotated[bool, Option("Leave cheese out.")] = False
    bell: Annotated[object, Callback("Rings at the end.")] = None


@verb(Bake)
def bake(request: Bake) -> Bake:
    """Bake a pizza.

    It is round.

    Raises:
        OptionError: it would burn.
    """
    return request


def one(name: str) -> Parameter:
    return next(p for p in parameters(Bake) if p.name == name)


def test_a_verb_takes_the_fields_of_its_request() -> None:
    assert bake("dough", ["olives"], slices=4) == Bake("dough", ["olives"], slices=4)
    assert bake.request is Bake
    with pytest.raises(TypeError, match="slice"):
        bake("dough", slice=4)


def test_its_signature_is_that_of_the_request() -> None:
    taken, _, returned = str(inspect.signature(bake)).partition(" -> ")

    assert returned.endswith("Bake")
    assert taken == (
        "(dough: str | pathlib.Path, toppings: collections.abc.Sequence[str] = (), *, "
        "oven_heat: float | None = None, from_: Literal['top', 'bottom'] = 'top', "
        "slices: int = 8, vegan: bool = False, bell: object = None)"
    )


def test_its_arguments_are_documented_before_what_it_raises() -> None:
    assert bake.__doc__ == (
        "Bake a pizza.\n\nIt is round.\n\n"
        "Args:\n"
        "    dough: Dough to bake.\n"
        "    toppings: What goes on it. (default: nothing)\n"
        "    oven_heat: Heat, degrees. (default: the dough's)\n"
        "    from_: Side of the heat.\n"
        "    slices: Number of slices.\n"
        "    vegan: Leave cheese out.\n"
        "    bell: Rings at the end.\n\n"
        "Raises:\n"
        "    OptionError: it would burn."
    )
    assert prose(bake.__doc__) == "Bake a pizza.\n\nIt is round."


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("dough", ()),
        ("oven_heat", ("--oven-heat",)),
        ("from_", ("--from", "-f")),
        ("bell", ()),
    ],
)
def test_an_option_is_spelt_as_its_field(name: str, flags: tuple[str, ...]) -> None:
    assert one(name).flags == flags


def test_types_say_what_is_read() -> None:
    assert one("dough").kinds == (str, Path)
    assert one("oven_heat").kinds == (float,)
    assert one("from_").choices == ("top", "bottom")
    assert one("slices").choices == ()
    assert [p.name for p in parameters(Bake) if p.many] == ["toppings"]


@pytest.mark.parametrize("slices", [1, 8])
@pytest.mark.parametrize("heat", [50, 300.0, None])
def test_values_within_the_limits_are_taken(slices: int, heat: float | None) -> None:
    expected = replace(Bake("dough"), slices=slices, oven_heat=heat)

    assert bake("dough", slices=slices, oven_heat=heat) == expected


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"slices": 0}, "slices must be at least 1, got 0"),
        ({"oven_heat": 49.5}, "oven_heat must be at least 50 and at most 300, got 49.5"),
        ({"oven_heat": 301}, "oven_heat must be at least 50 and at most 300, got 301"),
        ({"oven_heat": float("nan")}, "oven_heat must be at least 50 and at most 300, got nan"),
    ],
)
def test_values_beyond_the_limits_are_refused(given: dict[str, float], says: str) -> None:
    with pytest.raises(OptionError) as caught:
        bake("dough", **given)  # type: ignore[arg-type]

    assert str(caught.value) == says


def test_a_misspelt_choice_is_corrected() -> None:
    with pytest.raises(UnknownNameError) as caught:
        bake("dough", from_="botom")  # type: ignore[arg-type]

    assert str(caught.value) == "from_ cannot be 'botom'; did you mean 'bottom'?"
