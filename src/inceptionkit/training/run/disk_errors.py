"""A file that the disk does not take: it ends a run, and says how the run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inceptionkit.errors import RunError, WriteError
from inceptionkit.training.checkpoint import checkpoints, last_whole
from inceptionkit.training.run.folder import CHECKPOINTS, resuming


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """End what goes on in the folder of a run with the command that goes on from there.

    Raises:
        RunError: the disk did not take a file.
    """
    try:
        yield
    except WriteError as error:
        whole = last_whole(checkpoints(folder / CHECKPOINTS))
        there = "begin again" if whole is None else f"go on from {whole.name}, which is whole"
        msg = f"{error.wrong}; {error.remedy}, then {there}: {resuming(folder)}"
        raise RunError(msg) from error
