"""Frozen dataclasses as JSON and back.

The types of the fields say what JSON must hold and which limits a number has. The members of a
union of dataclasses have a `TAG`, which JSON keeps under "type". A `TypedDict` has known keys, too,
and stays an object.

What is read is finite and bounded: `STRICT` refuses NaN and Infinity, and `from_json` numbers from
`LARGEST` on and deep nesting, also where any JSON may stand.
"""

from __future__ import annotations

import builtins
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
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
    is_typeddict,
)

from inceptionkit.errors import InceptionError, did_you_mean

T = TypeVar("T")
Json: TypeAlias = Any  # what JSON can hold
Hint: TypeAlias = Any  # the type of a field

TYPE = "type"  # the key of a tag
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_DEEPEST = 64  # levels of nesting
LARGEST = 2**63  # of numbers


def _refuse(constant: str) -> NoReturn:
    msg = f"{constant} is no number"
    raise ValueError(msg)


STRICT = json.JSONDecoder(parse_constant=_refuse)
"""Reads the text of our JSON files. Python's own reader takes NaN and Infinity for numbers."""

UNREADABLE = (OSError, ValueError, RecursionError)
"""What reading a file and `STRICT` raise: no file, no text, no JSON, or nested too deeply."""


@dataclass(frozen=True, slots=True)
class Between:
    """Limits of a number, both allowed: `Annotated[float, Between(0, 1)]`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands."""

    path: str  # for messages
    owner: type  # the dataclass whose field it is
    depth: int = 0


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
    place = _Place(at, kind)
    try:
        if not isinstance(data, Mapping):
            _fail(place, f"must be an object, got {data!r:.80}")
        return cast(T, _record(kind, data, place, base))
    except _WrongError as wrong:
        raise error(str(wrong)) from None


def _record(  # noqa: C901 - dataclasses and typed dicts
    kind: type, data: Mapping[str, Json], place: _Place, base: object
) -> object:
    hints, values = types_of(kind), {}
    required = getattr(kind, "__required_keys__", None)  # of a TypedDict
    if required is None:
        without = (f.name for f in fields(kind) if {f.default, f.default_factory} == {MISSING})
        required = hints if place.depth == 0 else frozenset(without)
    for key in data:
        if key not in hints and not (key == TYPE and hasattr(kind, "TAG")):
            _fail(place, f"unknown key {key!r:.80}; {did_you_mean(str(key), hints)}")
    for name, hint in hints.items():
        there = getattr(base, name, MISSING)
        if name in data:
            inner = _Place(f"{place.path}.{name}", kind, place.depth + 1)
            values[name] = _value(hint, data[name], inner, there)
        elif there is not MISSING:
            values[name] = there
        elif name in required:
            _fail(place, f"{name!r} is missing")
    try:
        return kind(**values)
    except InceptionError as wrong:
        _fail(place, str(wrong))


class _Names(dict[str, Any]):
    """Names of a module; one that only type checkers import stands for a type of that name."""

    def __missing__(self, name: str) -> type:
        if hasattr(builtins, name):
            raise KeyError(name)
        return type(name, (), {"__module__": "builtins"})


@cache
def types_of(kind: type) -> Mapping[str, Hint]:
    """Field -> its type, with limits."""
    try:
        hints = get_type_hints(kind, include_extras=True)
    except NameError:
        names = _Names(vars(sys.modules[kind.__module__]))
        hints = get_type_hints(kind, None, names, include_extras=True)
    return hints if is_typeddict(kind) else {f.name: hints[f.name] for f in fields(kind)}


def _value(hint: Hint, data: Json, place: _Place, base: object = None) -> object:
    """What a type makes of JSON: the member of a union is the one that its tag or its look says."""
    kinds = _kinds(hint, place.owner)
    tagged = {kind.hint.TAG: kind.hint for kind in kinds if hasattr(kind.hint, "TAG")}
    if isinstance(data, Mapping) and tagged:
        tag = data.get(TYPE, getattr(base, "TAG", None))
        if tag not in list(tagged):  # it may be anything
            within = _Place(f"{place.path}.{TYPE}", place.owner)
            _fail(within, f"must be {' or '.join(tagged)}, got {tag!r:.80}")
        return _record(tagged[tag], data, place, base if isinstance(base, tagged[tag]) else None)
    fitting = (
        kind
        for kind in kinds
        if isinstance(data, kind.accepts)
        and (bool in kind.accepts or not isinstance(data, bool))  # which is a whole number, too
        and (not kind.choices or data in kind.choices)
    )
    if (kind := next(fitting, None)) is None:
        _fail(place, f"must be {_wanted(kinds)}, got {data!r:.80}")
    if is_dataclass(kind.hint) or is_typeddict(kind.hint):
        return _record(cast(type, kind.hint), data, place, base)
    if isinstance(data, list | Mapping):
        return _parts(kind.hint, data, place)
    number = isinstance(data, int | float) and not isinstance(data, bool)
    if number and not abs(data) < LARGEST:  # which NaN is not either
        _fail(place, f"must be {WORDS.get(kind.hint, 'a number')} of usual size, got {data!r:.20}")
    if (limits := kind.limits) is not None and not limits.low <= data <= limits.high:
        _fail(place, f"must be between {limits.low:g} and {limits.high:g}, got {data:g}")
    return float(data) if kind.hint is float else data


