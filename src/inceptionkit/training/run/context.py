"""A run and what it works with: what `train` and `resume` hand on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np

from inceptionkit.data import Dataset
from inceptionkit.data.loading.in_memory import TrainImages
from inceptionkit.data.loading.sets import LoadedSets, balance
from inceptionkit.data.loading.streaming import Stream
from inceptionkit.files import write_json
from inceptionkit.model.seen import NOTHING, Seen
from inceptionkit.progress import Listener
from inceptionkit.training.distributed import Processes
from inceptionkit.training.execution import Execution
from inceptionkit.training.run.record import FILE, Record
from inceptionkit.training.run.tracking import Logger
from inceptionkit.training.state import TrainConfig


@dataclass(slots=True)
class Session:
    """A run and what it works with."""

    folder: Path
    record: Record  # frozen: `decide` replaces it
    dataset: Dataset
    ready: LoadedSets  # the images, in memory or read as the run goes on
    listener: Listener
    start_time: float  # `monotonic()` at the start, moved back by what earlier sessions took
    processes: Processes  # the first one writes
    seen: Seen = NOTHING  # images, before this session
    plan: str = ""  # the last, in words
    crowded: bool = False  # whether other processes kept the machine busy during the probe
    logger: Logger | None = None  # to a tracker, while it trains and until it ends

    def close(self) -> None:
        """Let the tracker write what it has not written yet."""
        if self.logger is not None:
            self.logger.close()
        self.logger = None

    def seconds(self) -> float:
        """How long the run takes so far, earlier sessions included."""
        return monotonic() - self.start_time

    def all_seen(self) -> Seen:
        """The images that the model has seen by now, in every process."""
        trained = self.ready.train.hashes
        if self.processes.count > 1 and isinstance(self.ready.train, Stream):
            trained = np.array(self.processes.gather_json(trained.ravel().tolist()), np.uint64)
        return self.seen | Seen.of(trained, self.ready.val.hashes)

    def decide(self, record: Record, *reasons: str) -> None:
        """Write a decision to run.json, from then on follow it, and say why."""
        if self.processes.rank == 0:
            write_json(self.folder / FILE, record.to_json())
        self.record = record
        for reason in reasons:
            self.listener.say(reason)

    def config(self, execution: Execution) -> TrainConfig:
        """What the run computes."""
        record = self.record
        images: TrainImages = self.ready.train
        weights = None
        if record.recipe.batching.balance != "none":
            images, weights = balance(
                record.recipe.batching.balance, self.ready.train, len(self.dataset.classes)
            )
        return TrainConfig(
            net=record.architecture,
            recipe=record.recipe,
            execution=execution,
            preprocessing=record.preprocessing,
            train=images,
            val=self.ready.val,
            seed=record.request.seed,
            class_weights=weights,
            processes=self.processes,
        )
