"""The images of a run that trains an R-CNN: which can be decoded, and which it is checked on."""

from __future__ import annotations

from dataclasses import replace

from inceptionkit.data.checks import data_error
from inceptionkit.data.types import Unusable
from inceptionkit.detection.division import DividedSet
from inceptionkit.detection.rcnn.start import RcnnRun
from inceptionkit.detection.types import AnnotatedImage, DetectionSet
from inceptionkit.preprocess import UnusableImage
from inceptionkit.progress import Listener, Progress
from inceptionkit.text import plural
from inceptionkit.training.run import folder as folders

_CHECKED = 40  # images of val that say which scores are worth showing


def readable(run: RcnnRun) -> RcnnRun:
    """The run with the images that can be decoded; looked at before hours of training.

    Raises:
        DataError: no image is left to learn from, or to check on.
        WriteError: those that cannot be used cannot be written down.
    """
    listener = run.listener
    data, unusable = _decodable(run.data, listener)
    if unusable:
        folders.add_unusable(run.folder, unusable)
        where = run.folder / folders.UNUSABLE
        listener.say(f"{plural(len(unusable), 'image')} cannot be used: {where}")
    listener.say(
        f"{data.train.address}: {len(data.train):,} images to learn from, {len(data.val):,} to "
        f"check on; {len(data.train.classes)} classes"
    )
    listener.say(f"sets: {data.rule}")
    for note in data.train.notes:
        listener.say(f"note: {note}")
    return replace(run, data=data)


def checked(val: DetectionSet) -> tuple[AnnotatedImage, ...]:
    """Some images of val, evenly spread."""
    return val.images[:: max(1, -(-len(val) // _CHECKED))]


def _decodable(data: DividedSet, listener: Listener) -> tuple[DividedSet, list[Unusable]]:
    """The images that can be decoded, and those that cannot be used."""
    total, done, bad = len(data.train) + len(data.val) + len(data.test), 0, list(data.train.skipped)
    kept: dict[str, DetectionSet] = {}
    for name, images in (("train", data.train), ("val", data.val), ("test", data.test)):
        good = []
        for image in images:
            try:
                image.pixels()
                good.append(image)
            except UnusableImage as error:
                bad.append(Unusable(image.name, error.reason))
            done += 1
            listener.progress(Progress(what="reading images", done=done, total=total))
        if len(images) and not good:
            wrong = f"no usable image in {name} ({bad[-1].name}: {bad[-1].reason})"
            raise data_error(data.train.address, wrong, "replace its images")
        kept[name] = replace(images, images=tuple(good))
    return replace(data, train=kept["train"], val=kept["val"], test=kept["test"]), bad
