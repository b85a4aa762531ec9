"""TensorBoard events of a run, for who wants them: the numbers of log.jsonl and log.csv."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from inceptionkit.errors import RecipeError, WriteError
from inceptionkit.progress import Listener, Progress
from inceptionkit.training.run import folder as folders

EVENTS = "events"  # folder inside the run's


def check_tracking() -> None:
    """Refuse tracking where its package is not installed."""
    if find_spec("tensorboard") is None:
        msg = "--track needs the package tensorboard; "
        msg += "install it with: pip install inceptionkit[track]"
        raise RecipeError(msg)


class Tracker:
    """A listener that writes events at the end of each epoch, and passes on what it hears.

    Args:
        run: folder of the run.
        step: updates done when the last epoch ended; later events, written before an interruption,
            are hidden.
        listener: hears everything too.
    """

    def __init__(self, run: Path, step: int, listener: Listener) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.run, self.step, self.listener = run, step, listener
        with writing(run / EVENTS):
            self.writer = SummaryWriter(str(run / EVENTS), purge_step=step + 1)

    def say(self, sentence: str) -> None:
        """Pass it on."""
        self.listener.say(sentence)

    def progress(self, report: Progress) -> None:
        """Pass it on."""
        self.listener.progress(report)

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Write the epoch's row, and the updates that were logged since the last."""
        self.listener.epoch(row)
        lines = (self.run / folders.STEPS).read_text().splitlines()
        updates = [update for update in map(json.loads, lines) if update["step"] > self.step]
        self.step = row["step"]
        with writing(self.run / EVENTS):
            for update in updates:
                self.write("update", update)
            self.write("epoch", row)
            self.writer.flush()

    def write(self, group: str, numbers: Mapping[str, Any]) -> None:
        """Write every number of one update or epoch."""
        for name, value in numbers.items():
            if name != "step" and value is not None:
                self.writer.add_scalar(f"{group}/{name}", value, numbers["step"])

    def close(self) -> None:
        """Write what is not written yet."""
        with writing(self.run / EVENTS):
            self.writer.close()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Let what the disk does not take end a run as it does elsewhere.

    Raises:
        WriteError: it does not take something.
    """
    try:
        yield
    except OSError as error:
        raise WriteError(path, error) from error


@contextmanager
def tracked(run: Path, step: int, listener: Listener) -> Iterator[Listener]:
    """A listener that writes events while a run goes on."""
    tracker = Tracker(run, step, listener)
    try:
        yield tracker
    finally:
        tracker.close()
