"""run.json of a run that trains a detector: everything needed to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypedDict

from inceptionkit import records
from inceptionkit.detection.shared.card import DetectMetrics
from inceptionkit.detection.shared.design import Design
from inceptionkit.detection.shared.recipe import DetectRecipe
from inceptionkit.detection.shared.request import DetectTrainRequest
from inceptionkit.errors import InceptionError, RunError
from inceptionkit.files import read_bounded
from inceptionkit.machine import facts
from inceptionkit.model.card import MOST_CARD_BYTES
from inceptionkit.model.folder import DETECTOR
from inceptionkit.preprocess import Preprocessing
from inceptionkit.records import Between
from inceptionkit.training.budget import Budget, Epochs, parse_budget
from inceptionkit.training.execution import Execution, Trial
from inceptionkit.training.run.initial_weights import InitialWeights
from inceptionkit.training.run.record import FILE, versions
from inceptionkit.training.schedule import Plan


class _DetectDataFacts(TypedDict):
    address: str
    layout: str
    fingerprint: str
    classes: list[str]
    sets: Mapping[str, Annotated[int, Between(0, 2**53)]]  # "train", "val", "test" -> images
    rule: str
    unusable: Annotated[int, Between(0, 2**53)]


class DetectDataFacts(_DetectDataFacts, total=False):
    """What run.json says of the data."""

    images: str  # fingerprint of the images without boxes: what their division depends on


class DetectRunResult(TypedDict):
    """What run.json says of the end of a run, as `DetectTrainResult` does."""

    run: str
    model: str
    epochs: Annotated[float, Between(0, 1e9)]
    kept_epoch: Annotated[int, Between(1, 10**9)]
    seconds: Annotated[float, Between(0, 1e12)]
    metrics: DetectMetrics
    images_per_second: Annotated[float, Between(0, 1e12)]
    peak_bytes: Annotated[int | None, Between(0, 2**63)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectRecord:
    """What run.json holds. A decision makes a new one, which is written before it is followed."""

    made_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    request: DetectTrainRequest  # as it is stored
    data: DetectDataFacts
    reasons: tuple[str, ...] = ()  # what was chosen without being asked for, and why
    recipe: DetectRecipe
    threads: int
    start: InitialWeights | None = None  # of the trunk, in place of random ones
    probe: tuple[Trial, ...] = ()
    execution: Execution | None = None
    plans: tuple[Plan, ...] = ()
    result: DetectRunResult | None = None
    versions: Mapping[str, str] = field(default_factory=versions)
    machine: Mapping[str, str | int | None] = field(default_factory=facts)
    preprocessing: Preprocessing
    design: Design

    @property
    def budget(self) -> Budget:
        """How long the run may be."""
        if self.request.budget is not None:
            return parse_budget(self.request.budget)
        return Epochs(self.request.epochs or self.recipe.epochs)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {"format": DETECTOR, **records.to_json(self)}


def read_detect_record(folder: Path) -> DetectRecord:
    """Read the run.json of a run that trains a detector.

    Raises:
        RunError: there is none, it is damaged, or the run trains something else.
    """
    path = folder / FILE
    try:
        data = records.STRICT.decode(read_bounded(path, MOST_CARD_BYTES).decode())
        if not isinstance(data, dict) or data.pop("format", None) != DETECTOR:
            msg = "it is not of a run that trains a detector"
            raise RunError(msg)
        return records.from_json(DetectRecord, data, at="", error=RunError)
    except FileNotFoundError as error:
        msg = f"{folder}: no run there, it holds no {FILE}; give the folder that `detect train` "
        raise RunError(msg + "printed") from error
    except (*records.UNREADABLE, InceptionError) as error:
        msg = f"{path}: cannot be used ({error}); start the run again in another folder"
        raise RunError(msg) from error
