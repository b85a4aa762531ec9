"""A run read from its folder, and the pictures of its page."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import made_up_record

from inceptionkit.data import open_dataset
from inceptionkit.derive import cost
from inceptionkit.report.finished_run import early_exit_curve, finished_run
from inceptionkit.report.pictures import Album, make_album
from inceptionkit.spec import Net
from inceptionkit.training.run.folder import write_rows

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
    net_cost = cost(tiny)
    found = early_exit_curve(net_cost, rows())

    assert found[0] == (net_cost.exits[0].macs_to_here, 0.5)
    assert found[-1] == (net_cost.with_exits.macs, 0.75)
    assert [macs for macs, _ in found] == sorted(macs for macs, _ in found)
    assert max(top1 for _, top1 in found) == 1.0


def test_there_is_no_curve_without_exits_rows_or_probabilities(tiny: Net) -> None:
    old = [{k: v for k, v in row.items() if k != "first_probability"} for row in rows()]

    assert early_exit_curve(cost(tiny), []) == early_exit_curve(cost(tiny), old) == ()


def test_a_run_is_read_from_its_folder(tiny: Net, tmp_path: Path) -> None:
    record = replace(made_up_record(("a", "b")), architecture=tiny)
    half = {"top1": 0.5, "top5": None}
    result = {"top1": 0.75, "top5": None, "exits": {"first": half, "second": half}}
    empty = finished_run(tmp_path, record, result)
    write_rows(tmp_path / "predictions.csv", rows())
    write_rows(tmp_path / "log.csv", [{"epoch": 1, "lr": 0.5, "seconds": 2, "val_loss": ""}])
    run = finished_run(tmp_path, record, result)

    assert run.confusion.tolist() == [[2, 0], [1, 1]]
    assert (run.images, run.misread, run.classes) == (4, 1, ("a", "b"))
    assert [(group.images, group.top1) for group in run.bins] == [(1, 0.0), (1, 1.0), (2, 1.0)]
    assert run.bins[-1].confidence == pytest.approx(0.98)
    assert [(e.name, e.after, e.top1) for e in run.exits] == [
        ("first", "conv1", 0.5), ("second", "inception2", 0.5), ("main", "inception3", 0.75)
    ]  # fmt: skip
    assert run.exits[-1].share_of_macs == 1
    assert run.epochs == ({"epoch": 1.0, "lr": 0.5, "seconds": 2.0},)
    assert run.interval == pytest.approx((0.3006, 0.9544), abs=1e-4)
    assert (empty.images, empty.bins, empty.curve, empty.interval) == (0, (), (), None)


def test_pictures_of_cells_suspects_mistakes_and_examples(photos: Folder) -> None:
    dataset = open_dataset(photos(("a", "b"), each=12))
    names = dataset.samples.names
    truths = [dataset.classes[i] for i in dataset.samples.labels.tolist()]
    said = [
        {"path": name, "truth": truth, "guess": "a", "probability": f"{0.9 - i / 100}", "e": "a"}
        for i, (name, truth) in enumerate(zip(names, truths, strict=True))
    ]
    classes = ("a", "b")
    album = make_album(said, dataset, None, classes=classes, exits=["e"])
    alone = make_album(said, dataset, None, classes=classes, exits=[])
    timid = make_album(said, dataset, None, classes=classes, exits=["e"], floor=None)
    bold = make_album(said, dataset, None, classes=classes, exits=["e"], floor=0.7)
    many = make_album(said, dataset, None, classes=tuple(map(str, range(31))), exits=["e"])
    suspects = album.suspects

    assert [(place, len(some)) for place, some in album.cells.items()] == [((1, 0), 8), ((0, 0), 8)]
    assert [p.truth for p in suspects] == ["b"] * 12
    assert [p.probability for p in suspects] == sorted(p.probability for p in suspects)[::-1]
    assert album.mistakes == timid.suspects == ()
    assert alone.suspects == suspects  # no exit disagrees
    assert [p.name for p in timid.mistakes] == [p.name for p in suspects]
    assert (album.mistake_count, timid.mistake_count) == (0, 12)
    assert {p.probability >= 0.7 for p in bold.suspects} == {True}
    assert {p.probability < 0.7 for p in bold.mistakes} == {True}
    assert (bold.suspect_count, bold.mistake_count) == (9, 3)
    assert {p.truth for p in album.examples} == {"a"}
    assert many.cells == {}
    assert make_album(said, None, None, classes=classes, exits=["e"]) == Album()


def test_images_that_are_gone_are_left_out(photos: Folder) -> None:
    folder = photos(("a", "b"), each=2)
    dataset = open_dataset(folder)
    names = [*dataset.samples.names, "never there"]
    said = [{"path": n, "truth": "a", "guess": "a", "probability": "0.9"} for n in names]
    (folder / names[0]).unlink()

    album = make_album(said, dataset, None, classes=("a", "b"), exits=[])

    assert [picture.name for picture in album.examples] == names[1:-1]
