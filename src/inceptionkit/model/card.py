"""The model card: everything about a model but its weights, as `model.json` says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from inceptionkit import records
from inceptionkit.model.exit_policy import ExitPolicy
from inceptionkit.model.export_info import ExportInfo
from inceptionkit.model.seen import Seen
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net

FORMAT = 1  # of model.json; a reader refuses what it does not know


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything about a model but its weights."""

    architecture: Net
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    metrics: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)  # data, recipe, versions
    exit_policy: ExitPolicy | None = None  # chosen on held-out images; None if none was
    exported: ExportInfo | None = None  # what the graphs are; None beside tensors
    seen: Seen | None = None  # images, in a file of its own; None where nobody knows


def card_to_json(card: Card, sums: Mapping[str, str]) -> dict[str, Any]:
    """What `model.json` says of a model, and the SHA-256 of each file beside it."""
    plain: dict[str, Any] = records.to_json(replace(card, seen=None))
    del plain["seen"]
    return {"format": FORMAT, "files": dict(sums)} | plain
