"""Pictures on the pages: small data URIs, and which of a run's scored images are shown."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.data import Dataset, decode_sample
from inceptionkit.derive import cost
from inceptionkit.errors import InceptionError
from inceptionkit.preprocess import UnusableImage

if TYPE_CHECKING:
    from inceptionkit.evaluation.classifier import Classifier
    from inceptionkit.report.finished_run import Rows

_PIXEL_ART = 64  # up to this side a picture is kept exactly and enlarged in hard squares
_PHOTO = 192  # longest side of a photo on the page, for dense screens more than is shown
_WEBP_QUALITY = 78
FEW = 30  # up to so many classes a cell of the confusion matrix has a number, and pictures
_SUSPECTS = 12  # pictures whose label may be wrong
_PICTURES = 24  # of other mistakes, and of examples
_IN_A_CELL = 8  # pictures of one cell of the confusion matrix
_IN_CELLS = 240  # pictures of all cells
_CELL_PIXELS = 200e6  # of the originals of these: large photos take long to decode
_HEAT = 96  # pixels: side of a heat map, which the browser enlarges smoothly
_MACS_FOR_EVIDENCE = 20e9  # that may be spent on showing where the model looked


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A picture inside a page."""

    address: str  # data URI
    is_pixel_art: bool  # enlarged in hard squares
    width: int  # of the picture itself, pixels
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One image of the scored set and what the network predicted."""

    image: Embedded
    name: str  # file name or place in the data set
    truth: str
    guess: str
    probability: float  # of the guess
    fitted: Embedded | None = None  # the part that the network sees
    heat: str | None = None  # data URI: what there speaks for the guess, to be laid over it


@dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    """The scored images that a page shows, the most confident first."""

    suspects: tuple[Picture, ...] = ()  # is their label wrong?
    suspect_count: int = 0  # shown or not
    mistakes: tuple[Picture, ...] = ()  # the others
    mistake_count: int = 0  # of the others, shown or not
    examples: tuple[Picture, ...] = ()  # answered correctly
    cells: Mapping[tuple[int, int], tuple[Picture, ...]] = field(default_factory=dict)
    """Of the confusion matrix: numbers of the true and of the predicted class -> pictures."""


def embedded(pixels: NDArray[np.uint8]) -> Embedded:
    """A picture for a page.

    Args:
        pixels: (height, width, 3) uint8 RGB.
    """
    height, width = pixels.shape[:2]
    return Embedded(
        address=_data_uri(pixels), is_pixel_art=_is_pixel_art(pixels), width=width, height=height
    )


def _is_pixel_art(pixels: NDArray[np.uint8]) -> bool:
    """Whether the page should enlarge the picture in hard squares."""
    return bool(max(pixels.shape[:2]) <= _PIXEL_ART)


def _data_uri(pixels: NDArray[np.uint8]) -> str:
    """The picture as a `data:` address; PNG where it is small, else WebP.

    Args:
        pixels: (height, width, 3) uint8 RGB.
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if _is_pixel_art(pixels):
        return address(picture, "PNG")
    picture.thumbnail((_PHOTO, _PHOTO), Image.Resampling.LANCZOS, reducing_gap=None)
    return address(picture, "WEBP")


def address(picture: Image.Image, kind: str) -> str:
    """An encoded picture as a `data:` address; `kind` is PNG or WEBP."""
    file = io.BytesIO()
    if kind == "PNG":
        picture.save(file, "PNG", optimize=True)
    else:
        picture.save(file, "WEBP", quality=_WEBP_QUALITY, method=4)
    encoded = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{encoded}"


def svg_address(drawing: str) -> str:
    """An SVG document as a `data:` address, so that its styles stay its own."""
    encoded = base64.b64encode(drawing.encode()).decode("ascii")
    return f"data:image/svg+xml;base64,{encoded}"


def make_album(
    rows: Rows,
    dataset: Dataset | None,
    model: Classifier | None,
    *,
    classes: Sequence[str],
    exits: Sequence[str],
    floor: float | None = 0.5,
) -> Album:
    """Choose the pictures of a run's page; none where the images are gone.

    A label may be wrong where the model is confident enough of another class to be believed, and
    all exits name that class, too.

    Args:
        rows: of predictions.csv.
        dataset: the images; None where they are gone.
        model: to show where it looked; None leaves that out.
        classes: in the order of the confusion matrix.
        exits: the early ones.
        floor: confidence from which the model is believed; None if it never is.
    """
    if dataset is None:
        return Album()
    images, ranked = _Images(dataset), sorted(rows, key=lambda row: -float(row["probability"]))
    right = [row for row in rows if row["truth"] == row["guess"]]
    doubted: list[Mapping[str, str]] = []
    others: list[Mapping[str, str]] = []
    for row in ranked:
        if row["truth"] != row["guess"]:
            believed = floor is not None and float(row["probability"]) >= floor
            agree = all(row.get(name) == row["guess"] for name in exits)
            (doubted if believed and agree else others).append(row)
    return Album(
        suspects=_with_evidence(images.pictures(doubted, _SUSPECTS), images, model),
        suspect_count=len(doubted),
        mistakes=_with_evidence(images.pictures(others, _PICTURES), images, model),
        mistake_count=len(others),
        examples=images.pictures(_spread(right), _PICTURES),
        cells=dict(_cells(ranked, classes, images)),
    )


