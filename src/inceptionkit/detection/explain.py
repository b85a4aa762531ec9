"""Why a detector sees objects where it does, as pictures."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit.detection.boxes import clip
from inceptionkit.detection.rcnn.detector import RcnnDetector
from inceptionkit.detection.rcnn.warp import GREY, warp
from inceptionkit.detection.shared.fit import fill_of, fitted
from inceptionkit.detection.shared.predict import SharedDetector
from inceptionkit.detection.types import Boxes, Detections, Detector, Pixels
from inceptionkit.errors import RecipeError
from inceptionkit.evaluation.explain.explanation import (
    ExitExplanation,
    Explanation,
    explain_images,
)
from inceptionkit.evaluation.explain.overlays import TILE, grid
from inceptionkit.spec import ordered_exits

MOST = 8
"""Objects of an image that are explained: the best ones."""

_CELLS = 7  # along a side, that are covered one after the other
_CONTEXT = 0.15  # around an object, share of the side of what is shown


def explain_objects(detector: Detector, image: Pixels, found: Detections) -> bytes:
    """A PNG picture with a row for each object.

    R-CNN: the regions that speak for the class, at every exit, as `explain` shows them. Shared
    features: parts of the region are covered one after the other; those count whose absence lowers
    the score.

    Args:
        detector: one that runs in torch.
        image: (height, width, 3).
        found: the objects, at least one; the first `MOST` are shown.

    Raises:
        RecipeError: the detector is an exported graph.
    """
    boxes, labels = found.boxes[:MOST], found.labels[:MOST]
    match detector:
        case RcnnDetector():
            one = detector.classifiers[0]
            crops = list(warp(image, boxes, one.card.preprocessing.size, detector.how.context))
            names = [detector.classes[label] for label in labels.tolist()]
            exits = [*(exit_.name for exit_ in ordered_exits(one.card.architecture)), "main"]
            numbers = detector.columns[0][labels].tolist()
            rows = list(zip(names, crops, strict=True))
            return grid(crops, explain_images(one, rows, exits, classes=numbers))
        case SharedDetector():
            crops = list(warp(image, boxes, TILE, _CONTEXT))
            explained = [
                _covered(detector, image, box, int(label))
                for box, label in zip(boxes, labels, strict=True)
            ]
            return grid(crops, explained)
        case _:
            msg = "an exported detector cannot be explained; give the run that it was exported from"
            raise RecipeError(msg)


def _covered(detector: SharedDetector, image: Pixels, box: Boxes, label: int) -> Explanation:
    """How the score of an object falls where a part of its region is covered."""
    whole = _probabilities(detector, image, box)
    around = (box[2:] - box[:2]) * (_CONTEXT / (1 - 2 * _CONTEXT))
    low, high = box[:2] - around, box[2:] + around
    steps = np.linspace(low, high, _CELLS + 1)
    fall = np.zeros((_CELLS, _CELLS), np.float32)
    for row in range(_CELLS):
        for column in range(_CELLS):
            part = np.array(
                [[steps[column, 0], steps[row, 1], steps[column + 1, 0], steps[row + 1, 1]]],
                np.float32,
            )
            x1, y1, x2, y2 = clip(part, (image.shape[0], image.shape[1]))[0].round().astype(int)
            if x2 > x1 and y2 > y1:
                covered = image.copy()
                covered[y1:y2, x1:x2] = GREY
                fall[row, column] = whole[label] - _probabilities(detector, covered, box)[label]
    guess = int(whole.argmax())
    explained = ExitExplanation(
        label=detector.classes[guess],
        probability=float(whole[guess]),
        class_probability=float(whole[label]),
        method="occlusion",
        map=fall,
    )
    name = detector.classes[label]
    return Explanation(path=name, class_=name, exits={"main": explained})


@torch.inference_mode()
def _probabilities(detector: SharedDetector, image: Pixels, box: Boxes) -> NDArray[np.float32]:
    """(classes,) probability of each class for one region."""
    size = detector.model.design.size
    pixels, scale = fitted(image, size, fill_of(detector.preprocessing))
    seen = detector.model(detector.prepared(pixels))
    region = torch.from_numpy(box * scale)[None, None].to(seen.features.device)
    said = detector.model.regions(seen.features, region)
    scores: NDArray[np.float32] = said.classes[0, 0].softmax(0)[1:].cpu().numpy()
    return scores
