"""`explain`: where in images a model sees what it says, as pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit.deployment.predict import image_files
from inceptionkit.errors import RecipeError, UnknownNameError, did_you_mean
from inceptionkit.evaluation.classifier import Classifier, load
from inceptionkit.evaluation.explain.maps import WAYS, Evidence, Way
from inceptionkit.evaluation.explain.maps import explain as maps
from inceptionkit.evaluation.explain.overlays import Tile, grid, overlay, png
from inceptionkit.evaluation.inference import batches
from inceptionkit.files import write_whole
from inceptionkit.preprocess import UnusableImage, decode
from inceptionkit.spec import ordered_exits
from inceptionkit.text import percent, printable

ROWS = 20  # images on one picture
SUFFIX = ".png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One image: what each exit says of it, or why it could not be read."""

    path: str
    asked: str | None = None  # the class whose evidence is shown
    exits: dict[str, dict[str, Any]] = field(default_factory=dict)  # trunk order, main last
    picture: Path | None = None  # that it is on
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """What `explain --json` promises."""
        if self.error is not None:
            return {"path": self.path, "error": self.error}
        picture = str(self.picture)
        return {"path": self.path, "class": self.asked, "exits": self.exits, "picture": picture}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """An image as the network sees it."""

    path: str
    pixels: NDArray[np.uint8]  # (size, size, 3)


def explain(
    model: str | Path,
    paths: Iterable[str | Path],
    *,
    way: str = "cam",
    exits: Sequence[str] = (),
    label: str | None = None,
    out: str | Path = "explained.png",
) -> Iterator[Explanation]:
    """Draw the evidence in images, every exit beside the others.

    Args:
        model: folder of a model or of a run.
        paths: images, and folders of images.
        way: "cam", "gradcam" or "occlusion".
        exits: names, "main" among them; all if empty.
        label: class that is asked about; for each image what main says of it if None.
        out: PNG file; more than 20 images go on in a second one, with -2 in its name.

    Yields:
        An explanation for each image; one that cannot be used is told and passed over.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: there is no such way, exit or class.
        RecipeError: `out` is no PNG file.
        RunError: it cannot be written.
    """
    asked = question(load(model), way, exits, label)
    first = Path(out)
    if first.suffix.lower() != SUFFIX:
        msg = f"{out}: pictures are PNG files; choose a name that ends with {SUFFIX}"
        raise RecipeError(msg)
    waiting: list[Seen] = []
    pages = 0
    for one in seen(paths, asked.classifier):
        if isinstance(one, Explanation):
            yield one
            continue
        waiting.append(one)
        if len(waiting) == ROWS:
            pages += 1
            yield from asked.answer(waiting, page(first, pages))
            waiting = []
    if waiting:
        yield from asked.answer(waiting, page(first, pages + 1))


def page(first: Path, number: int) -> Path:
    """Where the pictures go: explained.png, explained-2.png, ..."""
    return first if number == 1 else first.with_name(f"{first.stem}-{number}{first.suffix}")


