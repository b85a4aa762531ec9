"""Where a run starts when nobody says it: from what ships, if a probe finds that better."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import inceptionkit
from inceptionkit.errors import Interrupted, RecipeError, TrainingError
from inceptionkit.model import Card, read_model, write_model
from inceptionkit.model import folder as folders
from inceptionkit.network import build
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Progress, Silence
from inceptionkit.spec import Net, with_classes
from inceptionkit.training.run import context, starts

pytestmark = pytest.mark.usefixtures("pinned")

ID = "inceptionkit/small"
SETTINGS = ("batch=8", "ema_horizon=0.3", "small_crops=0.5")


@pytest.fixture(scope="module")
def colors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of 32 px, of three colors, with much noise."""
    place, random = tmp_path_factory.mktemp("colors"), np.random.default_rng(0)
    for name, color in {
        "red": (160, 90, 90),
        "green": (90, 160, 90),
        "blue": (90, 90, 160),
    }.items():
        (place / name).mkdir()
        for number in range(24):
            pixels = random.normal(color, 60, (32, 32, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(place / name / f"{number}.png")
    return place


@pytest.fixture
def ship(tiny: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes a model the one that ships: random weights times a factor."""

    def make(factor: float) -> None:
        net = with_classes(tiny, 4)
        state = build(net, seed=1).state_dict()
        tensors = {k: factor * v.numpy() for k, v in state.items() if v.is_floating_point()}
        origin: Any = {"knows": "four things", "license": "Apache-2.0", "terms": "made up"}
        card = Card(
            architecture=net,
            classes=("a", "b", "c", "d"),
            preprocessing=Preprocessing(size=16),
            origin=origin,
        )
        monkeypatch.setattr(folders, "SHIPPED", tmp_path / "pretrained")
        (tmp_path / "pretrained").mkdir()
        write_model(tmp_path / "pretrained" / "small", card, tensors)

    return make


@pytest.fixture
def start(colors: Path, tmp_path: Path) -> Callable[..., Path]:
    def run(name: str, **options: Any) -> Path:
        usual: dict[str, Any] = {"epochs": 2, "settings": SETTINGS}
        inceptionkit.train(colors, out=tmp_path / name, **usual | options)
        return tmp_path / name

    return run


def test_a_run_starts_from_what_ships_where_that_is_better(
    ship: Callable, start: Callable, record: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(1.0)
    monkeypatch.setattr("inceptionkit.training.run.starts._from_nothing", lambda *_: 0.2)
    run = start("run")
    found = record(run)
    said = "\n".join(found["reasons"])

    assert found["start"]["model"] == ID
    assert found["recipe"]["name"] == "finetune"
    assert found["architecture"]["name"] == "tiny"
    assert found["fitted_on"] > 0
    assert f"start: {ID} is best" in said
    assert "--from none" in said
    assert f"weights of {ID}: Apache-2.0, made up" in said
    card, _ = read_model(run)
    assert (card.origin["start"], card.origin["terms"]) == (ID, "Apache-2.0, made up")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"epochs": None, "budget": "2s"}, "the budget of 2s is too small for one epoch"),
        ({"input_size": 32}, r"takes .* to train on one image, and .* of memory are free"),
    ],
)
def test_what_cannot_work_is_refused_before_the_probe(
    options: dict[str, Any],
    why: str,
    ship: Callable,
    start: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ship(1.0)

    def probe(*_: object, **__: object) -> None:
        pytest.fail("it was probed")

    monkeypatch.setattr("inceptionkit.training.run.start.choose_by_probe", probe)
    monkeypatch.setattr("inceptionkit.training.autotune.free_bytes", lambda _: 1e5)
    with pytest.raises(RecipeError, match=why):
        start("run", **options)


def test_a_probe_says_what_it_does(ship: Callable, start: Callable) -> None:
    ship(1.0)
    heard: list[str] = []

    class Hears(Silence):
        def progress(self, report: Progress) -> None:
            if report.what == "comparing starts":
                heard.append(report.note)

    start("run", listener=Hears())

    assert any(note.startswith("image ") for note in heard)
    assert any(note.startswith(f"{ID}, image ") for note in heard)
    assert "nothing, step 1" in heard


def test_a_probe_holds_few_images_where_they_are_large(
    ship: Callable, start: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(1.0)
    most, held, real = 40 * 3 * 16**2, list[int](), starts.image_set

    def image_set(dataset: Any, samples: Any, side: int) -> Any:
        found = real(dataset, samples, side)
        held.append(found.pixels.numel())
        return found

    monkeypatch.setattr(starts, "image_set", image_set)
    monkeypatch.setattr(starts, "_MOST_BYTES", most)
    start("run", epochs=1)

    assert sum(held) <= 2 * most
    assert min(held) > 0


def test_images_are_resized_a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.randint(0, 256, (150, 3, 20, 20), dtype=torch.uint8)
    whole = torch.cat([starts._resized(one[None], 16) for one in pixels])
    counts, real = list[int](), starts.interpolate

    def interpolate(some: torch.Tensor, *given: Any, **options: Any) -> torch.Tensor:
        counts.append(len(some))
        return real(some, *given, **options)

    monkeypatch.setattr(starts, "interpolate", interpolate)

    assert torch.equal(starts._resized(pixels, 16), whole)
    assert max(counts) <= 64


def test_a_run_starts_from_nothing_where_that_is_better(
    ship: Callable, start: Callable, record: Callable
) -> None:
    """Weights that are all zero give features that say nothing."""
    ship(0.0)
    found = record(start("run"))

    assert found["start"] is None
    assert found["recipe"]["name"] == "fast"
    assert any("start: nothing is best" in one for one in found["reasons"])


def test_a_probe_whose_loss_explodes_ends_no_run(
    ship: Callable, start: Callable, record: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise TrainingError

    ship(1.0)
    monkeypatch.setattr("inceptionkit.training.run.starts.train", explode)

    assert record(start("run", epochs=1))["start"]["model"] == ID


@pytest.mark.parametrize(
    "options",
    [
        {"from_": "none"},
        {"architecture": "compact", "input_size": 16},
        {"recipe": "modern"},
        {"cost": "1MMAC"},
        {"settings": (*SETTINGS, "pixel_std=0.25")},
    ],
)
def test_what_is_asked_for_is_not_probed(
    ship: Callable, start: Callable, record: Callable, options: dict[str, Any]
) -> None:
    ship(1.0)
    found = record(start("run", epochs=1, **options))

    assert found["start"] is None
    assert not any("probe of equal work" in one for one in found["reasons"])


def test_the_classifiers_are_fitted_before_the_first_step(
    ship: Callable, start: Callable, colors: Path
) -> None:
    """Without any learning to speak of, they already tell the classes apart."""
    ship(1.0)
    run = start("run", from_=ID, settings=("batch=8", "lr=1e-9", "weight_decay=0", "warmup=0"))
    result = inceptionkit.evaluate(run, colors)

    assert result.top1 > 0.9


def test_weights_that_no_epoch_reaches_are_kept(
    ship: Callable,
    start: Callable,
    cuts: Callable,
    weights: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the run was cut: the checkpoint has them."""
    ship(1.0)
    fit = context.fit_heads
    monkeypatch.setattr(context, "fit_heads", lambda *given: dict.fromkeys(fit(*given), 1.01))
    run = start("run", from_=ID)
    cuts(9)
    with pytest.raises(Interrupted):
        start("cut", from_=ID)
    inceptionkit.resume(tmp_path / "cut")
    before, after = read_model(Path(ID))[1], read_model(run)[1]

    assert weights(run) == weights(tmp_path / "cut")
    for name, value in before.items():
        if name.startswith("trunk.") and name.endswith("conv.weight"):
            assert np.array_equal(after[name], value), name


def test_a_run_that_is_cut_ends_with_the_same_bytes(
    ship: Callable,
    start: Callable,
    cuts: Callable,
    weights: Callable,
    rows: Callable,
    record: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where it is cut before a checkpoint: the classifiers are then fitted again."""
    ship(1.0)
    monkeypatch.setattr("inceptionkit.training.run.starts._from_nothing", lambda *_: 0.2)
    whole = start("whole")
    for name, step in (("early", 1), ("late", 9)):
        cuts(step)
        with pytest.raises(Interrupted):
            start(name)
        if name == "early":
            shutil.rmtree(tmp_path / name / "checkpoints")
            (tmp_path / name / "checkpoints").mkdir()
        inceptionkit.resume(tmp_path / name)

        assert weights(tmp_path / name) == weights(whole)
        assert rows(tmp_path / name) == rows(whole)
        assert record(tmp_path / name)["fitted_on"] == record(whole)["fitted_on"]


@pytest.mark.slow
def test_the_same_command_decides_alike(ship: Callable, start: Callable, record: Callable) -> None:
    ship(1.0)
    one, two = (record(start(name, epochs=1)) for name in ("one", "two"))

    assert one["start"] == two["start"]
    assert one["reasons"] == two["reasons"]


def test_a_model_that_changed_is_refused(
    ship: Callable, start: Callable, cuts: Callable, tmp_path: Path
) -> None:
    ship(1.0)
    cuts(1)
    with pytest.raises(Interrupted):
        start("run", from_=ID)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    (tmp_path / "run" / "checkpoints").mkdir()
    card, tensors = read_model(Path(ID))
    other = {name: value + 1 for name, value in tensors.items()}
    write_model(folders.SHIPPED / "small", replace(card), other)
    with pytest.raises(inceptionkit.InceptionError, match="the model changed since the run began"):
        inceptionkit.resume(tmp_path / "run")
