"""A network as JSON and back: what a model folder and an architecture file hold."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from inceptionkit.errors import SpecError, did_you_mean
from inceptionkit.spec import nodes
from inceptionkit.spec.nodes import (
    AdaptivePool,
    Conv,
    Dropout,
    Exit,
    GlobalPool,
    Linear,
    LocalNorm,
    Named,
    Net,
    Node,
    Pool,
    Split,
)

OPS: Mapping[str, type] = {
    op.__name__: op for op in (Conv, Pool, AdaptivePool, LocalNorm, GlobalPool, Dropout, Linear)
}


def to_json(net: Net) -> dict[str, Any]:
    """Plain JSON types; every field is written, so that a later default changes nothing."""
    return {
        "name": net.name,
        "source": net.source,
        "image": list(net.image),
        "trunk": [[name, node_to_json(node)] for name, node in net.trunk],
        "head": node_to_json(net.head),
        "exits": [
            {
                "name": e.name,
                "after": e.after,
                "head": node_to_json(e.head),
                "loss_weight": e.loss_weight,
            }
            for e in net.exits
        ],
    }


def node_to_json(node: Node) -> Any:  # noqa: ANN401 - JSON
    """A list is a chain, {"paths": ...} a split, {"op": ...} an operator."""
    match node:
        case Split(paths):
            return {"paths": [[name, node_to_json(path)] for name, path in paths]}
        case tuple():
            return [node_to_json(child) for child in node]
        case _:
            return {"op": type(node).__name__} | flat(node)


def flat(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any of our dataclasses
    """Fields of a dataclass, tuples as lists."""
    out: dict[str, Any] = {}
    for field in fields(value):
        part = getattr(value, field.name)
        if is_dataclass(part):
            part = flat(part)
        out[field.name] = list(part) if isinstance(part, tuple) else part
    return out


def from_json(data: Any) -> Net:  # noqa: ANN401 - JSON of unknown content
    """Read what `to_json` wrote.

    Raises:
        SpecError: something is missing, unknown or of the wrong type; the place is named.
    """
    net = record("architecture", data, {"name", "source", "image", "trunk", "head", "exits"})
    image = typed("architecture.image", net["image"], tuple[int, int, int])
    return Net(
        name=typed("architecture.name", net["name"], str),
        source=typed("architecture.source", net["source"], str),
        image=image,
        trunk=named_from_json("trunk", net["trunk"]),
        head=node_from_json("head", net["head"]),
        exits=tuple(exit_from_json(i, e) for i, e in enumerate(listed("exits", net["exits"]))),
    )


def exit_from_json(index: int, data: Any) -> Exit:  # noqa: ANN401 - JSON
    """Read one exit."""
    at = f"exits[{index}]"
    e = record(at, data, {"name", "after", "head", "loss_weight"})
    return Exit(
        name=typed(f"{at}.name", e["name"], str),
        after=typed(f"{at}.after", e["after"], str),
        head=node_from_json(f"{at}.head", e["head"]),
        loss_weight=typed(f"{at}.loss_weight", e["loss_weight"], float),
    )


def named_from_json(at: str, data: Any) -> Named:  # noqa: ANN401 - JSON
    """Read [[name, node], ...].

    Raises:
        SpecError: it is no such list; the place is named.
    """
    out = []
    for i, pair in enumerate(listed(at, data)):
        match pair:
            case [str(name), node]:
                out.append((name, node_from_json(f"{at}.{name}", node)))
            case _:
                msg = f"{at}[{i}]: must be [name, node], got {pair!r}"
                raise SpecError(msg)
    return tuple(out)


def node_from_json(at: str, data: Any) -> Node:  # noqa: ANN401 - JSON
    """Read a chain, a split or an operator.

    Raises:
        SpecError: it is none of these; the place is named.
    """
    match data:
        case list():
            return tuple(node_from_json(f"{at}.{i}", child) for i, child in enumerate(data))
        case {"paths": paths}:
            return Split(named_from_json(at, record(at, data, {"paths"}) and paths))
        case {"op": str(name), **rest}:
            if name not in OPS:
                msg = f"{at}: no operator is called {name!r}; {did_you_mean(name, OPS)}"
                raise SpecError(msg)
            op: Node = value_from_json(at, rest, OPS[name])
            return op
        case _:
            msg = f'{at}: must be a list, {{"paths": ...}} or {{"op": ...}}, got {data!r:.80}'
            raise SpecError(msg)


def value_from_json(at: str, data: Any, kind: type) -> Any:  # noqa: ANN401 - JSON
    """Read a dataclass whose fields have defaults or are given."""
    hints = get_type_hints(kind, vars(nodes))
    needed = {f.name for f in fields(kind) if f.default is MISSING}
    values = record(at, data, needed, set(hints))
    return kind(**{key: typed(f"{at}.{key}", values[key], hints[key]) for key in values})


def record(at: str, data: Any, needed: set[str], known: set[str] | None = None) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Check that `data` is an object with the keys it needs and no key that nobody knows.

    Raises:
        SpecError: it is not; the place is named.
    """
    if not isinstance(data, dict):
        msg = f"{at}: must be an object, got {data!r:.80}"
        raise SpecError(msg)
    if missing := sorted(needed - data.keys()):
        msg = f"{at}: {missing[0]!r} is missing"
        raise SpecError(msg)
    if unknown := sorted(data.keys() - (known or needed)):
        msg = f"{at}: unknown key {unknown[0]!r}; {did_you_mean(unknown[0], known or needed)}"
        raise SpecError(msg)
    return data


def listed(at: str, data: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """Check that `data` is a list.

    Raises:
        SpecError: it is none; the place is named.
    """
    if not isinstance(data, list):
        msg = f"{at}: must be a list, got {data!r:.80}"
        raise SpecError(msg)
    return data


def typed(at: str, data: Any, kind: Any) -> Any:  # noqa: ANN401 - JSON in, `kind` out
    """Convert a JSON value to the annotated type of a field.

    Raises:
        SpecError: it has another; the place is named.
    """
    origin, args = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return one_of(at, data, args)
    if is_dataclass(kind) and isinstance(kind, type):
        return value_from_json(at, data, kind)
    if origin is Literal and data in args:
        return data
    if origin is tuple and isinstance(data, list) and len(data) == len(args):
        return tuple(typed(at, part, arg) for part, arg in zip(data, args, strict=True))
    if kind is float and isinstance(data, int | float) and not isinstance(data, bool):
        return float(data)
    if isinstance(kind, type) and type(data) is kind:
        return data
    msg = f"{at}: must be {' or '.join(wanted(kind))}, got {data!r:.80}"
    raise SpecError(msg)


def one_of(at: str, data: Any, kinds: Sequence[Any]) -> Any:  # noqa: ANN401 - JSON in, one of `kinds` out
    """Convert a JSON value to the first of several types that takes it.

    Raises:
        SpecError: none does; the place is named.
    """
    if data is None and types.NoneType in kinds:
        return None
    kinds = [kind for kind in kinds if kind is not types.NoneType]
    if len(kinds) == 1:
        return typed(at, data, kinds[0])
    for kind in kinds:
        with suppress(SpecError):
            return typed(at, data, kind)
    msg = (
        f"{at}: must be {' or '.join(w for kind in kinds for w in wanted(kind))}, got {data!r:.80}"
    )
    raise SpecError(msg)


def wanted(kind: Any) -> list[str]:  # noqa: ANN401 - an annotation
    """Say what an annotation allows."""
    if get_origin(kind) is Literal:
        return [repr(arg) for arg in get_args(kind)]
    return [str(getattr(kind, "__name__", kind))]
