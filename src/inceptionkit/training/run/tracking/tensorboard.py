"""TensorBoard: events in the run's folder `events/`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from inceptionkit.errors import WriteError

EVENTS = "events"  # folder inside the run's


class TensorBoardTracker:
    """Writes events; the report is a link, because events hold no files.

    Args:
        folder: of the run.
        settings: of it.
        step: steps done when the last epoch ended; later events, written before an interruption,
            are hidden.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.place = folder / EVENTS
        new = not self.place.exists()
        with _write_errors(self.place):
            self.writer = SummaryWriter(str(self.place), purge_step=step + 1)
            if new:
                rows = "\n".join(f"| {name} | {value} |" for name, value in settings.items())
                self.writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}", 0)

    def log(self, group: str, step: int, numbers: Mapping[str, float]) -> None:
        """Write scalars."""
        with _write_errors(self.place):
            for name, value in numbers.items():
                self.writer.add_scalar(f"{group}/{name}", value, step)
            if group == "epoch":
                self.writer.flush()

    def finish(self, scores: Mapping[str, float], step: int, page: Path) -> None:
        """Write the scores, and where the page is."""
        self.log("result", step, scores)
        with _write_errors(self.place):
            self.writer.add_text("report", page.resolve().as_uri(), step)

    def close(self) -> None:
        """Write what is not written yet."""
        with _write_errors(self.place):
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
