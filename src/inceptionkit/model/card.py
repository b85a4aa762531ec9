"""The model card: everything about a model but its weights, as `model.json` says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inceptionkit import records
from inceptionkit.errors import WeightsError
from inceptionkit.model.exit_policy import ExitPolicy
from inceptionkit.model.export_info import ExportInfo
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net, is_classifier, steps

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


def card_to_json(card: Card, sums: Mapping[str, str]) -> dict[str, Any]:
    """What `model.json` says of a model, and the SHA-256 of each file beside it."""
    plain: dict[str, Any] = records.to_json(card)
    return {"format": FORMAT, "files": dict(sums)} | plain


def card_from_json(data: Mapping[str, Any]) -> tuple[Card, dict[str, str]]:
    """What `card_to_json` wrote.

    Raises:
        InceptionError: a key is missing or unknown, or a value is wrong.
    """
    plain = {key: value for key, value in data.items() if key not in {"format", "files"}}
    card = records.from_json(Card, plain, at="", error=WeightsError)
    if len(set(card.classes)) < len(card.classes):
        msg = "two classes have the same name"
        raise WeightsError(msg)
    for step in steps(card.architecture):
        if is_classifier(step.op) and step.y.channels != len(card.classes):
            msg = f"{step.at}: {step.y.channels} outputs and {len(card.classes)} classes"
            raise WeightsError(msg)
    if card.exit_policy is not None:
        card.exit_policy.check(card.architecture)
    if card.exported is not None:
        card.exported.check(card.architecture)
    sums = data.get("files")
    if not isinstance(sums, dict):
        msg = f"files must be an object, got {sums!r:.80}"
        raise WeightsError(msg)
    return card, sums
