"""What was asked of a run is written down at once: a run that falls before its plan keeps it."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import inceptionkit
from inceptionkit.errors import DataError, RecipeError, RunError
from inceptionkit.files import write_json
from inceptionkit.records import to_json
from inceptionkit.spec import Net
from inceptionkit.training import checkpoint
from inceptionkit.training.defaults import vary_more
from inceptionkit.training.distributed import Processes
from inceptionkit.training.run import context, session, tracking
from inceptionkit.training.run import record as records
from inceptionkit.training.run.tracking.tensorboard import EVENTS

pytestmark = pytest.mark.usefixtures("pinned")

TENSORBOARD = "needs tensorboard: pip install inceptionkit[tensorboard]"


@pytest.fixture
def start(tiny: Net, photos: Callable, tmp_path: Path) -> Callable[..., Path]:
    folder = photos(("dark", "grey", "light"), each=20)
    net = replace(tiny, image=(3, 12, 12))

    def run(name: str, **options: Any) -> Path:
        out = tmp_path / name
        usual = {"architecture": net, "epochs": 1, "settings": ("batch=8",)}
        inceptionkit.train(folder, out=out, **usual | options)
        return out

    return run


@pytest.fixture
def falls(start: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Starts a run that falls where it would do one of the things that come before training."""

    def run(stage: str, **options: Any) -> Path:
        def fall(*_: object, **__: object) -> None:
            raise ConnectionError

        with monkeypatch.context() as patch:
            patch.setattr(session if hasattr(session, stage) else context, stage, fall)
            with pytest.raises(ConnectionError):
                start("cut", **options)
        return tmp_path / "cut"

    return run


@pytest.fixture
def brief_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep of fewer rates finds one too."""
    monkeypatch.setattr("inceptionkit.training.lr_finder.SWEEP", 40)


@pytest.mark.usefixtures("brief_sweep")
@pytest.mark.parametrize("stage", ["autotune", "find_lr", "plan_run"])
def test_a_run_that_fell_before_its_plan_takes_the_rate_that_a_sweep_finds(
    start: Callable, falls: Callable, record: Callable, weights: Callable, stage: str
) -> None:
    whole = start("whole", find_lr=True)
    cut = falls(stage, find_lr=True)
    inceptionkit.resume(cut)
    found, expected = record(cut), record(whole)

    assert found["found_lr"] == found["recipe"]["optimizer"]["lr"] == expected["found_lr"]
    assert found["reasons"] == expected["reasons"]
    assert weights(cut) == weights(whole)


@pytest.mark.usefixtures("brief_sweep")
def test_a_rate_that_was_found_is_not_looked_for_again(
    falls: Callable, record: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = falls("plan_run", find_lr=True)
    before = record(cut)["found_lr"]
    monkeypatch.setattr(context, "find_lr", lambda *_: pytest.fail("it was found already"))
    inceptionkit.resume(cut)

    assert before is not None
    assert record(cut)["found_lr"] == before


@pytest.mark.usefixtures("brief_sweep")
def test_muon_keeps_the_rate_of_its_sgd_when_a_run_is_resumed(
    start: Callable, falls: Callable, record: Callable, weights: Callable
) -> None:
    """Also where a sweep found another rate than that of the recipe."""
    options: dict[str, Any] = {"find_lr": True, "settings": ("batch=8", "optimizer=muon")}
    whole, cut = start("whole", **options), falls("plan_run", **options)
    inceptionkit.resume(cut)
    found = record(cut)["recipe"]["optimizer"]

    assert found["sgd_lr"] / found["lr"] == pytest.approx(4.0, rel=1e-4)
    assert weights(cut) == weights(whole)


def test_a_run_that_several_processes_began_is_known_again_when_it_varies_its_images(
    falls: Callable,
) -> None:
    cut = falls("plan_run")
    asked = records.read_record(cut)
    varied, why = vary_more(asked.recipe, (), epochs=1000, images=48)
    write_json(cut / records.FILE, to_json(replace(asked, recipe=varied)))

    assert why
    assert records._same_run(cut, asked)


def test_a_run_without_a_sweep_is_resumed_without_one(
    falls: Callable, record: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = falls("plan_run")
    monkeypatch.setattr(context, "find_lr", lambda *_: pytest.fail("nobody asked for it"))
    inceptionkit.resume(cut)

    assert record(cut)["found_lr"] is None


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the next commands believe that they are the first of so many processes."""

    def launch(count: int) -> None:
        monkeypatch.setattr("inceptionkit.machine.launched", lambda: True)
        monkeypatch.setattr(
            "inceptionkit.training.distributed.processes",
            lambda _: nullcontext(Processes(0, count)),
        )

    return launch


