"""Choosing where a detector may look away: at areas that its early exit takes for empty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from inceptionkit.detection.metrics.summary import score
from inceptionkit.detection.shared.fit import fill_of, fitted
from inceptionkit.detection.shared.predict import SharedDetector
from inceptionkit.detection.types import DetectionSet
from inceptionkit.progress import Listener, Progress
from inceptionkit.text import percent

_KEPT = 0.999  # share of the objects of val that the rejecter must not lose
_WORTH = 0.05  # share of the area that it must save
_LOSS = 0.002  # of the mean average precision that it may cost


@torch.inference_mode()
def choose_reject(
    detector: SharedDetector, val: DetectionSet, listener: Listener
) -> tuple[float | None, float, str]:
    """The logit up to which an area counts as empty, from validation images.

    It is the highest that loses almost no object. It is kept where it saves computation and the
    scores stay; images that are full of objects, as cells under a microscope are, save none.

    Args:
        detector: looks everywhere.
        val: images, each with its objects.
        listener: hears progress.

    Returns:
        The logit, or None to look everywhere; the score from which boxes are worth showing; and a
        sentence that says why.
    """
    highest = [logit for image in val for logit in _logits(detector, image.pixels(), image.boxes)]
    whole = [detector.detect(image.pixels()) for image in val]
    scores = score(val.images, whole, val.classes)
    show = scores.best_score()
    if not highest:
        return None, show, "the rejecter looks everywhere: val has no objects to choose with"
    logit = float(np.quantile(highest, 1 - _KEPT, method="lower")) - 1e-4
    rejecting, seen = replace(detector, reject=logit), []
    for number, image in enumerate(val, 1):
        seen.append(rejecting.detect_and_tell(image.pixels()))
        listener.progress(Progress(what="choosing the rejecter", done=number, total=len(val)))
    share = float(np.mean([part for _, part in seen]))
    lost = scores.map50 - score(val.images, [one for one, _ in seen], val.classes).map50
    if share > 1 - _WORTH or not lost <= _LOSS:
        why = f"the rejecter looks everywhere: on val it would keep {percent(share)} of the area"
        return None, show, why
    why = f"the rejecter skips {percent(1 - share)} of the area on val, mAP {0.0 - lost:+.3f}"
    return logit, show, why


def _logits(detector: SharedDetector, pixels: np.ndarray, boxes: np.ndarray) -> list[float]:
    """For each object the highest logit of the areas that it reaches into."""
    size = detector.model.design.size
    fit, scale = fitted(pixels, size, fill_of(detector.preprocessing))
    occupied = detector.model.early(detector.prepared(fit))[1][0]
    down, right = (count / side for count, side in zip(occupied.shape, size, strict=True))
    found = []
    for x1, y1, x2, y2 in (boxes * scale).tolist():
        rows = slice(int(y1 * down), int(np.ceil(y2 * down)) or 1)
        columns = slice(int(x1 * right), int(np.ceil(x2 * right)) or 1)
        part = occupied[rows, columns]
        if part.numel():
            found.append(float(part.max()))
    return found
