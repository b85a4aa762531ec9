"""Choosing, on validation images, what a detector's exits answer: empty areas and easy regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from inceptionkit.detection.metrics.summary import DetectionScores, score
from inceptionkit.detection.shared.fit import fill_of, fitted
from inceptionkit.detection.shared.predict import Scan, SharedDetector, Work
from inceptionkit.detection.types import DetectionSet
from inceptionkit.progress import Listener, Progress
from inceptionkit.text import percent

_KEPT = 0.999  # share of the objects of val that the rejecter must not lose
_WORTH = 0.05  # share of the area, or of the regions, that an exit must save
_LOSS = 0.002  # of the mean average precision that the rejecter may cost
_REGION_LOSS = 0.001  # that the exit for regions may cost, at IoU 0.5 and from 0.5 to 0.95
_CHOICES = 64  # shares of the regions between which the exit is chosen


@dataclass(frozen=True, slots=True)
class Chosen:
    """What validation images decided.

    Attributes:
        detector: with its exits.
        show: the score from which boxes are worth showing to people.
        why: a sentence for each exit.
    """

    detector: SharedDetector
    show: float
    why: tuple[str, str]


@torch.inference_mode()
def choose_exits(detector: SharedDetector, val: DetectionSet, listener: Listener) -> Chosen:
    """Choose what the proposer's exit answers, then what the rejecter does.

    Args:
        detector: looks everywhere, and classifies every region.
        val: images, each with its objects.
        listener: hears progress.
    """
    scans = []
    for number, image in enumerate(val, 1):
        scans.append(detector.scan(image.pixels()))
        listener.progress(Progress(what="choosing the exits", done=number, total=len(val)))
    most = detector.model.design.most
    scores = score(val.images, [scan.detections(most) for scan in scans], val.classes)
    region_exit, first = _region_exit(scans, scores, val, most)
    detector = replace(detector, region_exit=region_exit)
    reject, second = _reject(detector, scores, val, listener)
    return Chosen(replace(detector, reject=reject), scores.best_score(), (first, second))


def _region_exit(
    scans: Sequence[Scan], scores: DetectionScores, val: DetectionSet, most: int
) -> tuple[float | None, str]:
    """The highest logit below which regions can be taken for background at almost no loss."""
    if not scores.map50 > 0:
        return None, "the exit for regions answers none: nothing is found in val"
    logits = [
        scan.candidates.objectness.cpu().numpy() for scan in scans if scan.candidates is not None
    ]
    steps = np.quantile(np.concatenate(logits), np.arange(1, _CHOICES) / _CHOICES)
    low, high, lost = 0, len(steps), 0.0  # the step before `low` is known to do
    while low < high:
        middle = (low + high) // 2
        cut = [scan.at_exit(float(steps[middle])) for scan in scans]
        found = score(val.images, [scan.detections(most) for scan in cut], val.classes)
        losses = scores.map50 - found.map50, scores.coco.ap - found.coco.ap
        if max(losses) <= _REGION_LOSS:
            low, lost = middle + 1, losses[0]
        else:
            high = middle
    logit = float(steps[max(0, low - 1)])
    share = regions_skipped([scan.at_exit(logit).work() for scan in scans])
    if not low or share < _WORTH:
        return None, "the exit for regions answers none: on val, almost every region counts"
    why = f"the exit for regions answers {percent(share)} of them on val, mAP {0.0 - lost:+.3f}"
    return logit, why


def regions_skipped(work: Sequence[Work]) -> float:
    """Share of the proposed regions of some images that the exit for regions answered."""
    return sum(one.skipped for one in work) / max(1, sum(one.regions for one in work))


def _reject(
    detector: SharedDetector, scores: DetectionScores, val: DetectionSet, listener: Listener
) -> tuple[float | None, str]:
    """The logit up to which an area counts as empty: the highest that loses almost no object.

    It is kept where it saves computation and the scores stay; images that are full of objects, as
    cells under a microscope are, save none.
    """
    highest = [logit for image in val for logit in _logits(detector, image.pixels(), image.boxes)]
    if not highest:
        return None, "the rejecter looks everywhere: val has no objects to choose with"
    logit = float(np.quantile(highest, 1 - _KEPT, method="lower")) - 1e-4
    rejecting, seen = replace(detector, reject=logit), []
    for number, image in enumerate(val, 1):
        seen.append(rejecting.detect_and_tell(image.pixels()))
        listener.progress(Progress(what="choosing the rejecter", done=number, total=len(val)))
    share = float(np.mean([work.area for _, work in seen]))
    lost = scores.map50 - score(val.images, [one for one, _ in seen], val.classes).map50
    if share > 1 - _WORTH or not lost <= _LOSS:
        why = f"the rejecter looks everywhere: on val it would keep {percent(share)} of the area"
        return None, why
    why = f"the rejecter skips {percent(1 - share)} of the area on val, mAP {0.0 - lost:+.3f}"
    return logit, why


def _logits(detector: SharedDetector, pixels: np.ndarray, boxes: np.ndarray) -> list[float]:
    """For each object the highest logit of the areas that it reaches into."""
    model = detector.model
    fit, scale = fitted(pixels, model.design.size, fill_of(detector.preprocessing))
    occupied = model.early(detector.prepared(fit))[1][0]
    down, right = model.area_scale
    found = []
    for x1, y1, x2, y2 in (boxes * scale).tolist():
        rows = slice(int(y1 * down), int(np.ceil(y2 * down)) or 1)
        columns = slice(int(x1 * right), int(np.ceil(x2 * right)) or 1)
        part = occupied[rows, columns]
        if part.numel():
            found.append(float(part.max()))
    return found
