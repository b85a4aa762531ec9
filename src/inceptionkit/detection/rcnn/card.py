"""What the `model.json` of an R-CNN says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypedDict

from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.model.folder import CARD, RCNN
from inceptionkit.records import Between

REGRESSION = "regression.safetensors"


class RcnnMetrics(TypedDict, total=False):
    """What a detector scored when it was trained."""

    set: str  # "val" or "test"
    images: Annotated[int, Between(0, 2**53)]
    map50: Annotated[float | None, Between(0, 1)]
    ap50: Mapping[str, Annotated[float | None, Between(0, 1)]]  # of each class


@dataclass(frozen=True, slots=True, kw_only=True)
class RcnnCard:
    """Everything about an R-CNN but its classifiers.

    Attributes:
        classes: names, in the order of the labels.
        classifiers: folders of the models, beside this file.
        settings: how regions are chosen, warped and answered for.
        regression: SHA-256 of the box regression; None without.
        proposer: SHA-256 of the `model.json` of the proposer in its folder; None without.
        show: score from which boxes are worth showing to people.
        depth: bits that deep images use, as `Preprocessing.depth` says.
    """

    classes: tuple[str, ...]
    classifiers: tuple[str, ...]
    settings: RegionSettings
    regression: str | None = None
    proposer: str | None = None
    show: Annotated[float, Between(0, 1)] = 0.5
    depth: Annotated[int, Between(1, 32)] = 16
    metrics: RcnnMetrics = field(default_factory=RcnnMetrics)


def is_rcnn(path: Path) -> bool:
    """Whether a folder is that of an R-CNN, or of a run that trained one."""
    return any(
        (folder / CARD).is_file() and f'"{RCNN}"' in _beginning(folder / CARD)
        for folder in (path, path / "model")
    )


def _beginning(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(64).decode(errors="replace")