@pytest.mark.parametrize(("batch", "images"), [(8, 8), (1000, 48)], ids=["of 8", "of all images"])
def test_more_processes_than_an_update_has_images_are_refused(
    start: Callable, falls: Callable, launched: Callable, tmp_path: Path, batch: int, images: int
) -> None:
    """When a run begins as when it is resumed; 48 of the 60 images are to train with."""
    settings = (f"batch={batch}",)
    cut = falls("plan_run", settings=settings)
    launched(images + 1)
    said = f"{images + 1} processes cannot share a step of {images} images; "
    said += f"start {images} at most"
    with pytest.raises(RecipeError, match=said):
        inceptionkit.resume(cut)
    with pytest.raises(RecipeError, match=said):
        start("new", settings=settings)

    assert not (tmp_path / "new").exists()


def test_events_are_written_though_the_run_fell_before_its_first_update(falls: Callable) -> None:
    pytest.importorskip(
        "tensorboard", reason="needs tensorboard: pip install inceptionkit[tensorboard]"
    )
    cut = falls("plan_run", track="tensorboard")
    before = (cut / EVENTS).exists()
    inceptionkit.resume(cut)

    assert not before
    assert list((cut / EVENTS).iterdir())


def test_resume_says_what_a_run_that_writes_events_needs(
    falls: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(
        "tensorboard", reason="needs tensorboard: pip install inceptionkit[tensorboard]"
    )
    cut = falls("plan_run", track="tensorboard")
    monkeypatch.setattr(tracking, "find_spec", lambda _: None)
    with pytest.raises(RecipeError) as caught:
        inceptionkit.resume(cut)

    assert str(caught.value) == (
        "--track tensorboard needs its package; "
        "install it with: pip install 'inceptionkit[tensorboard]'"
    )


def test_a_strict_run_stays_strict(falls: Callable, record: Callable, tmp_path: Path) -> None:
    """An image that became unusable is one that changed: allowed here, but not to be left out."""
    cut = falls("plan_run", strict=True)
    broken = min((tmp_path / "photos").rglob("*.png"))
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.raises(DataError, match="run without --strict"):
        inceptionkit.resume(cut, allow_changed=True)

    assert record(cut)["request"]["strict"]


def test_a_device_that_is_gone_is_named(falls: Callable, record: Callable) -> None:
    cut = falls("plan_run")
    facts = record(cut)
    facts["request"]["device"] = "cuda:7"
    (cut / "run.json").write_text(json.dumps(facts))
    with pytest.raises(RecipeError, match="no device 'cuda:7'"):
        inceptionkit.resume(cut)


def test_memory_that_is_short_is_not_taken_for_a_damaged_checkpoint(
    start: Callable, record: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start("whole")
    (run / "run.json").write_text(json.dumps(record(run) | {"result": None}))  # lost at its end

    def short(_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(checkpoint, "new_state", short)
    with pytest.raises(torch.OutOfMemoryError):
        inceptionkit.resume(run)


def test_images_that_moved_are_named_and_stay_named(
    falls: Callable, start: Callable, weights: Callable, record: Callable, tmp_path: Path
) -> None:
    whole, cut = start("whole"), falls("_train_and_save")
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"; if the images moved, say with --data where they are"):
        inceptionkit.resume(cut)
    inceptionkit.resume(cut, data=tmp_path / "elsewhere")

    assert weights(cut) == weights(whole)
    assert record(cut)["data"]["address"] == str(tmp_path / "elsewhere")
    assert inceptionkit.resume(cut).images == 6


def test_other_images_are_not_taken_for_those_that_moved(falls: Callable, photos: Callable) -> None:
    other = photos(("dark", "grey", "light"), each=19, at="other")
    with pytest.raises(RunError, match=r": the images at .*/other changed since the run began"):
        inceptionkit.resume(falls("_train_and_save"), data=other)


HOLDER = """
import sys
from pathlib import Path
from inceptionkit.training.run.folder import take
take(Path(sys.argv[1]))
print("taken", flush=True)
sys.stdin.read()
"""


def test_a_run_that_another_process_works_on_is_left_alone(falls: Callable) -> None:
    cut = falls("_train_and_save")
    words = [sys.executable, "-c", HOLDER, str(cut)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"taken\n"
        with pytest.raises(RunError) as caught:
            inceptionkit.resume(cut)
        other.stdin.close()

    assert str(caught.value) == (
        f"{cut}: another process works on this run; wait until it has ended"
    )
    assert inceptionkit.resume(cut).epochs == 1.0
