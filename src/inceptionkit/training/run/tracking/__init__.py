"""A run in an experiment tracker: curves, settings, final scores, and the report.

`log.jsonl` and `log.csv` are what is logged, so a tracker shows the numbers of the page. Each
tracker is one class with the three methods of `Tracker`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from inceptionkit.errors import RecipeError
from inceptionkit.settings import values
from inceptionkit.training.run import folder as folders

if TYPE_CHECKING:
    from inceptionkit.training.run.record import Record, RunResult

TrackerName: TypeAlias = Literal["tensorboard", "wandb", "mlflow"]

PROJECT = "inceptionkit"  # project or experiment that runs are in
ID_FILE = "tracking.json"  # how the tracker calls the run, so that a resumed run goes on there


class Tracker(Protocol):
    """Where the numbers of a run go."""

    def log(self, group: str, step: int, numbers: Mapping[str, float]) -> None:
        """Add a point to each curve of a group: "step" or "epoch"."""

    def finish(self, scores: Mapping[str, float], step: int, page: Path) -> None:
        """Keep the final scores, and the page."""

    def close(self) -> None:
        """Write what is not written yet."""


def check_tracking(name: TrackerName) -> None:
    """Refuse a tracker whose package is not installed, or that wants a login.

    Raises:
        RecipeError: so it is.
    """
    if find_spec(name) is None:
        msg = f"--track {name} needs its package; "
        msg += f"install it with: pip install 'inceptionkit[{name}]'"
        raise RecipeError(msg)
    if name == "wandb":
        from inceptionkit.training.run.tracking.wandb import check_login

        check_login()


def open_tracker(name: TrackerName, folder: Path, record: Record, step: int) -> Tracker:
    """The tracker of a run.

    Args:
        name: of the tracker.
        folder: of the run.
        record: of it.
        step: steps done when the last epoch ended; what was logged later is hidden, if it can be.

    Raises:
        WriteError: it cannot write.
    """
    from inceptionkit.training.run.tracking.mlflow import MlflowTracker
    from inceptionkit.training.run.tracking.tensorboard import TensorBoardTracker
    from inceptionkit.training.run.tracking.wandb import WandbTracker

    settings = run_settings(record)
    match name:
        case "tensorboard":
            return TensorBoardTracker(folder, settings, step)
        case "wandb":
            return WandbTracker(folder, settings)
        case "mlflow":
            return MlflowTracker(folder, settings)


def run_settings(record: Record) -> dict[str, str]:
    """What a tracker compares runs by."""
    return {
        "data": record.data["address"],
        "images": str(record.data["sets"]["train"]),
        "classes": str(len(record.data["classes"])),
        "architecture": record.architecture.name,
        "input": str(record.preprocessing.size),
        "start": "scratch" if record.start is None else record.start.model,
        "seed": str(record.request.seed),
        "recipe": record.recipe.name,
        **values(record.recipe),
    }


class Logger:
    """Logs each epoch of a run, and the steps that were logged since the last.

    Args:
        tracker: where to.
        folder: of the run.
        step: steps done when the last epoch ended.
    """

    def __init__(self, tracker: Tracker, folder: Path, step: int) -> None:
        self.tracker, self.folder, self.step = tracker, folder, step

    def log_epoch(self, row: Mapping[str, Any]) -> None:
        """Log a row of log.csv, and the lines of log.jsonl before it."""
        for line in self._lines():
            self.tracker.log("step", line["step"], _numbers(line))
        self.step = row["step"]
        self.tracker.log("epoch", self.step, _numbers(row))

    def _lines(self) -> Iterator[dict[str, Any]]:
        lines = (self.folder / folders.STEPS).read_text().splitlines()
        return (line for line in map(json.loads, lines) if line["step"] > self.step)

    def finish(self, result: RunResult) -> None:
        """Log the scores of the run, and its page."""
        exits = {f"top1_{exit_}": scores["top1"] for exit_, scores in result["exits"].items()}
        scores = {"top1": result["top1"], "top5": result["top5"], "epochs": result["epochs"]}
        self.tracker.finish(_numbers(scores | exits), self.step, self.folder / folders.PAGE)

    def close(self) -> None:
        """Close the tracker."""
        self.tracker.close()


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "step" and value is not None}
