"""TensorBoard events of a run: the numbers of log.jsonl and log.csv."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from inceptionkit.errors import RecipeError, WriteError
from inceptionkit.training.run import folder as folders

EVENTS = "events"  # folder inside the run's


def check_tracking() -> None:
    """Refuse tracking where its package is not installed."""
    if find_spec("tensorboard") is None:
        msg = "--track needs the package tensorboard; "
        msg += "install it with: pip install inceptionkit[track]"
        raise RecipeError(msg)


class EventWriter:
    """Writes the events of each epoch.

    Args:
        run: folder of the run.
        step: steps done when the last epoch ended; later events, written before an interruption,
            are hidden.
    """

    def __init__(self, run: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.run, self.step = run, step
        with _write_errors(run / EVENTS):
            self.writer = SummaryWriter(str(run / EVENTS), purge_step=step + 1)

    def write_epoch(self, row: Mapping[str, Any]) -> None:
        """Write the epoch's row, and the steps that were logged since the last."""
        lines = (self.run / folders.STEPS).read_text().splitlines()
        steps = [step for step in map(json.loads, lines) if step["step"] > self.step]
        self.step = row["step"]
        with _write_errors(self.run / EVENTS):
            for step in steps:
                self._write("step", step)
            self._write("epoch", row)
            self.writer.flush()

    def _write(self, group: str, numbers: Mapping[str, Any]) -> None:
        for name, value in numbers.items():
            if name != "step" and value is not None:
                self.writer.add_scalar(f"{group}/{name}", value, numbers["step"])

    def close(self) -> None:
        """Write what is not written yet."""
        with _write_errors(self.run / EVENTS):
            self.writer.close()


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Let events that cannot be written end a run as other files do.

    Raises:
        WriteError: something cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise WriteError(path, error) from error