def load_for_evidence(folder: Path) -> Classifier | None:
    """The model, to show where it looked; None where it or torch is missing, or it is damaged."""
    if find_spec("torch") is None:
        return None
    from inceptionkit.evaluation.classifier import load

    try:
        return load(folder)
    except InceptionError:
        return None


class _Images:
    """Images of a dataset by name; each is encoded once."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.index = {name: i for i, name in enumerate(dataset.samples.names)}
        self.encoded: dict[str, Embedded | None] = {}

    def pixels(self, name: str) -> NDArray[np.uint8]:
        return decode_sample(self.dataset, self.index[name])

    def embedded(self, name: str) -> Embedded | None:
        """None where it cannot be read."""
        if name not in self.encoded:
            try:
                self.encoded[name] = embedded(self.pixels(name))
            except (KeyError, UnusableImage):
                self.encoded[name] = None
        return self.encoded[name]

    def pictures(self, rows: Rows, most: int) -> tuple[Picture, ...]:
        """The first of `rows` whose images can still be read."""
        found: list[Picture] = []
        for row in rows:
            if len(found) == most:
                break
            if image := self.embedded(row["path"]):
                picture = Picture(
                    image=image,
                    name=row["path"],
                    truth=row["truth"],
                    guess=row["guess"],
                    probability=float(row["probability"]),
                )
                found.append(picture)
        return tuple(found)


def _cells(
    rows: Rows, classes: Sequence[str], images: _Images
) -> Iterator[tuple[tuple[int, int], tuple[Picture, ...]]]:
    """Pictures of the cells of a confusion matrix, mistakes first; none of many classes."""
    if len(classes) > FEW:
        return
    number = {name: i for i, name in enumerate(classes)}
    places: dict[tuple[int, int], list[Mapping[str, str]]] = {}
    for row in rows:
        places.setdefault((number[row["truth"]], number[row["guess"]]), []).append(row)
    left, pixels_left = _IN_CELLS, _CELL_PIXELS
    for place in sorted(places, key=lambda place: (place[0] == place[1], place)):
        if left <= 0 or pixels_left <= 0:
            return
        if pictures := images.pictures(places[place], min(left, _IN_A_CELL)):
            left -= len(pictures)
            pixels_left -= sum(one.image.width * one.image.height for one in pictures)
            yield place, pictures


def _with_evidence(
    pictures: tuple[Picture, ...], images: _Images, model: Classifier | None
) -> tuple[Picture, ...]:
    """Add what spoke for the guess to each picture, for as many as that takes little time."""
    if model is None or not pictures:
        return pictures
    from inceptionkit.evaluation.explain.explanation import explain_images
    from inceptionkit.evaluation.heat_colors import layer

    card = model.card
    macs = max(1, cost(card.architecture).without_exits.macs)
    some = pictures[: max(1, int(_MACS_FOR_EVIDENCE // macs))]
    fitted = [(one.name, card.preprocessing.fit(images.pixels(one.name))) for one in some]
    guesses = [card.classes.index(one.guess) for one in some]
    explained = explain_images(model, fitted, ("main",), classes=guesses)
    bright = (
        replace(
            one,
            fitted=embedded(image),
            heat=address(layer(explanation.exits["main"].map, _HEAT), "WEBP"),
        )
        for one, (_, image), explanation in zip(some, fitted, explained, strict=True)
    )
    return (*bright, *pictures[len(some) :])


def _spread(rows: Rows) -> list[Mapping[str, str]]:
    """As many classes as there are, taken in turn; the most confident first."""
    turn: Counter[str] = Counter()
    ranked = []
    for row in rows:
        ranked.append((turn[row["truth"]], row["truth"], row))
        turn[row["truth"]] += 1
    some = [row for _, _, row in sorted(ranked, key=lambda item: item[:2])][:_PICTURES]
    return sorted(some, key=lambda row: -float(row["probability"]))
