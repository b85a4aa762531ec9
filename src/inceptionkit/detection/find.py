"""Running a detector over files, and over a set of annotated images."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from PIL import Image

from inceptionkit.data.sources.inputs import inputs
from inceptionkit.detection.types import AnnotatedImage, Detections, Detector, Pixels
from inceptionkit.errors import WriteError
from inceptionkit.files import write_whole
from inceptionkit.preprocess import UnusableImage, as_rgb
from inceptionkit.text import printable

if TYPE_CHECKING:
    from inceptionkit.detection.load import LoadedDetector


@dataclass(frozen=True, slots=True, eq=False)
class FoundObjects:
    """One image: what is in it, or why nobody knows.

    Attributes:
        path: of the file, printable.
        objects: what was found; None with an error.
        error: why the image cannot be used.
        ms: time that finding took.
        classes: names, in the order of the labels.
        picture: the file with the boxes drawn, if one was asked for.
    """

    path: str
    objects: Detections | None
    error: str | None
    ms: float
    classes: tuple[str, ...]
    picture: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types: a list of objects, the highest score first."""
        if self.objects is None:
            return {"path": self.path, "error": self.error}
        found = [
            {
                "label": self.classes[label],
                "score": score,
                "box": [round(value, 2) for value in box],
                "exit": exit_,
            }
            for box, label, score, exit_ in self.objects.rows()
        ]
        picture = {} if self.picture is None else {"picture": str(self.picture)}
        return {"path": self.path, "objects": found, "ms": self.ms, **picture}


def find_in_files(
    loaded: LoadedDetector,
    paths: Iterable[str | Path],
    *,
    score: float | None,
    picture: Callable[[Pixels, Detections], Image.Image | bytes | None],
    out: Path | None,
    on_answer: Callable[[FoundObjects], object] | None,
) -> tuple[FoundObjects, ...]:
    """Find the objects of images that are named.

    Args:
        loaded: finds them.
        paths: files, folders, lists of names, addresses and standard input, as `inputs` takes them.
        score: objects below are left out; None for the detector's own choice.
        picture: what is drawn of an image and its objects; None for no picture.
        out: folder for the pictures; None for none.
        on_answer: called with each answer as it comes.

    Returns:
        An answer for each image, with an error where it cannot be used.

    Raises:
        WriteError: a picture cannot be written.
    """
    detector, answers = loaded.detector, list[FoundObjects]()
    least = loaded.show if score is None else score
    for name, given, missing in chain.from_iterable(map(inputs, paths)):
        answer = FoundObjects(printable(str(name)), None, missing, 0.0, detector.classes)
        if missing is None:
            try:
                image = as_rgb(given() if callable(given) else given, loaded.depth)
            except UnusableImage as error:
                answer = replace(answer, error=error.reason)
            else:
                began = perf_counter()
                found = detector.detect(image).above(least)
                answer = replace(answer, objects=found, ms=1e3 * (perf_counter() - began))
                drawn = None if out is None else picture(image, found)
                if out is not None and drawn is not None:
                    stem = Path(str(name)).stem.strip("-") or "image"
                    answer = replace(answer, picture=write_picture(out, stem, drawn))
        answers.append(answer)
        if on_answer is not None:
            on_answer(answer)
    return tuple(answers)


def find_in_set(
    detector: Detector,
    images: Sequence[AnnotatedImage],
    tick: Callable[[int], None] = lambda _: None,
) -> tuple[list[AnnotatedImage], list[Detections], list[tuple[str, str]]]:
    """Find the objects of annotated images.

    Args:
        detector: finds them.
        images: with the truth.
        tick: called with the number of images done.

    Returns:
        The images that could be decoded, what was found in each, and name and reason of the others.
    """
    used, found, unusable = [], [], []
    for number, image in enumerate(images, 1):
        try:
            pixels = image.pixels()
        except UnusableImage as error:
            unusable.append((image.name, error.reason))
        else:
            used.append(image)
            found.append(detector.detect(pixels))
        tick(number)
    return used, found, unusable


def write_picture(folder: Path, stem: str, picture: Image.Image | bytes) -> Path:
    """Write a picture into a folder, which is made; no file is replaced: names get a number.

    Raises:
        WriteError: it cannot be written.
    """
    if not isinstance(picture, bytes):
        content = io.BytesIO()
        picture.save(content, "PNG")
        picture = content.getvalue()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place, count = folder / f"{stem}.png", 2
        while place.exists():
            place, count = folder / f"{stem}-{count}.png", count + 1
    except OSError as error:
        raise WriteError(folder, error) from error
    write_whole(place, picture)
    return place
