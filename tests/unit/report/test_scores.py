"""The numbers of a run's page, from rows of predictions.csv."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inceptionkit.data import open_dataset
from inceptionkit.derive import cost
from inceptionkit.report.album import Album
from inceptionkit.report.scores import confidences, curve
from inceptionkit.spec import Net

Folder = Callable[..., Path]


def rows() -> list[dict[str, str]]:
    """Four images: the surer an exit is, the more often it is right."""
    said = (
        ("a", "a", 0.99, "a", 0.95, "a", 0.9),
        ("a", "a", 0.97, "b", 0.55, "a", 0.8),
        ("b", "b", 0.85, "b", 0.90, "b", 0.9),
        ("b", "a", 0.45, "a", 0.50, "b", 0.6),
    )
    names = ("truth", "guess", "probability", "first", "first_probability", "second",
             "second_probability")  # fmt: skip
    return [
        {"path": f"{i}", **dict(zip(names, map(str, row), strict=True))}
        for i, row in enumerate(said)
    ]


def test_the_curve_goes_from_the_first_exit_to_main(tiny: Net) -> None:
    priced = cost(tiny)
    found = curve(priced, rows())

    assert found[0].macs == priced.exits[0].macs_to_here
    assert found[0].top1 == 0.5
    assert found[-1].macs == priced.everything.macs
    assert found[-1].top1 == 0.75
    assert [p.macs for p in found] == sorted(p.macs for p in found)
    assert max(p.top1 for p in found) == 1.0


def test_there_is_no_curve_without_exits_rows_or_probabilities(tiny: Net) -> None:
    old = [{k: v for k, v in row.items() if k != "first_probability"} for row in rows()]

    assert curve(cost(tiny), []) == curve(cost(tiny), old) == ()


def test_groups_of_equally_sure_answers() -> None:
    groups = confidences(rows())

    assert [(g.images, g.top1) for g in groups] == [(1, 0.0), (1, 1.0), (2, 1.0)]
    assert groups[-1].confidence == pytest.approx(0.98)
    assert confidences([]) == ()


def test_pictures_of_cells_suspects_mistakes_and_examples(photos: Folder) -> None:
    dataset = open_dataset(photos(("a", "b"), each=12))
    names = dataset.samples.names
    truths = [dataset.classes[i] for i in dataset.samples.labels.tolist()]
    said = [
        {"path": name, "truth": truth, "guess": "a", "probability": f"{0.9 - i / 100}", "e": "a"}
        for i, (name, truth) in enumerate(zip(names, truths, strict=True))
    ]
    album = Album(dataset, None)
    cells = album.cells(said, ("a", "b"))
    suspects = album.suspects(said, ["e"])
    gone: Callable[..., NDArray[np.uint8] | None] = Album(None, None).image

    assert [(c.truth, c.guess, len(c.pictures)) for c in cells] == [(1, 0, 8), (0, 0, 8)]
    assert [p.truth for p in suspects] == ["b"] * 12
    assert [p.probability for p in suspects] == sorted(p.probability for p in suspects)[::-1]
    assert album.mistakes(said, ["e"]) == album.suspects(said, []) == ()
    assert [p.name for p in album.mistakes(said, [])] == [p.name for p in suspects]
    assert {p.truth for p in album.examples(said)} == {"a"}
    assert album.cells(said, tuple(map(str, range(31)))) == ()
    assert gone(names[0]) is None
