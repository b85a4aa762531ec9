"""TensorBoard events: what a reader of them finds."""

import errno
import json
import os
from contextlib import closing
from pathlib import Path

import pytest

from inceptionkit.errors import RecipeError, WriteError
from inceptionkit.training.run import tensorboard as track
from inceptionkit.training.run.tensorboard import EventWriter, check_tracking

pytest.importorskip("tensorboard", reason="needs tensorboard: pip install inceptionkit[track]")
from torch.utils.tensorboard import SummaryWriter


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "events"))
    events.Reload()
    return {
        name: [(e.step, pytest.approx(e.value, rel=1e-6)) for e in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def test_every_logged_number_becomes_an_event_and_those_after_an_interruption_are_hidden(
    tmp_path: Path,
) -> None:
    """The first session ended an epoch of 4 and fell; the second begins where it began."""

    def session(first: int, last: int, loss: float) -> None:
        lines = [{"step": s, "loss": loss + s, "lr": 0.5} for s in range(1, last + 1)]
        (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        with closing(EventWriter(tmp_path, first)) as events:
            events.write_epoch({"step": last, "val_loss": loss, "val_top1": None})

    session(0, 4, 1.0)
    session(0, 4, 1.0)
    found = scalars(tmp_path)

    assert found["step/loss"] == [(1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0)]
    assert found["step/lr"] == [(s, 0.5) for s in (1, 2, 3, 4)]
    assert found["epoch/val_loss"] == [(4, 1.0)]
    assert "epoch/val_top1" not in found


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track, "find_spec", lambda _: None)
    with pytest.raises(RecipeError) as caught:
        check_tracking()

    assert str(caught.value) == (
        "--track needs the package tensorboard; install it with: pip install inceptionkit[track]"
    )


def test_events_that_the_disk_does_not_take_end_a_run_as_other_files_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "log.jsonl").touch()
    events = EventWriter(tmp_path, 0)
    monkeypatch.setattr(SummaryWriter, "flush", full)
    with pytest.raises(WriteError, match="No space left on device"):
        events.write_epoch({"step": 1, "val_loss": 1.0})
