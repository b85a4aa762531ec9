"""What a run held out of its images, for its detector to be scored on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from inceptionkit.data.types import SetName
from inceptionkit.detection.types import DetectionSet
from inceptionkit.errors import InceptionError
from inceptionkit.model.folder import CARD


def divided_as_trained(model: Path, opened: DetectionSet) -> DetectionSet:
    """The images of a run in the sets that the run made of them; other images as they are.

    Their boxes and labels may have been corrected since.

    Args:
        model: folder of a run, or of the detector in it.
        opened: the images.
    """
    run = model if (model / "model" / CARD).is_file() else model.parent
    if not (run / "model" / CARD).is_file():  # a detector without its run, or an export
        return opened
    from inceptionkit.detection.rcnn import start as rcnn
    from inceptionkit.detection.shared import start as shared

    divide_again = rcnn.divide_again if rcnn.is_rcnn_run(run) else shared.divide_again
    try:
        sets = divide_again(run, opened, corrected=True)
    except InceptionError:  # these are other images, or what the run wrote of them is lost
        return opened
    parts: dict[SetName, DetectionSet] = {"train": sets.train, "val": sets.val, "test": sets.test}
    images = tuple(replace(one, set=name) for name, part in parts.items() for one in part)
    return replace(opened, images=images)
