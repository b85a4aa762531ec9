"""A run that is going on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from inceptionkit.data import Dataset
from inceptionkit.data.loading.sets import LoadedSets
from inceptionkit.progress import Listener
from inceptionkit.training.distributed import Processes
from inceptionkit.training.run.record import Record


@dataclass(slots=True)
class Run:
    """What the steps of a run share."""

    folder: Path
    record: Record  # what is decided is written there before it is followed
    dataset: Dataset
    ready: LoadedSets  # the images, in memory or read as the run goes on
    listener: Listener
    began: float  # `monotonic()` at the start, moved back by what earlier sessions took
    processes: Processes  # the first one writes

    def seconds(self) -> float:
        """How long the run takes so far, earlier sessions included."""
        return monotonic() - self.began

    def write_record(self) -> None:
        """Write run.json."""
        if self.processes.first:
            self.record.write(self.folder)
