"""The model card: everything about a model but its weights, as `model.json` says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, TypedDict

from inceptionkit import records
from inceptionkit.model.exit_policy import ExitPolicy
from inceptionkit.model.export_info import ExportInfo
from inceptionkit.model.seen import Seen
from inceptionkit.preprocess import Preprocessing
from inceptionkit.records import Between
from inceptionkit.spec import Net

FORMAT = 1  # of model.json; a reader refuses what it does not know

MOST_CARD_BYTES = 2**25
"""Most bytes of a model.json or run.json: 32 MiB; usual ones have 20 kB and a line for each class.

What is read takes some 40 times as much memory at most.
"""


class ExitScores(TypedDict):
    """What a classifier scored; None where nothing was."""

    top1: Annotated[float | None, Between(0, 1)]
    top5: Annotated[float | None, Between(0, 1)]


class Metrics(TypedDict, total=False):
    """What a model scored when it was trained."""

    set: str  # "val" or "test"
    images: Annotated[int, Between(0, 2**53)]
    top1: Annotated[float | None, Between(0, 1)]
    top5: Annotated[float | None, Between(0, 1)]
    exits: Mapping[str, ExitScores]


class Origin(TypedDict, total=False):
    """Where a model comes from: a run, a file of another program, a larger model."""

    data: str
    recipe: str
    seed: Annotated[int, Between(0, 2**63)]
    split_seed: Annotated[int, Between(0, 2**63)]
    versions: Mapping[str, str]
    file: str
    sha256: str
    kind: str
    revision: str  # of the repository on huggingface.co
    pruned_from: str
    pruned_at: str
    start: str  # the model that its training began with
    knows: str  # what its classes are, in a few words
    license: str  # of the weights
    terms: str  # of the images that it was trained on


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything about a model but its weights."""

    architecture: Net
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    metrics: Metrics = field(default_factory=Metrics)
    origin: Origin = field(default_factory=Origin)
    exit_policy: ExitPolicy | None = None  # chosen on held-out images; None if none was
    exported: ExportInfo | None = None  # what the graphs are; None beside tensors
    seen: Seen | None = None  # images, in a file of its own; None where nobody knows


def card_to_json(card: Card, sums: Mapping[str, str]) -> dict[str, Any]:
    """What `model.json` says of a model, and the SHA-256 of each file beside it."""
    plain: dict[str, Any] = records.to_json(replace(card, seen=None))
    del plain["seen"]
    return {"format": FORMAT, "files": dict(sums)} | plain
