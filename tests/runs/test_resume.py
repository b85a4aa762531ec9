"""A run that is interrupted and resumed ends with the bytes of one that was not."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import inceptionkit
from inceptionkit.errors import Interrupted
from inceptionkit.progress import Progress
from inceptionkit.spec import Dropout, GlobalPool, Linear, Net
from inceptionkit.training.checkpoint import checkpoints, metadata
from inceptionkit.training.execution import Execution
from inceptionkit.training.run import context, planning, session
from inceptionkit.training.schedule import Plan, progress

EPOCHS, PER_EPOCH = 3, 6
DROPPING = (GlobalPool(), Dropout(0.3), Linear(10, classifier=True))  # its masks are drawn anew
CLASSES = ("dark", "grey", "light")
SETTINGS = ("batch=8", "lr=3", "ema_horizon=0.3", "clip_grad_norm=2", "small_crops=0.5")
USUAL = {"epochs": EPOCHS, "settings": SETTINGS}

pytestmark = pytest.mark.usefixtures("pinned")


@pytest.fixture(scope="module")
def net(tiny: Net) -> Net:
    return replace(tiny, image=(3, 12, 12), head=DROPPING)


@pytest.fixture
def start(net: Net, photos: Callable, tmp_path: Path) -> Callable[..., Path]:
    """Starts the same run in another folder each time."""
    folder = photos(CLASSES, each=20)

    def run(name: str, **options: Any) -> Path:
        out = tmp_path / name
        inceptionkit.train(folder, architecture=net, out=out, **USUAL | options)
        return out

    return run


@pytest.fixture(scope="module")
def whole(
    net: Net, paint: Callable, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """The run that nothing happened to, on the same images; once for each precision."""
    folder = tmp_path_factory.mktemp("whole")
    images = paint(folder / "photos", CLASSES, each=20)

    @cache
    def run(precision: str) -> Path:
        out = folder / precision
        inceptionkit.train(images, architecture=net, out=out, precision=precision, **USUAL)
        return out

    return run


@pytest.fixture
def same(weights: Callable, rows: Callable, steps: Callable) -> Callable[[Path, Path], None]:
    def check(one: Path, two: Path) -> None:
        assert weights(one) == weights(two)
        assert rows(one) == rows(two)
        assert steps(one) == steps(two)
        assert (one / "predictions.csv").read_bytes() == (two / "predictions.csv").read_bytes()

    return check


CUTS = (1, PER_EPOCH - 1, PER_EPOCH, PER_EPOCH + 3, 2 * PER_EPOCH, EPOCHS * PER_EPOCH)


@pytest.mark.parametrize(
    ("step", "precision"),
    [
        *((step, "fp32") for step in CUTS),
        (PER_EPOCH + 3, "bf16"),
        (EPOCHS * PER_EPOCH, "bf16"),
        *(pytest.param(step, "bf16", marks=pytest.mark.slow) for step in (*CUTS[:3], CUTS[4])),
    ],
)
def test_stopped_by_a_signal_after_any_update(
    start: Callable,
    whole: Callable,
    cuts: Callable,
    same: Callable,
    tmp_path: Path,
    step: int,
    precision: str,
) -> None:
    """Also after the last update of an epoch, when its row is not written yet."""
    cuts(step)
    with pytest.raises(Interrupted) as caught:
        start("cut", precision=precision)
    inceptionkit.resume(tmp_path / "cut")

    assert str(caught.value).startswith("stopped after step ")
    assert str(caught.value).endswith(f"resume with: inceptionkit resume {tmp_path / 'cut'}")
    same(whole(precision), tmp_path / "cut")


@pytest.mark.parametrize(
    "augmentation",
    [
        "policy=trivial interpolation=random erasing=0.5",
        "policy=rand crop=padded padding=2",
        "policy=inception",
    ],
)
def test_stopped_with_images_that_vary_in_every_way(
    start: Callable, cuts: Callable, same: Callable, tmp_path: Path, augmentation: str
) -> None:
    settings = (*SETTINGS, "mixup=0.2", "cutmix=1", *augmentation.split())
    whole = start("whole", settings=settings)
    cuts(PER_EPOCH + 3)
    with pytest.raises(Interrupted):
        start("cut", settings=settings)
    inceptionkit.resume(tmp_path / "cut")

    same(whole, tmp_path / "cut")


def test_stopped_again_and_again(
    start: Callable, whole: Callable, cuts: Callable, same: Callable, tmp_path: Path
) -> None:
    cuts(2)
    with pytest.raises(Interrupted):
        start("cut")
    for step in (5, 8, 13):
        cuts(step)
        with pytest.raises(Interrupted):
            inceptionkit.resume(tmp_path / "cut")
    inceptionkit.resume(tmp_path / "cut")

    same(whole("fp32"), tmp_path / "cut")


class Falls:
    """A listener that breaks down at its n-th word."""

    def __init__(self, at: int) -> None:
        self.left = at

    def hear(self) -> None:
        self.left -= 1
        if self.left == 0:
            msg = "the listener broke down"
            raise ConnectionError(msg)

    def say(self, sentence: str) -> None:
        """Not counted."""

    def progress(self, report: Progress) -> None:
        if report.what == "training":
            self.hear()

    def epoch(self, row: Mapping[str, Any]) -> None:
        assert row
        self.hear()


@pytest.mark.parametrize("at", [1, 4, PER_EPOCH + 1, PER_EPOCH + 2, 2 * PER_EPOCH + 2, 20])
def test_a_listener_that_raises_loses_nothing(
    start: Callable,
    whole: Callable,
    same: Callable,
    tmp_path: Path,
    at: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No state is saved then: the run goes on from the checkpoint before, or from the start."""
    monkeypatch.setattr(session, "PROGRESS_SECONDS", 0.0)
    with pytest.raises(ConnectionError):
        start("cut", listener=Falls(at))
    inceptionkit.resume(tmp_path / "cut")

    same(whole("fp32"), tmp_path / "cut")