@dataclass(frozen=True, slots=True)
class _Kind:
    """What one type takes."""

    hint: Hint
    accepts: tuple[type, ...]  # types of JSON
    choices: tuple[str, ...] = ()  # the only texts, where there are such
    limits: Between | None = None


@cache
def _kinds(hint: Hint, owner: type) -> Sequence[_Kind]:
    """The members of a union, or a type by itself."""
    origin: Any = get_origin(hint)
    if isinstance(hint, ForwardRef):  # in a tree, whose alias names itself
        scope, holder = vars(sys.modules[owner.__module__]), SimpleNamespace()
        holder.__annotations__ = {"hint": hint.__forward_arg__}
        return _kinds(get_type_hints(holder, scope)["hint"], owner)
    if origin is Annotated:
        limits = next((m for m in hint.__metadata__ if isinstance(m, Between)), None)
        inner = _kinds(hint.__origin__, owner)
        return [
            replace(k, limits=limits or k.limits) if k.hint in {int, float} else k for k in inner
        ]
    if origin in {Union, UnionType}:
        return [kind for part in get_args(hint) for kind in _kinds(part, owner)]
    if origin is Literal:
        return [_Kind(hint, (str,), get_args(hint))]
    record = Mapping if is_dataclass(hint) or is_typeddict(hint) else origin
    objects, lists = dict.fromkeys((dict, Mapping), (Mapping,)), (tuple, list, Sequence)
    accepts = (objects | dict.fromkeys(lists, (list,))).get(record)
    plain = {float: (int, float), Any: (object, bool)}.get(hint, (hint,))
    if getattr(hint, "_is_protocol", False):  # who is called is not in JSON
        return [_Kind(hint, ())]
    return [_Kind(hint, accepts or plain)]


def _wanted(kinds: Sequence[_Kind]) -> str:
    """What may stand in a place, in words."""
    words: list[str] = []
    for kind in kinds:
        if kind.hint is not NoneType:
            word = "a list" if list in kind.accepts else WORDS.get(kind.hint, "an object")
            tag = getattr(kind.hint, "TAG", word) if len(kinds) > 1 else word
            words += kind.choices or (tag,)
    return " or ".join(words)


def _parts(hint: Hint, data: Json, place: _Place) -> object:
    """The parts of a list or an object; messages call them by the name that they have."""
    args, depth = get_args(hint) or (str, Any), place.depth + 1  # any JSON has parts of any JSON
    origin: Any = get_origin(hint)
    if depth > _DEEPEST:
        _fail(place, "is nested too deeply")
    if isinstance(data, Mapping):
        return {
            key: _value(args[-1], part, _Place(f"{place.path}.{key:.80}", place.owner, depth))
            for key, part in data.items()
        }
    if origin is not tuple or args[-1] is Ellipsis:
        args = (args[0] if origin else Any,) * len(data)
    elif len(data) != len(args):
        _fail(place, f"must be a list of {len(args)}, got {data!r:.80}")
    pair = len(set(args)) > 1 and str in args  # [name, value]: the place is called so already
    parts = []
    for number, (arg, part) in enumerate(zip(args, data, strict=True)):
        match part:
            case [str(name), _] | {"name": str(name)}:
                path = f"{place.path}.{name:.80}"
            case _:
                path = f"{place.path}[{number}]"
        inner = place if pair else _Place(path, place.owner, depth)
        parts.append(_value(arg, part, inner))
    return tuple(parts) if origin not in {None, list} else parts


def members(hint: Hint, owner: type) -> Sequence[Hint]:
    """The types of a union, without limits; a type by itself where it is none."""
    return [kind.hint for kind in _kinds(hint, owner)]


def _fail(place: _Place, sentence: str) -> NoReturn:
    path = place.path.lstrip(".")
    space = " " if sentence.startswith("must") else ": "
    text = f"{path}{space}{sentence}" if path else sentence
    # one line, whatever the keys are called
    raise _WrongError("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))
