"""run.json: everything needed to repeat a run, written before it is followed."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from inceptionkit import records
from inceptionkit.errors import InceptionError, RunError
from inceptionkit.files import write_json
from inceptionkit.machine import facts
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net, from_json, to_json
from inceptionkit.training.budget import Budget, Epochs, Time, Work
from inceptionkit.training.execution import Execution, Trial, trial_from_json
from inceptionkit.training.recipe import Recipe
from inceptionkit.training.run.initial_weights import InitialWeights
from inceptionkit.training.schedule import Plan

FORMAT = 1
FILE = "run.json"
PACKAGES = ("inceptionkit", "torch", "numpy", "pillow", "safetensors")


def versions() -> dict[str, str]:
    """Versions of what computes."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> dict[str, Any]:
    """What the run is computed on."""
    import torch

    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return facts() | gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What run.json holds. A decision makes a new one, which is written before it is followed."""

    data: dict[str, Any]  # address, fingerprint, classes, sets, rule, unusable
    net: Net
    preprocessing: Preprocessing
    recipe: Recipe
    seed: int
    budget: Budget
    threads: int
    device: str
    precision: str  # asked for: "auto" or one
    reasons: tuple[str, ...] = ()  # what was chosen without being asked for, and why
    start: InitialWeights | None = None  # in place of random ones
    find_lr: bool = False  # whether a range test chooses the learning rate before the first step
    found_lr: float | None = None  # what it chose, which is then the recipe's
    track: bool = False  # whether to write TensorBoard events
    strict: bool = False  # whether an unusable image is an error
    processes: int = 1  # that compute it; a resumed run may have another number
    probe: tuple[Trial, ...] = ()
    execution: Execution | None = None
    plans: tuple[Plan, ...] = ()
    result: dict[str, Any] | None = None
    made_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: Mapping[str, str] = field(default_factory=versions)
    machine: Mapping[str, Any] = field(default_factory=machine)

    def write(self, folder: Path) -> None:
        """Write run.json whole.

        Raises:
            RunError: it cannot be written.
        """
        write_json(folder / FILE, self.to_json())

    def describe_execution(self) -> str:
        """How the run computes and why, in words."""
        tried = "; ".join(map(str, self.probe))
        return f"precision: {self.execution or 'not chosen yet'} (time per step: {tried})"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "format": FORMAT,
            "made_at": self.made_at,
            "data": self.data,
            "reasons": list(self.reasons),
            "recipe": records.to_json(self.recipe),
            "seed": self.seed,
            "budget": asdict(self.budget),
            "threads": self.threads,
            "device": self.device,
            "precision": self.precision,
            "start": self.start and asdict(self.start),
            "find_lr": self.find_lr,
            "found_lr": self.found_lr,
            "track": self.track,
            "strict": self.strict,
            "processes": self.processes,
            "probe": [asdict(trial) for trial in self.probe],
            "execution": self.execution and asdict(self.execution),
            "plans": [asdict(plan) for plan in self.plans],
            "result": self.result,
            "versions": dict(self.versions),
            "machine": dict(self.machine),
            "preprocessing": records.to_json(self.preprocessing),
            "architecture": to_json(self.net),
        }


def read_record(folder: Path) -> Record:
    """Read a run's run.json.

    Raises:
        RunError: there is none, or it is damaged or of another version.
    """
    path = folder / FILE
    if not path.is_file():
        above = folder.parent
        meant = above if (above / FILE).is_file() else "the folder that `train` printed"
        msg = f"{folder}: no run there, it holds no {FILE}; give {meant}"
        raise RunError(msg)
    try:
        data = json.loads(path.read_bytes())
        if data["format"] != FORMAT:
            msg = f"format must be {FORMAT}, got {data['format']!r}"
            raise RunError(msg)
        return record_from_json(data)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        said = str(error) if isinstance(error, InceptionError) else repr(error)
        msg = f"{path}: cannot be used ({said}); start the run again in another folder"
        raise RunError(msg) from error


SAME = (
    "data", "recipe", "seed", "budget", "device", "precision", "start", "find_lr",
    "preprocessing", "architecture",
)  # what makes two records those of one run  # fmt: skip


def same_run(folder: Path, record: Record) -> bool:
    """Whether the folder holds this run, not yet finished.

    Args:
        folder: of a run.
        record: of the run that is wanted.
    """
    try:
        there = read_record(folder)
    except RunError:
        return False
    recipe = replace(record.recipe, grad_accum=there.recipe.grad_accum)  # the probe may raise it
    if record.find_lr:  # and the range test has set the rate, or will
        recipe = replace(recipe, lr=there.recipe.lr)
    record = replace(record, recipe=recipe)
    ours, theirs = record.to_json(), there.to_json()
    return there.result is None and all(ours[key] == theirs[key] for key in SAME)


def record_from_json(data: Mapping[str, Any]) -> Record:
    """Read what `Record.to_json` wrote."""
    execution, start = data["execution"], data["start"]
    return Record(
        data=data["data"],
        net=from_json(data["architecture"]),
        preprocessing=records.from_json(
            Preprocessing, data["preprocessing"], at="preprocessing", error=RunError
        ),
        recipe=records.from_json(Recipe, data["recipe"], at="recipe", error=RunError),
        seed=data["seed"],
        budget=budget_from_json(data["budget"]),
        threads=data["threads"],
        device=data["device"],
        precision=data["precision"],
        reasons=tuple(data["reasons"]),
        start=start and InitialWeights(**start),
        find_lr=data["find_lr"],
        found_lr=data["found_lr"],
        track=data["track"],
        strict=data["strict"],
        processes=data["processes"],
        probe=tuple(trial_from_json(trial) for trial in data["probe"]),
        execution=execution and Execution(**execution),
        plans=tuple(Plan(**plan) for plan in data["plans"]),
        result=data["result"],
        made_at=data["made_at"],
        versions=data["versions"],
        machine=data["machine"],
    )


def budget_from_json(data: Mapping[str, Any]) -> Budget:
    """Read a budget: its one key says of what."""
    (kind,) = (kind for kind in (Time, Epochs, Work) if kind.__match_args__ == tuple(data))
    found: Budget = kind(**data)
    return found
