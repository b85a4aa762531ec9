"""What cannot work is refused before an image is read."""

import re
from pathlib import Path

import pytest

import inceptionkit
from inceptionkit.catalog import find
from inceptionkit.errors import RecipeError, RunError
from inceptionkit.training import autotune
from inceptionkit.training.autotune import check_memory, most_operations
from inceptionkit.training.budget import Epochs, Time, Work, check_budget, flop_per_image

NET = find("compact", classes=10, side=32)


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading an image fails the test."""
    for name in ("load_sets", "load_grouped"):
        fail = lambda *_, **__: pytest.fail("an image was read")  # noqa: E731
        monkeypatch.setattr(f"inceptionkit.training.run.start.{name}", fail)


def test_a_time_that_no_epoch_fits_into() -> None:
    epoch = 1000 * flop_per_image(NET) / 1e9
    check_budget(Time(epoch + 4), NET, images=1000, batch=64, fastest=lambda: 1e9)
    with pytest.raises(RecipeError, match="is too small for one epoch: 1,000 images, scoring"):
        check_budget(Time(epoch), NET, images=1000, batch=64, fastest=lambda: 1e9)


def test_work_that_no_epoch_fits_into() -> None:
    epoch = 960 * flop_per_image(NET)
    check_budget(Work(epoch), NET, images=1000, batch=64, fastest=lambda: 1.0)
    with pytest.raises(RecipeError, match="is too small for one epoch of"):
        check_budget(Work(0.99 * epoch), NET, images=1000, batch=64, fastest=lambda: 1.0)


def test_epochs_are_never_too_few() -> None:
    check_budget(Epochs(1), NET, images=1000, batch=64, fastest=lambda: 1.0)


def test_this_machine_computes_something() -> None:
    assert 1e8 < most_operations("cpu") < 1e15


@pytest.mark.usefixtures("unread")
def test_a_budget_far_too_small_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match="is too small for one epoch"):
        inceptionkit.train("digits", budget="2s", from_="none")

    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("unread")
def test_a_network_that_does_not_fit_is_refused_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "free_bytes", lambda _: 1e6)
    says = re.escape("of memory are free; choose a smaller --input, or another --arch")
    with pytest.raises(RecipeError, match=rf"^compact at 32 px takes .* {says}$"):
        check_memory(NET, "cpu")
    with pytest.raises(RecipeError, match=says):
        inceptionkit.train("digits", architecture="compact", input_size=32)


def test_a_folder_that_is_taken_is_refused_before_the_data_is_opened(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="folder is not empty; choose another --out"):
        inceptionkit.train(tmp_path / "nowhere", out=tmp_path)
