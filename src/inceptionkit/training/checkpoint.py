"""Training states on disk: each one file that appears whole; the last two whole ones are kept."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from inceptionkit.errors import RunError
from inceptionkit.files import sha256, write_whole
from inceptionkit.training.state import TrainConfig, TrainState, moments, new_state, set_moments

DIGEST = 64  # hexadecimal digits of SHA-256 that lead the file


class Saved(Protocol):
    """What a checkpoint holds of the state of a run: of a classifier, or of a detector."""

    model: Any  # a module, as the next two
    average: Any
    best: Any  # or None
    optimizer: Optimizer
    scaler: GradScaler
    step: int
    steps_per_epoch: int
    loss_sum: float
    usual_norm: float | None
    seconds: float
    rows: list[dict[str, Any]]


S = TypeVar("S", bound=Saved)


@dataclass(frozen=True, slots=True)
class Restored(Generic[S]):
    """A state read back, and what was wrong with newer ones."""

    state: S
    found: Path | None  # the checkpoint it is from; None if it is the first state of a run
    complaints: tuple[str, ...]


def save_state(folder: Path, state: Saved) -> Path:
    """Write `state`; of the other files the newest before it that is whole is kept.

    The file is the SHA-256 of what follows, then safetensors: "model.", "average." and, where val
    loss decides, "best." followed by the names of the state dict; "optimizer." followed by the
    kind of state and the name of each parameter.

    Raises:
        WriteError: the disk is full, or cannot be written; earlier checkpoints are whole.
    """
    groups = {
        "model": state.model.state_dict(),
        "average": state.average.state_dict(),
        "best": {} if state.best is None else state.best.state_dict(),
        "optimizer": moments(state.optimizer, state.model),
    }
    tensors = {
        f"{group}.{name}": value.detach().cpu().contiguous()
        for group, values in groups.items()
        for name, value in values.items()
    }
    facts = {
        "step": state.step,
        "steps_per_epoch": state.steps_per_epoch,
        "loss_sum": state.loss_sum,
        "usual_norm": state.usual_norm,
        "seconds": state.seconds,
        "rows": state.rows,
        "scaler": state.scaler.state_dict(),
    }
    body = save(tensors, metadata={"state": json.dumps(facts)})
    path = folder / f"step-{state.step:09d}.safetensors"
    write_whole(path, sha256(body).encode() + body)
    _keep_two(folder, path)
    return path


def _keep_two(folder: Path, newest: Path) -> None:
    """Keep a checkpoint and the whole one before it.

    What is later is damaged, or the run would have gone on from it.
    """
    others = [path for path in checkpoints(folder) if path != newest]
    kept = last_whole(path for path in others if path < newest)
    for path in others:
        if path != kept:
            path.unlink(missing_ok=True)


def checkpoints(folder: Path) -> list[Path]:
    """Checkpoint files, newest first."""
    return sorted(folder.glob("step-*.safetensors"), reverse=True)


def last_whole(paths: Iterable[Path]) -> Path | None:
    """The first of some checkpoints that is whole; None if there is none."""
    for path in paths:
        with suppress(OSError):
            if _is_whole(path):
                return path
    return None


def _is_whole(path: Path) -> bool:
    """Whether a checkpoint is as it was written."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        digest = file.read(DIGEST)
        return hashlib.file_digest(file, "sha256").hexdigest().encode() == digest


def restore(folder: Path, config: TrainConfig) -> Restored[TrainState]:
    """Read the newest checkpoint that is whole; the first weights if there is none.

    Raises:
        RunError: there are checkpoints, and none is whole.
    """
    return restore_into(folder, new_state(config))


def restore_into(folder: Path, state: S) -> Restored[S]:
    """Read the newest checkpoint that is whole into the first state of its run.

    Raises:
        RunError: there are checkpoints, and none is whole.
    """
    complaints: list[str] = []
    found = checkpoints(folder)
    for path in found:
        try:
            _read_state(path, state)
        except (OSError, ValueError, KeyError, SafetensorError, RuntimeError) as error:
            complaints.append(f"{path} is damaged ({error}); the one before it is used")
        else:
            return Restored(state, path, tuple(complaints))
    if found:
        msg = f"{folder}: no checkpoint is whole; start the run again in another folder"
        raise RunError(msg)
    return Restored(state, None, ())


def _read_state(path: Path, state: Saved) -> None:
    """Read one checkpoint into the first state of its run.

    Raises:
        ValueError: it is damaged.
    """
    if not _is_whole(path):
        msg = "its SHA-256 differs"
        raise ValueError(msg)
    body = path.read_bytes()[DIGEST:]
    tensors = load(body)
    facts: dict[str, Any] = json.loads(metadata(body)["state"])
    _fill(state.model, "model.", tensors)
    _fill(state.average, "average.", tensors)
    if _part("best.", tensors):
        state.best = copy.deepcopy(state.average)
        _fill(state.best, "best.", tensors)
    set_moments(state.optimizer, state.model, _part("optimizer.", tensors))
    state.scaler.load_state_dict(facts["scaler"])
    state.step, state.loss_sum = facts["step"], facts["loss_sum"]
    state.usual_norm = facts["usual_norm"]
    state.seconds, state.rows = facts["seconds"], facts["rows"]
    if (old := facts["steps_per_epoch"]) != (new := state.steps_per_epoch):  # of other images
        state.loss_sum *= new / old
        for counted in state.rows:
            counted["step"] = counted["step"] * new // old
        state.step = max(min(1, state.step), state.step * new // old)  # 0 is before the first step


def metadata(body: bytes) -> dict[str, str]:
    """The `__metadata__` of a safetensors file."""
    length = int.from_bytes(body[:8], "little")
    found: dict[str, str] = json.loads(body[8 : 8 + length])["__metadata__"]
    return found


def _part(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors whose name begins with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _fill(model: nn.Module, prefix: str, tensors: dict[str, Tensor]) -> None:
    """Load the tensors under `prefix` into `model`; every name must be there."""
    model.load_state_dict(_part(prefix, tensors))
