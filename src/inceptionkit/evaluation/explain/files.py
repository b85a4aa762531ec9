"""Images in files through `explain_images`, drawn on pictures of some rows each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.sources.folder import image_files
from inceptionkit.errors import RecipeError, RunError, UnknownNameError, did_you_mean
from inceptionkit.evaluation.classifier import Classifier
from inceptionkit.evaluation.explain.explanation import Explanation, explain_images
from inceptionkit.evaluation.explain.maps import Method
from inceptionkit.evaluation.explain.overlays import grid
from inceptionkit.files import write_whole
from inceptionkit.preprocess import UnusableImage, decode
from inceptionkit.spec import ordered_exits
from inceptionkit.text import printable

_ROWS = 20  # images on one picture
_SUFFIX = ".png"


def explain_files(  # noqa: PLR0913 - what is drawn, and where
    classifier: Classifier,
    paths: Iterable[str | Path],
    *,
    method: Method = "cam",
    exits: Sequence[str] = (),
    class_: str | None = None,
    out: Path | None = None,
    overwrite: bool = False,
) -> Iterator[Explanation]:
    """Explain images one after the other, and draw them.

    Args:
        classifier: the model.
        paths: images, and folders of images.
        method: how evidence is found.
        exits: names, "main" among them; all if empty.
        class_: class to explain; the one that main predicts for each image if None.
        out: PNG file; more than 20 images continue in a second one, with -2 in its name. None for
            the next free explained.png.
        overwrite: whether files that are there are replaced.

    Yields:
        An explanation for each image; it has an `error` if the image cannot be used.

    Raises:
        UnknownNameError: there is no such exit or class.
        RecipeError: `out` is no PNG file.
        RunError: `out` is there already, or cannot be written.
    """
    out = _place(out, overwrite=overwrite)
    names, classes = _exit_names(classifier), classifier.card.classes
    for name in exits:
        _index("exit", name, names)
    number = None if class_ is None else _index("class", class_, classes)
    shown = [name for name in names if not exits or name in exits]
    pages = count(1)

    def draw(images: Sequence[tuple[str, NDArray[np.uint8]]]) -> Iterator[Explanation]:
        wanted = None if number is None else [number] * len(images)
        found = explain_images(classifier, images, shown, method=method, classes=wanted)
        places = (_page(out, number) for number in pages)
        picture = next(place for place in places if overwrite or not place.exists())
        write_whole(picture, grid([image for _, image in images], found))
        return (replace(explanation, picture=picture) for explanation in found)

    waiting: list[tuple[str, NDArray[np.uint8]]] = []
    for path, image in _read(paths, classifier):
        if isinstance(image, UnusableImage):
            yield Explanation(path=path, error=image.reason)
            continue
        waiting.append((path, image))
        if len(waiting) == _ROWS:
            yield from draw(waiting)
            waiting = []
    if waiting:
        yield from draw(waiting)


def _exit_names(classifier: Classifier) -> list[str]:
    return [exit_.name for exit_ in ordered_exits(classifier.card.architecture)] + ["main"]


def _index(what: str, name: str, names: Sequence[str]) -> int:
    if name not in names:
        msg = f"there is no {what} {name!r}; {did_you_mean(name, names)}"
        raise UnknownNameError(msg)
    return list(names).index(name)


def _place(out: Path | None, *, overwrite: bool) -> Path:
    """Where the first picture goes."""
    if out is None:
        names = (f"explained{'' if number == 1 else f'_{number}'}{_SUFFIX}" for number in count(1))
        return next(Path(name) for name in names if overwrite or not Path(name).exists())
    if out.suffix.lower() != _SUFFIX:
        msg = f"{out}: pictures are PNG files; choose a name that ends with {_SUFFIX}"
        raise RecipeError(msg)
    if out.exists() and not overwrite:
        msg = f"{out}: is there already; replace it with --overwrite, or choose another --out"
        raise RunError(msg)
    return out


def _page(first: Path, number: int) -> Path:
    """Where the pictures go: explained.png, explained-2.png, ..."""
    return first if number == 1 else first.with_name(f"{first.stem}-{number}{first.suffix}")


def _read(
    paths: Iterable[str | Path], classifier: Classifier
) -> Iterator[tuple[str, NDArray[np.uint8] | UnusableImage]]:
    """Every image as the network sees it, or why it cannot be used."""
    how = classifier.card.preprocessing
    for path in paths:
        if "://" in str(path):
            reason = "is an address; download the image, then give the file"
            yield printable(str(path)), UnusableImage(reason)
            continue
        place = Path(path).expanduser()
        try:
            files = image_files(place)
        except UnusableImage as error:
            yield printable(str(place)), error
            continue
        for file in files:
            try:
                yield printable(str(file)), how.fit(decode(file, how.depth))
            except UnusableImage as error:
                yield printable(str(file)), error
