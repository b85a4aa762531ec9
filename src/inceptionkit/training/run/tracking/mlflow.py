"""MLflow: a run of the experiment `inceptionkit`, on a server or in `mlruns/` beside the run."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from inceptionkit.errors import RecipeError, WriteError
from inceptionkit.files import write_json
from inceptionkit.training.run.tracking import ID_FILE, PROJECT
from inceptionkit.training.run.tracking.known import known_id

STORE = "mlruns"  # folder beside the run's
_LONGEST = 500  # characters of a parameter


class MlflowTracker:
    """Logs to MLflow's server at MLFLOW_TRACKING_URI; without one to a file store.

    Args:
        folder: of the run.
        settings: of it.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        address = os.environ.get("MLFLOW_TRACKING_URI")
        if address is None:
            address = (folder.resolve().parent / STORE).as_uri()
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        with _reported(address):
            from mlflow import MlflowClient
            from mlflow.entities import Param

            self.address = address
            self.client = MlflowClient(tracking_uri=address)
            known = known_id(folder, "mlflow")
            if known is not None:
                self.id = known
                self.client.update_run(known, status="RUNNING")
                return
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
            there = self.client.get_experiment_by_name(name)
            experiment = there.experiment_id if there else self.client.create_experiment(name)
            self.id = self.client.create_run(experiment, run_name=folder.name).info.run_id
            params = [Param(key, value[:_LONGEST]) for key, value in settings.items()]
            self.client.log_batch(self.id, params=params)
        write_json(folder / ID_FILE, {"tracker": "mlflow", "id": self.id})

    def log(self, group: str, step: int, numbers: Mapping[str, float]) -> None:
        """Log metrics."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(f"{group}/{name}", value, now, step) for name, value in numbers.items()]
        with _reported(self.address):
            self.client.log_batch(self.id, metrics=metrics)

    def finish(self, scores: Mapping[str, float], step: int, page: Path) -> None:
        """Log the scores, and the page as an artifact."""
        self.log("result", step, scores)
        with _reported(self.address):
            self.client.log_artifact(self.id, str(page))

    def close(self) -> None:
        """Say that the run is not running now."""
        with _reported(self.address):
            self.client.set_terminated(self.id)


@contextmanager
def _reported(address: str) -> Iterator[None]:
    """Raise what MLflow raises as an error of ours.

    Raises:
        RecipeError: it refuses, or cannot be reached.
        WriteError: the file store cannot be written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a store of files is no longer developed
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            reason = str(error).splitlines()[0]
            msg = f"MLflow at {address}: {reason}; "
            msg += "set MLFLOW_TRACKING_URI, or train without --track"
            raise RecipeError(msg) from error
        except OSError as error:
            raise WriteError(Path(address.removeprefix("file://")), error) from error
