"""Weights & Biases: a run of the project `inceptionkit`; offline with WANDB_MODE=offline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from inceptionkit.errors import RecipeError
from inceptionkit.files import write_json
from inceptionkit.training.run.tracking import ID_FILE, PROJECT
from inceptionkit.training.run.tracking.known import known_id

_OFFLINE = {"offline", "disabled", "dryrun"}


def check_login() -> None:
    """Refuse to begin a run that would ask for a login in the middle.

    Raises:
        RecipeError: there is none, and W&B is not offline.
    """
    import wandb

    if os.environ.get("WANDB_MODE", "online") in _OFFLINE or wandb.api.api_key:
        return
    msg = "--track wandb needs a login; run `wandb login`, or set WANDB_MODE=offline and later "
    msg += "run `wandb sync` in the run's folder"
    raise RecipeError(msg)


class WandbTracker:
    """Logs to W&B; what it keeps on this machine lies in the run's folder `wandb/`.

    Args:
        folder: of the run.
        settings: of it.

    Raises:
        RecipeError: W&B refuses, or cannot be reached.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # nothing is sent to its makers
        import wandb

        known = known_id(folder, "wandb")
        quiet = wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True)
        try:
            self.run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                name=folder.name,
                id=known,
                resume="allow",
                dir=folder,
                config=dict(settings),
                settings=quiet,
            )
        except wandb.Error as error:
            reason = str(error).splitlines()[0]
            msg = f"W&B: {reason}; set WANDB_MODE=offline, or train without --track"
            raise RecipeError(msg) from error
        if known is None:
            write_json(folder / ID_FILE, {"tracker": "wandb", "id": self.run.id})

    def log(self, group: str, step: int, numbers: Mapping[str, float]) -> None:
        """Add to the history of the run; a step that is there already stays as it is."""
        self.run.log({f"{group}/{name}": value for name, value in numbers.items()}, step=step)

    def finish(self, scores: Mapping[str, float], _: int, page: Path) -> None:
        """Put the scores into the summary, and keep the page as an artifact."""
        import wandb

        self.run.summary.update({f"result/{name}": value for name, value in scores.items()})
        artifact = wandb.Artifact(f"report-{self.run.id}", type="report")
        artifact.add_file(str(page))
        self.run.log_artifact(artifact)

    def close(self) -> None:
        """Write, and without WANDB_MODE=offline send, what is not written yet."""
        self.run.finish()
