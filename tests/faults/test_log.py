"""log.jsonl, which grows line by line, where a disk or the power fails."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inception.errors import RunError
from inception.workflow import run_folder as folders

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
        f"then begin again: inception resume {out}"
    )
