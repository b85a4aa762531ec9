"""Which run the same command, given again to several processes, goes on with."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hearing import Collects

from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net
from inceptionkit.training.budget import Epochs
from inceptionkit.training.distributed import Processes
from inceptionkit.training.recipe import MODERN
from inceptionkit.training.run.record import Record
from inceptionkit.training.run.session import Session
from inceptionkit.training.run.start import settle


@pytest.fixture
def record(tiny: Net) -> Record:
    return Record(
        data={"address": "photos"},
        net=tiny,
        preprocessing=Preprocessing(size=32),
        recipe=MODERN,
        seed=0,
        budget=Epochs(1),
        threads=1,
        device="cpu",
        precision="auto",
        reasons=[],
    )


@pytest.fixture
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Session]:
    """Settles a run among those under `runs/`, as the first of two processes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Processes, "broadcast_json", lambda _, value: value)

    def settle_among(record: Record, *others: Record, out: Path | None = None) -> Session:
        for number, other in enumerate(others, 1):
            folder = tmp_path / "runs" / f"photos-tiny-{number:03d}"
            folder.mkdir(parents=True)
            other.write(folder)
        ready: Any = SimpleNamespace(unusable=[])
        source: Any = None
        run = Session(Path(), record, source, ready, Collects(), 0.0, Processes(0, 2))
        settle(run, out, "photos")
        return run

    return settle_among


def ended(record: Record) -> Record:
    return replace(record, result={"top1": 1.0})


def test_it_goes_on_with_the_newest_of_its_runs_that_has_not_ended(
    record: Record, settled: Callable
) -> None:
    """A newer one with another seed, and one that has ended, stand beside it."""
    others = [record, record, replace(record, seed=1), ended(record)]
    run = settled(record, *others)

    assert run.folder == Path("runs/photos-tiny-002")
    assert run.listener.said == ["resumes runs/photos-tiny-002"]


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"budget": Epochs(2)},
        {"recipe": replace(MODERN, lr=MODERN.lr / 2)},
        {"precision": "fp32"},
        {"find_lr": True},
        {"result": {"top1": 1.0}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_it_begins_another_run_where_none_is_its_own(
    record: Record, settled: Callable, other: dict[str, Any]
) -> None:
    assert settled(record, replace(record, **other)).folder == Path("runs/photos-tiny-002")


def test_the_rate_that_a_sweep_found_makes_no_other_run(record: Record, settled: Callable) -> None:
    asked = replace(record, find_lr=True)
    swept = replace(asked, recipe=replace(MODERN, lr=MODERN.lr / 2), found_lr=MODERN.lr / 2)
    run = settled(asked, swept)

    assert run.folder == Path("runs/photos-tiny-001")
    assert run.record.found_lr == run.record.recipe.lr == MODERN.lr / 2


def test_events_are_written_if_the_command_that_is_given_again_wants_them(
    record: Record, settled: Callable
) -> None:
    run = settled(replace(record, track=True), record)

    assert run.folder == Path("runs/photos-tiny-001")
    assert run.record.track


def test_a_folder_of_a_run_that_was_lost_before_its_record_is_taken(
    record: Record, settled: Callable, tmp_path: Path
) -> None:
    place = tmp_path / "named"
    (place / "checkpoints").mkdir(parents=True)

    assert settled(record, out=place).folder == place
