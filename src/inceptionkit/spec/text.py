"""A network as JSON and back: what a model folder and an architecture file hold."""

from __future__ import annotations

from typing import Any

from inceptionkit import records
from inceptionkit.errors import SpecError
from inceptionkit.spec.nodes import Net


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
