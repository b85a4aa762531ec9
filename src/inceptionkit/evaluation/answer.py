"""What a model says of one image, or why it could not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inceptionkit.evaluation.predictor import Prediction

UNSURE_BELOW = 0.5
"""Confidence below which an answer is unsure, unless another is asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One image: what the model says of it, or why it could not."""

    path: str
    prediction: Prediction | None
    error: str | None
    unsure: bool = False  # whether its confidence is lower than was asked for

    def to_json(self) -> dict[str, Any]:
        """What `predict --json` prints."""
        found = self.prediction
        if found is None:
            return {"path": self.path, "error": self.error}
        return {
            "path": self.path,
            "label": found.label,
            "probability": found.probability,
            "exit": found.exit,
            "unsure": self.unsure,
            "ms": found.ms,
            "top": [{"label": label, "probability": p} for label, p in found.top],
        }