def seen(paths: Iterable[str | Path], classifier: Classifier) -> Iterator[Seen | Explanation]:
    """Every image as the network sees it, or why it cannot be used."""
    for path in paths:
        place = Path(path).expanduser()
        try:
            files = image_files(place)
        except UnusableImage as error:
            yield Explanation(path=printable(str(place)), error=error.reason)
            continue
        for file in files:
            name = printable(str(file))
            try:
                yield Seen(name, classifier.card.preprocessing.fit(decode(file)))
            except UnusableImage as error:
                yield Explanation(path=name, error=error.reason)


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is asked of every image."""

    classifier: Classifier
    way: Way
    exits: tuple[str, ...]  # in trunk order
    about: int | None  # number of the class; what main says if None

    def answer(self, images: Sequence[Seen], picture: Path) -> list[Explanation]:
        """Explain some images and write one picture of them."""
        names = self.classifier.card.classes
        found = evidence(self, [one.pixels for one in images])
        rows = [tiles(one, told, names) for one, told in zip(images, found, strict=True)]
        write_whole(picture, png(grid(["image", *self.exits], rows)))
        return [
            Explanation(
                path=one.path,
                asked=names[told.asked],
                exits={each.exit: said(each, told.asked, names) for each in told.rows},
                picture=picture,
            )
            for one, told in zip(images, found, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Told:
    """What the exits see in one image."""

    asked: int  # number of the class
    rows: list[Evidence]  # one for each exit


def question(classifier: Classifier, way: str, exits: Sequence[str], label: str | None) -> Question:
    """Check what is asked.

    Raises:
        UnknownNameError: there is no such way, exit or class.
    """
    names = classifier.card.classes
    every = [exit_.name for exit_ in ordered_exits(classifier.card.architecture)] + ["main"]
    for name in exits:
        known("exit", name, every)
    return Question(
        classifier=classifier,
        way=WAYS[known("way of explaining", way, WAYS)],
        exits=tuple(name for name in every if not exits or name in exits),
        about=None if label is None else known("class", label, names),
    )


def known(what: str, name: str, names: Sequence[str]) -> int:
    """Number of a name among those that there are.

    Raises:
        UnknownNameError: it is none of them.
    """
    if name not in names:
        msg = f"there is no {what} {name!r}; {did_you_mean(name, names)}"
        raise UnknownNameError(msg)
    return list(names).index(name)


def evidence(asked: Question, pictures: Sequence[NDArray[np.uint8]]) -> list[Told]:
    """Maps of every exit for some images, (size, size, 3) each."""
    model = asked.classifier.model
    images = batch(asked.classifier, pictures)
    if asked.about is None:
        with torch.no_grad():
            classes = model(images).main.argmax(1).tolist()
    else:
        classes = [asked.about] * len(pictures)
    found = maps(model, images, classes, asked.exits, asked.way)
    return [Told(one, rows) for one, rows in zip(classes, found, strict=True)]


def batch(classifier: Classifier, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Images, (size, size, 3) each, as the network takes them."""
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    (images,) = batches(classifier.model, pixels, classifier.card.preprocessing, len(pictures))
    return images


def tiles(image: Seen, told: Told, names: Sequence[str]) -> list[Tile]:
    """One row of the picture: the image, then what each exit sees in it."""
    first = Tile(image.pixels, Path(image.path).name, f"evidence for {names[told.asked]}")
    return [first, *(tile(image, one, told.asked, names) for one in told.rows)]


def tile(image: Seen, one: Evidence, asked: int, names: Sequence[str]) -> Tile:
    """What one exit sees."""
    guess = int(one.probabilities.argmax())
    second = "" if guess == asked else f"{names[asked]}, {percent(one.probabilities[asked])}"
    first = f"{names[guess]}, {percent(one.probabilities[guess])}"
    return Tile(overlay(image.pixels, one.map), first, second)


def said(one: Evidence, asked: int, names: Sequence[str]) -> dict[str, Any]:
    """What one exit says, in JSON types."""
    guess = int(one.probabilities.argmax())
    return {
        "label": names[guess],
        "probability": float(one.probabilities[guess]),
        "class_probability": float(one.probabilities[asked]),
        "way": one.way,
        "map": [[round(value, 6) for value in row] for row in one.map.tolist()],
    }


def overlays(
    classifier: Classifier, images: Sequence[NDArray[np.uint8]], classes: Sequence[int]
) -> list[NDArray[np.uint8]]:
    """Images with what speaks for a class at main laid over them.

    Args:
        classifier: the model.
        images: (height, width, 3) of any size.
        classes: number of the class of each image.
    """
    fitted = [classifier.card.preprocessing.fit(image) for image in images]
    found = maps(classifier.model, batch(classifier, fitted), classes, ("main",), "cam")
    return [overlay(image, row[0].map) for image, row in zip(fitted, found, strict=True)]