def test_states_saved_within_an_epoch_change_nothing(
    start: Callable,
    whole: Callable,
    same: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long epoch is saved every two minutes; here after every update."""
    monkeypatch.setattr(session, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(session, "PROGRESS_SECONDS", 0.0)
    with pytest.raises(ConnectionError):
        start("cut", listener=Falls(PER_EPOCH + 4))
    inceptionkit.resume(tmp_path / "cut")

    same(whole("fp32"), tmp_path / "cut")


@pytest.mark.parametrize("at", [2 * PER_EPOCH, PER_EPOCH + 3], ids=["epoch", "midway"])
@pytest.mark.parametrize("factor", [0.6, 2.0], ids=["shorter", "longer"])
def test_a_plan_that_was_written_but_not_yet_followed_is_followed_and_not_made_anew(
    start: Callable,
    same: Callable,
    record: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    factor: float,
    at: int,
) -> None:
    """Cut between the new plan in run.json and the checkpoint of that epoch.

    That midway computes in another precision from there on.
    """

    def replanned(plans: list[Plan], *_: Any, step: int, **__: Any) -> Plan | None:
        if step != at:
            return None
        return Plan(
            step=step,
            steps=step + round(factor * (plans[0].steps - step)),
            progress=progress(plans, step),
            images_per_second=1.0,
            seconds_left=1.0,
            why="the test wants it",
            execution=Execution(precision="bf16") if at == PER_EPOCH + 3 else None,
        )

    def fixed(*_: Any, **__: Any) -> Plan:
        return Plan(
            step=0,
            steps=4 * PER_EPOCH,
            progress=0.0,
            images_per_second=1.0,
            seconds_left=1.0,
            why="the test wants it",
        )

    monkeypatch.setattr(planning, "first_plan", fixed)
    monkeypatch.setattr(planning, "next_plan", replanned)
    budget = {
        "epochs": None,
        "budget": "10min",
        "settings": ("batch=8", "lr=3", "ema_horizon=0.05"),
    }
    whole = start("whole", **budget)
    with pytest.raises(ConnectionError):
        start("cut", listener=Epochs(2), **budget)
    cut = tmp_path / "cut"

    assert len(record(cut)["plans"]) == 2
    inceptionkit.resume(cut)
    assert record(cut)["plans"] == record(whole)["plans"]
    same(whole, cut)


class Epochs(Falls):
    """Breaks down at the end of the n-th epoch."""

    def progress(self, report: Progress) -> None:
        """Not counted."""


def test_resume_computes_as_the_run_began_and_probes_no_more(
    start: Callable,
    cuts: Callable,
    record: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuts(3)
    with pytest.raises(Interrupted):
        start("cut")
    before = record(tmp_path / "cut")

    def never(*_: object) -> None:
        pytest.fail("a resumed run must not probe")

    monkeypatch.setattr(context, "autotune", never)
    inceptionkit.resume(tmp_path / "cut")
    after = record(tmp_path / "cut")

    for key in before.keys() - {"result"}:
        assert after[key] == before[key], key
    assert before["result"] is None


def test_only_the_last_two_states_are_kept(start: Callable) -> None:
    run = start("run", epochs=4)
    names = sorted(path.name for path in (run / "checkpoints").iterdir())

    assert names == ["step-000000018.safetensors", "step-000000024.safetensors"]


def test_a_resumed_run_counts_the_time_of_earlier_sessions(
    start: Callable, cuts: Callable, tmp_path: Path
) -> None:
    cuts(8)
    with pytest.raises(Interrupted):
        start("cut")
    newest = checkpoints(tmp_path / "cut" / "checkpoints")[0]
    earlier = json.loads(metadata(newest.read_bytes()[64:])["state"])["seconds"]
    done = inceptionkit.resume(tmp_path / "cut")

    assert 0 < earlier < done.seconds


def test_an_epoch_that_was_interrupted_has_all_its_events(
    start: Callable, cuts: Callable, tmp_path: Path
) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="needs tensorboard: pip install inceptionkit[tensorboard]",
    )
    cuts(PER_EPOCH + 3)
    with pytest.raises(Interrupted):
        start("cut", track="tensorboard")
    inceptionkit.resume(tmp_path / "cut")
    events = reader.EventAccumulator(str(tmp_path / "cut" / "events"))
    events.Reload()
    steps = [event.step for event in events.Scalars("step/loss")]

    assert steps == list(range(1, EPOCHS * PER_EPOCH + 1))
