"""The pictures of a run's page: mistakes with what misled the model, examples, cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import Dataset, decode_sample
from inceptionkit.derive import cost
from inceptionkit.errors import InceptionError
from inceptionkit.preprocess import UnusableImage
from inceptionkit.report import content as shown
from inceptionkit.report.confusion import FEW

if TYPE_CHECKING:
    from inceptionkit.evaluation.classifier import Classifier

SUSPECTS = 12  # pictures whose label may be wrong
PICTURES = 24  # of other mistakes, and of examples
IN_A_CELL = 8  # pictures of one cell of the confusion matrix
IN_CELLS = 240  # pictures of all cells
CELL_PIXELS = 200e6  # of the originals of these: large photos take long to decode
LOOKED_AT = 20e9  # MACs that may be spent on showing where the model looked

Rows: TypeAlias = Sequence[Mapping[str, str]]  # of predictions.csv


def eyes(folder: Path) -> Classifier | None:
    """The model, to see where it looked; None where it is gone or damaged, or torch is missing."""
    if find_spec("torch") is None:
        return None
    from inceptionkit.evaluation.classifier import load

    try:
        return load(folder)
    except InceptionError:
        return None


class Album:
    """Pictures of a run's scored images; none where the images are gone."""

    def __init__(self, dataset: Dataset | None, model: Classifier | None) -> None:
        self.dataset = dataset
        self.model = model
        names = () if dataset is None else dataset.samples.names
        self.index = {name: i for i, name in enumerate(names)}
        self.read: dict[str, NDArray[np.uint8] | None] = {}

    def suspects(self, rows: Rows, exits: Sequence[str]) -> tuple[shown.Picture, ...]:
        """The most confident mistakes that all exits make alike, and where the model looked."""
        alike = [row for row in rows if row["truth"] != row["guess"] and agree(row, exits)]
        return tuple(self.with_evidence(self.pictures(surest(alike), SUSPECTS)))

    def mistakes(self, rows: Rows, exits: Sequence[str]) -> tuple[shown.Picture, ...]:
        """The other most confident mistakes, and where the model looked."""
        wrong = [row for row in rows if row["truth"] != row["guess"] and not agree(row, exits)]
        return tuple(self.with_evidence(self.pictures(surest(wrong), PICTURES)))

    def examples(self, rows: Rows) -> tuple[shown.Picture, ...]:
        """What it gets right, as many classes as there are."""
        right = [row for row in rows if row["truth"] == row["guess"]]
        return self.pictures(surest(spread(right)), PICTURES)

    def cells(self, rows: Rows, classes: Sequence[str]) -> tuple[shown.Cell, ...]:
        """Pictures of the cells of a confusion matrix, mistakes first; none of many classes."""
        if len(classes) > FEW:
            return ()
        number = {name: i for i, name in enumerate(classes)}
        places: dict[tuple[int, int], list[Mapping[str, str]]] = {}
        for row in surest(rows):
            places.setdefault((number[row["truth"]], number[row["guess"]]), []).append(row)
        left, pixels_left = IN_CELLS, CELL_PIXELS
        found = []
        for truth, guess in sorted(places, key=lambda place: (place[0] == place[1], place)):
            if left <= 0 or pixels_left <= 0:
                break
            some = self.pictures(places[truth, guess], min(left, IN_A_CELL))
            left -= len(some)
            pixels_left -= sum(picture.pixels.size / 3 for picture in some)
            if some:
                found.append(shown.Cell(truth=truth, guess=guess, pictures=some))
        return tuple(found)

    def pictures(self, rows: Rows, most: int) -> tuple[shown.Picture, ...]:
        """The first of `rows` whose images can still be read."""
        found: list[shown.Picture] = []
        for row in rows:
            if len(found) == most:
                break
            image = self.image(row["path"])
            if image is not None:
                found.append(
                    shown.Picture(
                        pixels=image,
                        name=row["path"],
                        truth=row["truth"],
                        guess=row["guess"],
                        probability=float(row["probability"]),
                    )
                )
        return tuple(found)

    def image(self, name: str) -> NDArray[np.uint8] | None:
        """One image by its name; None if it cannot be read."""
        if self.dataset is None:
            return None
        if name not in self.read:
            try:
                self.read[name] = decode_sample(self.dataset, self.index[name])
            except (KeyError, UnusableImage):
                self.read[name] = None
        return self.read[name]

    def with_evidence(self, pictures: Sequence[shown.Picture]) -> list[shown.Picture]:
        """Lay over each picture what spoke for the guess, of as many as can be had quickly."""
        if self.model is None or not pictures:
            return list(pictures)
        from inceptionkit.evaluation.explain.explanation import explain_images
        from inceptionkit.evaluation.explain.overlays import overlay

        card = self.model.card
        most = max(1, int(LOOKED_AT // max(1, cost(card.architecture).answer.macs)))
        some = pictures[:most]
        guesses = [card.classes.index(picture.guess) for picture in some]
        fitted = [(picture.name, card.preprocessing.fit(picture.pixels)) for picture in some]
        found = explain_images(self.model, fitted, ("main",), classes=guesses)
        bright = [
            replace(picture, evidence=overlay(image, explanation.exits["main"].map))
            for picture, (_, image), explanation in zip(some, fitted, found, strict=True)
        ]
        return [*bright, *pictures[most:]]


def agree(row: Mapping[str, str], exits: Sequence[str]) -> bool:
    """Whether there are exits, and all say of an image what main says."""
    return bool(exits) and all(row.get(name) == row["guess"] for name in exits)


def surest(rows: Rows) -> list[Mapping[str, str]]:
    """The rows whose answers are surest first."""
    return sorted(rows, key=lambda row: -float(row["probability"]))


def spread(rows: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """As many classes as there are, taken in turn."""
    turn: Counter[str] = Counter()
    ranked = []
    for row in rows:
        ranked.append((turn[row["truth"]], row["truth"], row))
        turn[row["truth"]] += 1
    return [row for _, _, row in sorted(ranked, key=lambda item: item[:2])][:PICTURES]
