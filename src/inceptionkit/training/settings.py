"""Values of typed fields: read from the text of a setting or from JSON, and written as text."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from inceptionkit.errors import RecipeError

TYPES: Mapping[type, str] = MappingProxyType(
    {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
)


def parse(key: str, text: str, kind: Any) -> Any:  # noqa: ANN401 - text in, a field's type out
    """Read one value as the type of its field.

    >>> parse("decay_at", "200,230", tuple[float, ...]), parse("clip", "none", float | None)
    ((200.0, 230.0), None)
    """
    wanted = bare(kind)
    if wanted is not kind and text.lower() == "none":
        return None
    if get_origin(wanted) is tuple:
        return tuple(typed(key, number(part), float) for part in text.split(",") if part)
    if wanted is bool:
        return typed(key, {"true": True, "false": False}.get(text.lower(), text), kind)
    value = number(text) if wanted in {int, float} else text
    return typed(key, value, kind, shown=text)


def number(text: str) -> int | float | str:
    """Read a whole number or a number; the text itself if it is neither."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def from_plain(key: str, value: Any, kind: Any) -> Any:  # noqa: ANN401 - JSON in, a field's type out
    """Read one JSON value as the type of its field.

    Raises:
        RecipeError: it is of another type.
    """
    if get_origin(kind) is not tuple:
        return typed(key, value, kind)
    if not isinstance(value, list):
        msg = f"{key} must be a list, got {value!r}"
        raise RecipeError(msg)
    return tuple(typed(key, part, get_args(kind)[0], shown=value) for part in value)


def typed(key: str, value: Any, kind: Any, shown: Any = None) -> Any:  # noqa: ANN401 - JSON in, a field's type out
    """Take a value if it has the type of its field.

    Args:
        key: of the field.
        value: from JSON, or read from text.
        kind: type of the field.
        shown: what the user wrote; `value` if None.

    Raises:
        RecipeError: it has another type; what is wanted is said.
    """
    wanted = bare(kind)
    if value is None and wanted is not kind:
        return None
    if get_origin(wanted) is Literal:
        fits, name = value in get_args(wanted), " or ".join(get_args(wanted))
    else:
        accepted = (int, float) if wanted is float else wanted
        fits = isinstance(value, accepted) and isinstance(value, bool) == (wanted is bool)
        name = TYPES[wanted]
    if not fits:
        shown = value if shown is None else shown
        msg = f"{key} must be {name}, got {shown!r}"
        raise RecipeError(msg)
    return float(value) if wanted is float else value


def bare(kind: Any) -> Any:  # noqa: ANN401 - a type
    """The type of a field, without None."""
    if not isinstance(kind, UnionType):
        return kind
    (only,) = (part for part in get_args(kind) if part is not NoneType)
    return only


def written(value: Any) -> str:  # noqa: ANN401 - any field's
    """A value as the command line takes it."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case list():
            return ",".join(f"{part:g}" for part in value)
        case _:
            return str(value)


def shown(value: float) -> str:
    """A number in a message; a whole one may have more digits than anybody reads."""
    try:
        return f"{value:g}"
    except OverflowError:
        return f"{value}"[:20]
