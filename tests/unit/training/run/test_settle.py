"""Which run the same command, given again to several processes, goes on with."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hearing import Collects
from made_up import made_up_record, made_up_result

from inceptionkit.errors import RunError
from inceptionkit.files import write_json
from inceptionkit.preprocess import Preprocessing
from inceptionkit.records import from_json, to_json
from inceptionkit.spec import Net
from inceptionkit.training.autotune import Trial
from inceptionkit.training.budget import Epochs
from inceptionkit.training.distributed import Processes
from inceptionkit.training.recipe import MODERN
from inceptionkit.training.recipes import RECIPES
from inceptionkit.training.run.context import Session
from inceptionkit.training.run.initial_weights import InitialWeights
from inceptionkit.training.run.record import FILE, Record, read_record, settle
from inceptionkit.training.run.request import TrainRequest
from inceptionkit.training.schedule import Plan
from inceptionkit.training.state import Execution

SLOWER = replace(MODERN, optimizer=replace(MODERN.optimizer, lr=MODERN.optimizer.lr / 2))


@pytest.fixture
def record(tiny: Net) -> Record:
    return Record(
        request=TrainRequest("photos", epochs=1).stored("cpu"),
        data=made_up_record(("a", "b")).data | {"address": "photos"},
        architecture=tiny,
        preprocessing=Preprocessing(size=32),
        recipe=MODERN,
        threads=1,
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
            write_json(folder / FILE, to_json(other))
        ready: Any = SimpleNamespace(unusable=[])
        source: Any = None
        group, listener = Processes(0, 2), Collects()
        place, found = settle(record, out, [], group, listener)
        return Session(place, found, source, ready, listener, 0.0, group)

    return settle_among


def asked(record: Record, **changes: object) -> Record:
    return replace(record, request=replace(record.request, **changes))


def ended(record: Record) -> Record:
    return replace(record, result=made_up_result([e.name for e in record.architecture.exits]))


def test_it_goes_on_with_the_newest_of_its_runs_that_has_not_ended(
    record: Record, settled: Callable
) -> None:
    """A newer one with another seed, and one that has ended, stand beside it."""
    others = [record, record, asked(record, seed=1), ended(record)]
    run = settled(record, *others)

    assert run.folder == Path("runs/photos-tiny-002")
    assert run.listener.said == ["resumes runs/photos-tiny-002"]


@pytest.mark.parametrize(
    "other",
    [
        {"request": {"seed": 1}},
        {"request": {"epochs": 2}},
        {"request": {"precision": "fp32"}},
        {"request": {"find_lr": True}},
        {"recipe": SLOWER},
        {"result": made_up_result(("first", "second"))},
    ],
    ids=lambda other: next(iter(other)),
)
def test_it_begins_another_run_where_none_is_its_own(
    record: Record, settled: Callable, other: dict[str, Any]
) -> None:
    if "request" in other:
        other = {"request": replace(record.request, **other["request"])}

    assert settled(record, replace(record, **other)).folder == Path("runs/photos-tiny-002")


def test_the_rate_that_a_sweep_found_makes_no_other_run(record: Record, settled: Callable) -> None:
    wanted = asked(record, find_lr=True)
    swept = replace(
        wanted,
        recipe=SLOWER,
        found_lr=SLOWER.optimizer.lr,
    )
    run = settled(wanted, swept)

    assert run.folder == Path("runs/photos-tiny-001")
    assert run.record.found_lr == run.record.recipe.optimizer.lr == SLOWER.optimizer.lr


def test_events_are_written_if_the_command_that_is_given_again_wants_them(
    record: Record, settled: Callable
) -> None:
    run = settled(asked(record, track="tensorboard"), record)

    assert run.folder == Path("runs/photos-tiny-001")
    assert run.record.request.track


def test_a_folder_of_a_run_that_was_lost_before_its_record_is_taken(
    record: Record, settled: Callable, tmp_path: Path
) -> None:
    place = tmp_path / "named"
    (place / "checkpoints").mkdir(parents=True)

    assert settled(record, out=place).folder == place


def test_a_record_survives_its_file(record: Record, tmp_path: Path) -> None:
    execution = Execution(precision="bf16", threads=2)
    plan = Plan(
        step=0, steps=9, progress=0.0, images_per_second=1.5, seconds_left=None, why="as asked for"
    )
    full = replace(
        record,
        start=InitialWeights(model="theirs", sha256="", same_classes=True),
        recipe=RECIPES["inception_v3_2015"],
        probe=(Trial(execution, 0.1),),
        execution=execution,
        plans=(plan,),
        result=made_up_result(("first", "second")),
    )
    write_json(tmp_path / FILE, to_json(full))

    assert read_record(tmp_path) == full
    assert full.budget == Epochs(1)


def test_a_network_and_a_recipe_given_as_values_are_stored_by_name(tiny: Net) -> None:
    request = TrainRequest(Path("photos"), "lr=0.1", architecture=tiny, recipe=MODERN, exits=["a"])
    stored = request.stored("cpu")

    assert (stored.data, stored.settings, stored.exits) == ("photos", ("lr=0.1",), ("a",))
    assert (stored.architecture, stored.recipe) == (tiny.name, "modern")
    assert from_json(TrainRequest, to_json(stored), at="", error=RunError) == stored
