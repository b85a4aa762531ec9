"""Frozen dataclasses as JSON and back.

The types of the fields say what JSON must hold and which limits a number has. The members of a
union of dataclasses have a `TAG`, which JSON keeps under "type".
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, SimpleNamespace, UnionType
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    NoReturn,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from inceptionkit.errors import InceptionError, did_you_mean

T = TypeVar("T")
Json: TypeAlias = Any  # what JSON can hold
Hint: TypeAlias = Any  # the type of a field

TYPE = "type"  # the key of a tag
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
DEEPEST = 64  # levels of nesting
LARGEST = 2**63  # of numbers
SEVERAL = {tuple, list, Sequence}  # the types of a list


@dataclass(frozen=True, slots=True)
class Between:
    """Limits of a number, both allowed: `Annotated[float, Between(0, 1)]`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands, for messages."""

    at: str
    owner: type  # the dataclass whose field it is
    depth: int = 0

    def within(self, name: object, owner: type | None = None) -> _Place:
        at = f"{self.at}.{name:.80}" if isinstance(name, str) else f"{self.at}[{name}]"
        return _Place(at.lstrip("."), owner or self.owner, self.depth + 1)

    def fail(self, sentence: str) -> NoReturn:
        space = " " if sentence.startswith("must") else ": "
        raise _WrongError(f"{self.at}{space}{sentence}" if self.at else sentence)


class _WrongError(Exception):
    """Becomes the error that the caller wants."""


def to_json(value: object) -> Json:
    """A record, or what a record may hold, as JSON has it.

    Every field is written, so that a later default changes nothing.
    """
    if is_dataclass(value):
        tag = getattr(value, "TAG", None)
        parts = {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
        return parts if tag is None else {TYPE: tag} | parts
    if isinstance(value, Mapping):
        return {key: to_json(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(part) for part in value]
    return value


def from_json(
    kind: type[T], data: Json, *, at: str, error: type[InceptionError], base: T | None = None
) -> T:
    """Read what `to_json` wrote.

    Args:
        kind: the dataclass.
        data: JSON of unknown content.
        at: what it is, for messages.
        error: what is raised.
        base: a record whose fields stand for those that are missing. Without it, fields of `kind`
            must all be there; those of records within may take their defaults.

    Raises:
        InceptionError: `error`; a key is missing or unknown, or a value is wrong, at a named place.
    """
    try:
        return cast(T, _record(kind, data, _Place(at, kind), base))
    except _WrongError as wrong:
        raise error(str(wrong)) from None


def _record(kind: type, data: Json, place: _Place, base: object) -> object:
    if not isinstance(data, Mapping):
        place.fail(f"must be an object, got {data!r:.80}")
    hints, values = types_of(kind), {}
    for key in data:
        if key not in hints and not (key == TYPE and hasattr(kind, "TAG")):
            place.fail(f"unknown key {key!r:.80}; {did_you_mean(str(key), hints)}")
    for field in fields(kind):
        there = getattr(base, field.name, MISSING)
        if field.name in data:
            inner = place.within(field.name, kind)
            values[field.name] = _value(hints[field.name], data[field.name], inner, there)
        elif there is not MISSING:
            values[field.name] = there
        elif place.depth == 0 or {field.default, field.default_factory} == {MISSING}:
            place.fail(f"{field.name!r} is missing")
    return _made(kind, values, place)


def _made(kind: type, values: Mapping[str, object], place: _Place) -> object:
    try:
        return kind(**values)
    except InceptionError as wrong:
        place.fail(str(wrong))


def _value(hint: Hint, data: Json, place: _Place, base: object = None) -> object:
    hint, limits = _bare(hint, place.owner)
    if place.depth > DEEPEST:
        place.fail("is nested too deeply")
    if is_dataclass(hint):
        return _record(cast(type, hint), data, place, base)
    origin = _origin(hint)
    if origin in {Union, UnionType}:
        return _one_of(get_args(hint), data, place, base, limits)
    if origin in SEVERAL:
        return _several(hint, data, place)
    return _plain(hint, data, place, limits)


def _plain(hint: Hint, data: Json, place: _Place, limits: Between | None) -> object:
    if hint is Any:
        return data
    if _origin(hint) is Literal:
        return _choice(get_args(hint), data, place)
    if _origin(hint) in {dict, Mapping}:
        if not isinstance(data, Mapping):
            place.fail(f"must be an object, got {data!r:.80}")
        part = get_args(hint)[1]
        return {key: _value(part, value, place.within(key)) for key, value in data.items()}
    return _scalar(hint, data, place, limits)


def _scalar(hint: Hint, data: Json, place: _Place, limits: Between | None) -> object:
    accepted = (int, float) if hint is float else hint
    if not isinstance(data, accepted) or isinstance(data, bool) != (hint is bool):
        place.fail(f"must be {WORDS[hint]}, got {data!r:.80}")
    if hint in {int, float} and not abs(data) < LARGEST:  # which NaN is not either
        place.fail(f"must be {WORDS[hint]} of usual size, got {data!r:.20}")
    if limits is not None and not limits.low <= data <= limits.high:
        place.fail(f"must be between {limits.low:g} and {limits.high:g}, got {data:g}")
    return float(data) if hint is float else data


def _choice(words: Sequence[str], data: Json, place: _Place) -> object:
    if not isinstance(data, str) or data not in words:
        place.fail(f"must be {' or '.join(words)}, got {data!r:.80}")
    return data


def _several(hint: Hint, data: Json, place: _Place) -> object:
    if not isinstance(data, list):
        place.fail(f"must be a list, got {data!r:.80}")
    args: Sequence[Hint] = get_args(hint)
    if _origin(hint) is not tuple or args[-1] is Ellipsis:
        args = [args[0]] * len(data)
    elif len(data) != len(args):
        place.fail(f"must be a list of {len(args)}, got {data!r:.80}")
    named = args[:1] != args[1:2] and str in args  # [name, value]: the place is called so already
    parts = [
        _value(arg, part, place if named else place.within(_name_of(part, number)))
        for number, (arg, part) in enumerate(zip(args, data, strict=True))
    ]
    return parts if _origin(hint) is list else tuple(parts)


def _name_of(part: Json, number: int) -> str | int:
    """How messages call a part of a list: by the name that it has, else by its number."""
    match part:
        case [str(name), _] | {"name": str(name)}:
            return name
        case _:
            return number


def _one_of(
    kinds: Sequence[Hint], data: Json, place: _Place, base: object, limits: Between | None
) -> object:
    if data is None and NoneType in kinds:
        return None
    kinds = [kind for kind in kinds if kind is not NoneType]
    tagged = {kind.TAG: kind for kind in kinds if hasattr(kind, "TAG")}
    if isinstance(data, Mapping) and tagged:
        tag = data.get(TYPE, getattr(base, "TAG", None))
        if tag not in list(tagged):  # it may be anything
            place.within(TYPE).fail(f"must be {' or '.join(tagged)}, got {tag!r:.80}")
        return _record(tagged[tag], data, place, base if isinstance(base, tagged[tag]) else None)
    fitting = kinds if len(kinds) == 1 else [k for k in kinds if _fits(k, data, place.owner)]
    if not fitting:
        place.fail(f"must be {' or '.join(map(_wanted, kinds))}, got {data!r:.80}")
    return _value(fitting[0] if limits is None else Annotated[fitting[0], limits], data, place)


def _fits(kind: Hint, data: Json, owner: type) -> bool:
    """Whether a value looks like a type, whatever lies within."""
    kind, _ = _bare(kind, owner)
    if _origin(kind) is Literal:
        return isinstance(data, str) and data in get_args(kind)
    if _origin(kind) in SEVERAL:
        return isinstance(data, list)
    if is_dataclass(kind):
        return isinstance(data, Mapping) and not hasattr(kind, "TAG")
    return isinstance(data, (int, float) if kind is float else kind) and (
        isinstance(data, bool) == (kind is bool)
    )


def _wanted(kind: Hint) -> str:
    if _origin(kind) is Literal:
        return " or ".join(get_args(kind))
    if _origin(kind) in SEVERAL:
        return "a list"
    return str(getattr(kind, "TAG", WORDS.get(kind, "an object")))


def _bare(hint: Hint, owner: type) -> tuple[Hint, Between | None]:
    """A type without its annotations, and the limits among them."""
    if isinstance(hint, ForwardRef):  # in a tree, whose alias names itself
        scope, holder = vars(sys.modules[owner.__module__]), SimpleNamespace()
        holder.__annotations__ = {"hint": hint.__forward_arg__}
        hint = get_type_hints(holder, scope)["hint"]
    if _origin(hint) is not Annotated:
        return hint, None
    return hint.__origin__, next((m for m in hint.__metadata__ if isinstance(m, Between)), None)


def _origin(hint: Hint) -> Any:  # noqa: ANN401 - a type
    return get_origin(hint)


class Names(dict[str, Any]):
    """Names of a module; one that only type checkers import stands for a type of that name."""

    def __init__(self, module: str) -> None:
        super().__init__(vars(sys.modules[module]))

    def __missing__(self, name: str) -> type:
        if hasattr(builtins, name):
            raise KeyError(name)
        return type(name, (), {"__module__": "builtins"})


@cache
def types_of(kind: type) -> Mapping[str, Hint]:
    """Field -> its type, with limits."""
    hints = get_type_hints(kind, None, Names(kind.__module__), include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind)}


def members(hint: Hint, owner: type) -> Sequence[Hint]:
    """The types of a union, without limits; a type by itself where it is none."""
    hint, _ = _bare(hint, owner)
    parts = get_args(hint) if _origin(hint) in {Union, UnionType} else (hint,)
    return [_bare(part, owner)[0] for part in parts]
