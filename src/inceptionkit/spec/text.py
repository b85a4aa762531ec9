"""A network as JSON and back: what a model folder and an architecture file hold."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any

from inceptionkit import records
from inceptionkit.errors import SpecError
from inceptionkit.spec.nodes import Net

_LINE = 100  # columns


def to_json(net: Net) -> dict[str, Any]:
    """Plain JSON types: a list is a chain, [name, node] a named one."""
    plain: dict[str, Any] = records.to_json(net)
    return plain


def from_json(data: Any) -> Net:  # noqa: ANN401 - JSON of unknown content
    """Read what `to_json` wrote.

    Raises:
        SpecError: something is missing, unknown or of the wrong type; the place is named.
    """
    return records.from_json(Net, data, at="architecture", error=SpecError)


def to_text(net: Net) -> str:
    """JSON for people to read and edit: about an operator a line, without fields at their default.

    `from_json` reads it.
    """
    stated = {field.name: _stated(getattr(net, field.name)) for field in fields(net)}
    return _laid_out(stated, 0) + "\n"


def _stated(value: object) -> records.Json:
    """What `records.to_json` gives, without fields of parts that have their default."""
    if isinstance(value, tuple):
        return [_stated(part) for part in value]
    if not is_dataclass(value):
        return value
    given = {
        field.name: _stated(part)
        for field in fields(value)
        if (part := getattr(value, field.name)) != field.default
    }
    tag = getattr(value, "TAG", None)
    return given if tag is None else {records.TYPE: tag} | given


def _laid_out(value: records.Json, indent: int) -> str:
    """JSON on one line where it fits, and with a line for each of its parts otherwise."""
    line = json.dumps(value, allow_nan=False)
    if not isinstance(value, list | dict) or len(line) + indent <= _LINE:
        return line
    inner, outer = "\n" + " " * (indent + 1), "\n" + " " * indent
    if isinstance(value, list):
        parts = [_laid_out(part, indent + 1) for part in value]
        return f"[{inner}{f',{inner}'.join(parts)}{outer}]"
    parts = [f"{json.dumps(key)}: {_laid_out(part, indent + 1)}" for key, part in value.items()]
    return f"{{{inner}{f',{inner}'.join(parts)}{outer}}}"
