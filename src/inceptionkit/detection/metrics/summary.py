"""All scores of a detector on one set of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inceptionkit.detection.metrics.coco import CocoScores, coco_scores
from inceptionkit.detection.metrics.voc import Curve, curve, voc_2007, voc_2012
from inceptionkit.detection.types import AnnotatedImage, Detections


@dataclass(frozen=True, slots=True, eq=False)
class ClassScores:
    """Scores of one class; NaN without objects."""

    name: str
    ap50: float  # VOC 2012's average precision at IoU 0.5
    ap50_11_points: float  # VOC 2007's
    ap: float  # COCO's, mean over IoU from 0.5 to 0.95
    curve: Curve  # at IoU 0.5


@dataclass(frozen=True, slots=True, eq=False)
class DetectionScores:
    """Scores of a detector; NaN where nothing counts."""

    images: int
    classes: tuple[ClassScores, ...]
    coco: CocoScores

    @property
    def map50(self) -> float:
        """Mean over classes of VOC 2012's average precision at IoU 0.5."""
        return _mean([one.ap50 for one in self.classes])

    @property
    def map50_11_points(self) -> float:
        """Mean over classes of VOC 2007's average precision at IoU 0.5."""
        return _mean([one.ap50_11_points for one in self.classes])

    def best_score(self) -> float:
        """The score from which the mean over classes of F1 is best: what to show to people.

        0.5 where nothing was found.
        """
        curves = [one.curve for one in self.classes if one.curve.objects]
        steps = np.linspace(0.01, 0.99, 99)
        means = np.zeros(len(steps))
        for one in curves:
            shown = np.searchsorted(-one.scores, -steps, side="right")
            hits = np.concatenate([[0.0], one.recall * one.objects])[shown]
            means += 2 * hits / (shown + one.objects) / len(curves)
        best = np.flatnonzero(means == means.max())
        return float(steps[best[len(best) // 2]]) if means.any() else 0.5

    def to_json(self) -> dict[str, Any]:
        """The numbers; null where nothing counts."""
        coco = {
            name: _or_none(getattr(self.coco, name))
            for name in CocoScores.__slots__
            if name != "per_class"
        }
        return {
            "images": self.images,
            "map50": _or_none(self.map50),
            "map50_11_points": _or_none(self.map50_11_points),
            "coco": coco,
            "classes": {
                one.name: {
                    "objects": one.curve.objects,
                    "ap50": _or_none(one.ap50),
                    "ap50_11_points": _or_none(one.ap50_11_points),
                    "ap": _or_none(one.ap),
                }
                for one in self.classes
            },
        }


def score(
    images: Sequence[AnnotatedImage], found: Sequence[Detections], classes: Sequence[str]
) -> DetectionScores:
    """Score what a detector found in each of some images."""
    coco = coco_scores(images, found, len(classes))
    rows = []
    for label, name in enumerate(classes):
        one = curve(images, found, label)
        ap = float(coco.per_class[label])
        rows.append(ClassScores(name, voc_2012(one), voc_2007(one), ap, one))
    return DetectionScores(len(images), tuple(rows), coco)


def _mean(values: Sequence[float]) -> float:
    counted = [value for value in values if not np.isnan(value)]
    return float(np.mean(counted)) if counted else float("nan")


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
