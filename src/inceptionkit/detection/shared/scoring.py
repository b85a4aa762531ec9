"""What a detector finds in many images, one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import monotonic

from inceptionkit.detection.shared.predict import SharedDetector
from inceptionkit.detection.types import AnnotatedImage, Detections
from inceptionkit.progress import Listener, Progress

PROGRESS_SECONDS = 0.2


def detect_all(
    detector: SharedDetector,
    images: Sequence[AnnotatedImage],
    listener: Listener | None = None,
    what: str = "",
) -> list[Detections]:
    """What a detector finds in each of some images."""
    found, reported = [], 0.0
    for number, image in enumerate(images, 1):
        found.append(detector.detect(image.pixels()))
        if listener is not None and monotonic() - reported > PROGRESS_SECONDS:
            reported = monotonic()
            listener.progress(Progress(what=what, done=number, total=len(images)))
    return found


def number_of(value: float) -> float | None:
    """A score; None where nothing counts."""
    return None if math.isnan(value) else value
