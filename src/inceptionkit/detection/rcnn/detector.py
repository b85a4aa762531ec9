"""Finding objects with R-CNN: propose, warp, classify, correct, suppress."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from inceptionkit.detection.boxes import clip, suppress_per_class
from inceptionkit.detection.proposals import Proposer, candidates
from inceptionkit.detection.rcnn.regress import BoxRegression
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.rcnn.warp import warp
from inceptionkit.detection.types import Boxes, Detections, Pixels
from inceptionkit.evaluation.classifier import Classifier
from inceptionkit.evaluation.early_exit import Policy, RunToTheEnd
from inceptionkit.evaluation.inference import network_input, predict_with_early_exit
from inceptionkit.network import stages

TO_THE_END: Policy = RunToTheEnd()
_BATCH = 64
_MOST_FEATURES = 4096  # of a region, for the box regression


@dataclass(frozen=True, slots=True, eq=False)
class RegionScores:
    """What the classifiers say of regions."""

    probabilities: NDArray[np.float32]  # (n, classes + 1), background last; mean of the classifiers
    exits: tuple[str, ...]  # (n,), where the first classifier answered


@dataclass(frozen=True, slots=True, eq=False)
class RcnnDetector:
    """Classifiers on proposals; satisfies `detection.types.Detector`.

    Attributes:
        classes: names, without background.
        classifiers: one, or an ensemble; each with the classes and background, in any order.
        columns: for each classifier its column of every class and, last, of background.
        how: the settings.
        regression: corrects boxes; None to leave proposals as they are.
        policy: when a classifier answers at an exit.
        proposer: proposes beside selective search; None for the search alone.
    """

    classes: tuple[str, ...]
    classifiers: tuple[Classifier, ...]
    columns: tuple[NDArray[np.int64], ...]
    how: RegionSettings
    regression: BoxRegression | None = None
    policy: Policy = TO_THE_END
    proposer: Proposer | None = None

    def detect(self, image: Pixels) -> Detections:
        """Find the objects of one image.

        Args:
            image: (height, width, 3) uint8, RGB, upright.

        Returns:
            What is found, after non-maximum suppression, of any score from `how.least_score`.
        """
        return self.detect_among(image, candidates(image, self.how.search, self.proposer))

    def detect_among(self, image: Pixels, proposals: Boxes) -> Detections:
        """The same, with regions that somebody else proposes.

        Args:
            image: as in `detect`.
            proposals: (n, 4) boxes within it.
        """
        scores = self.scores(image, proposals)
        rows, labels = np.nonzero(scores.probabilities[:, :-1] >= self.how.least_score)
        values = scores.probabilities[rows, labels]
        boxes = proposals[rows]
        if self.regression is not None:
            distinct, at = np.unique(rows, return_inverse=True)
            features = self.features(image, proposals[distinct])
            boxes = self.regression.correct(boxes, labels, features[at])
        boxes = clip(boxes, image.shape[:2])
        whole = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        boxes, labels, values, rows = boxes[whole], labels[whole], values[whole], rows[whole]
        kept = suppress_per_class(boxes, values, labels, self.how.same)[: self.how.most_boxes]
        exits = tuple(scores.exits[row] for row in rows[kept])
        return Detections(boxes[kept], labels[kept], values[kept], exits)

    def scores(self, image: Pixels, boxes: Boxes) -> RegionScores:
        """Classify regions with every classifier.

        Args:
            image: (height, width, 3), RGB.
            boxes: (n, 4).
        """
        parts = [self._scores(image, some) for some in _batches(boxes)]
        if not parts:
            return RegionScores(np.zeros((0, len(self.classes) + 1), np.float32), ())
        exits = tuple(exit_ for part in parts for exit_ in part.exits)
        return RegionScores(np.concatenate([part.probabilities for part in parts]), exits)

    def _scores(self, image: Pixels, boxes: Boxes) -> RegionScores:
        """The same of one batch; classifiers of one side look at the same squares."""
        total = np.zeros((len(boxes), len(self.classes) + 1), np.float32)
        exits, squares = ("main",) * len(boxes), dict[int, Tensor]()
        for number, (one, columns) in enumerate(zip(self.classifiers, self.columns, strict=True)):
            preprocessing = one.card.preprocessing
            if preprocessing.size not in squares:
                squares[preprocessing.size] = self._squares(image, boxes, preprocessing.size)
            answers = predict_with_early_exit(
                one.model, squares[preprocessing.size], preprocessing, self.policy, batch=_BATCH
            )
            total += answers.probabilities[:, columns] / len(self.classifiers)
            if number == 0:
                exits = tuple(answers.names[at] for at in answers.exits.tolist())
        return RegionScores(total, exits)

    def _squares(self, image: Pixels, boxes: Boxes, side: int) -> Tensor:
        """(n, 3, side, side) uint8 regions as a classifier sees them."""
        return torch.from_numpy(warp(image, boxes, side, self.how.context)).permute(0, 3, 1, 2)

    @torch.inference_mode()
    def features(self, image: Pixels, boxes: Boxes) -> NDArray[np.float32]:
        """(n, features) what the first classifier's trunk sees of regions, on a coarse grid."""
        one = self.classifiers[0]
        preprocessing = one.card.preprocessing
        (stage,) = stages(one.model, ())
        parts = []
        for some in _batches(boxes):
            pixels = self._squares(image, some, preprocessing.size)
            x = stage.body(network_input(one.model, preprocessing, pixels)).float()
            grid = max(1, min(x.shape[2], math.isqrt(_MOST_FEATURES // x.shape[1])))
            parts.append(adaptive_avg_pool2d(x, grid).flatten(1).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)


def _batches(boxes: Boxes) -> Iterator[Boxes]:
    """The boxes, few at once: the squares of all would be gigabytes."""
    return (boxes[start : start + _BATCH] for start in range(0, len(boxes), _BATCH))
