"""log.jsonl, which grows line by line, where a disk or the power fails."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import inceptionkit
from inceptionkit.errors import RunError
from inceptionkit.training.run import folder as folders

pytestmark = pytest.mark.fault


def test_a_log_that_cannot_be_written_names_the_command_that_goes_on(
    start: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there is no checkpoint yet."""
    out, add_step = tmp_path / "run", folders.add_step

    def add_to_a_folder(folder: Path, row: object) -> None:
        (folder / folders.STEPS).mkdir()
        add_step(folder, row)

    monkeypatch.setattr(folders, "add_step", add_to_a_folder)
    with pytest.raises(RunError) as caught:
        start("run")

    assert str(caught.value) == (
        f"{out / 'log.jsonl'}: cannot be written (Is a directory); mend that, "
        f"then begin again: inceptionkit resume {out}"
    )


@pytest.fixture
def flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Bytes of log.jsonl that were flushed, as they grow."""
    flush, log, sizes = os.fsync, tmp_path / "cut" / "log.jsonl", {"log.jsonl": 0}

    def fsync(handle: int) -> None:
        flush(handle)
        found = os.fstat(handle)
        if log.exists() and os.path.samestat(found, log.stat()):
            sizes["log.jsonl"] = found.st_size

    monkeypatch.setattr(os, "fsync", fsync)
    return sizes


def test_a_power_cut_takes_no_line_that_a_checkpoint_counts_on(
    whole: Path, same: Callable, fall: Callable, data: Path, tmp_path: Path, flushed: dict[str, int]
) -> None:
    """What was written and not flushed is lost, as the system may do it."""
    cut = fall(data, tmp_path / "cut")
    os.truncate(cut / "log.jsonl", flushed["log.jsonl"])
    inceptionkit.resume(cut)

    same(whole, cut)
