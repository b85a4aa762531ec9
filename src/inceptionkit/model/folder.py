"""The model folder: `model.json`, and tensors or exported graphs beside it; none can run code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from inceptionkit import records
from inceptionkit.errors import InceptionError, WeightsError, WriteError
from inceptionkit.files import replace_folder, write_json, write_whole
from inceptionkit.model.card import FORMAT, Card, card_to_json
from inceptionkit.model.exit_policy import ExitPolicy
from inceptionkit.model.seen import SEEN, Seen
from inceptionkit.spec import Net, misfits, steps
from inceptionkit.spec import tensors as shapes

CARD, TENSORS = "model.json", "model.safetensors"

Tensors: TypeAlias = Mapping[str, NDArray[Any]]


def write_model(folder: Path, card: Card, tensors: Tensors) -> None:
    """Write a model folder whole; one that stands there already is replaced.

    Args:
        folder: where; its parent exists.
        card: what the model is.
        tensors: name -> float32 array, exactly those that the architecture has.

    Raises:
        WeightsError: the tensors do not fit the architecture.
        RunError: the folder cannot be written.
    """
    if {name: value.shape for name, value in tensors.items()} != dict(shapes(card.architecture)):
        raise misfit(folder, card.architecture, tensors)
    data = save({name: np.ascontiguousarray(value) for name, value in tensors.items()})
    write_files(folder, card, {TENSORS: data})


def write_files(folder: Path, card: Card, files: Mapping[str, bytes]) -> None:
    """Write `model.json`, these files and what the model has seen as a folder that appears whole.

    Raises:
        RunError: the folder cannot be written.
    """
    if card.seen is not None:
        files = {**files, SEEN: card.seen.to_bytes()}
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        for name, data in files.items():
            (beside / name).parent.mkdir(exist_ok=True)
            write_whole(beside / name, data)
        sums = {name: sha256(data).hexdigest() for name, data in files.items()}
        write_json(beside / CARD, card_to_json(card, sums))
        replace_folder(beside, folder)
    except OSError as error:
        raise WriteError(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def read_model(path: Path) -> tuple[Card, dict[str, NDArray[Any]]]:
    """Read a model folder, or the one inside a run folder.

    Raises:
        WeightsError: nothing is there, the format is unknown, a file is damaged, or a tensor is
            missing or misshapen.
    """
    folder = model_folder(path)
    card, sums = read_card(folder)
    if card.exported is not None:
        msg = f"{folder}: holds exported graphs and no tensors; give the model they were made from"
        raise WeightsError(msg)
    return read_seen(folder, card, sums), read_tensors(folder, card, sums)


def read_tensors(
    folder: Path, card: Card, sums: Mapping[str, str], name: str = TENSORS
) -> dict[str, NDArray[Any]]:
    """Read the tensors beside `model.json`, from the file of that name.

    Raises:
        WeightsError: the file is damaged, or a tensor is missing or misshapen.
    """
    data = read_file(folder, name, sums)
    try:
        tensors = load(data)
    except SafetensorError as error:
        msg = f"{folder / name}: not a safetensors file ({error}); copy the model folder again"
        raise WeightsError(msg) from error
    if {name: value.shape for name, value in tensors.items()} != dict(shapes(card.architecture)):
        raise misfit(folder, card.architecture, tensors)
    return tensors


def read_seen(folder: Path, card: Card, sums: Mapping[str, str]) -> Card:
    """The card of a folder with what the model has seen, where the folder says it.

    Raises:
        WeightsError: the file is damaged.
    """
    if SEEN not in sums:
        return card
    return replace(card, seen=Seen.from_bytes(read_file(folder, SEEN, sums), folder / SEEN))


def read_file(folder: Path, name: str, sums: Mapping[str, str]) -> bytes:
    """Read a file beside `model.json`.

    Raises:
        WeightsError: it cannot be read, or is not the one that `model.json` names.
    """
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        msg = f"{folder / name}: cannot be read ({error.strerror}); copy the whole model folder"
        raise WeightsError(msg) from error
    if sha256(data).hexdigest() != sums.get(name):
        msg = (
            f"{folder / name}: its SHA-256 is not the one in {CARD}, "
            "the file is damaged or from another model; copy the model folder again"
        )
        raise WeightsError(msg)
    return data


def write_policy(path: Path, policy: ExitPolicy) -> Path:
    """Store an exit policy with a model, in place of the one it has.

    Returns:
        Path of the `model.json` that holds it.

    Raises:
        WeightsError: there is no model, or it has not these exits.
        RunError: the file cannot be written.
    """
    folder = model_folder(path)
    card, sums = read_card(folder)
    policy.check(card.architecture)
    write_json(folder / CARD, card_to_json(replace(card, exit_policy=policy), sums))
    return folder / CARD


def model_folder(path: Path) -> Path:
    """`path` itself if it is a model, its `model` folder if it is a run.

    Raises:
        WeightsError: it is neither.
    """
    for folder in (path, path / "model"):
        if (folder / CARD).is_file():
            return folder
    if not path.exists():
        msg = f"{path}: no such model; give a model folder or a run folder"
    elif (path / "run.json").is_file():
        msg = f"{path}: this run has no model yet; finish it with `inceptionkit resume {path}`"
    else:
        msg = f"{path}: no model there, it holds no {CARD}; give a model folder or a run folder"
    raise WeightsError(msg)


def read_card(folder: Path) -> tuple[Card, dict[str, str]]:
    """Read `model.json`; return the card and the SHA-256 of each file.

    Raises:
        WeightsError: damaged, of an unknown format, or incomplete.
    """
    path = folder / CARD
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        msg = f"{path}: cannot be read as JSON ({error}); copy the model folder again"
        raise WeightsError(msg) from error
    got = data.pop("format", None) if isinstance(data, dict) else None
    if got != FORMAT:
        msg = f"{path}: format must be {FORMAT}, got {got!r}; "
        msg += "use the version of inceptionkit that wrote it"
        raise WeightsError(msg)
    sums = data.pop("files", None)
    try:
        card = records.from_json(Card, {**data, "seen": None}, at="", error=WeightsError)
        wrong = [
            f"{step.at}: {step.output.channels} outputs and {len(card.classes)} classes"
            for step in steps(card.architecture)
            if getattr(step.op, "classifier", False) and step.output.channels != len(card.classes)
        ]
        if len(set(card.classes)) < len(card.classes):
            wrong.append("two classes have the same name")
        if not isinstance(sums, dict):
            wrong.append(f"files must be an object, got {sums!r:.80}")
        if wrong:
            raise WeightsError(wrong[0])
        checked = (card.exit_policy, card.exported)
        for part in (part for part in checked if part is not None):
            part.check(card.architecture)
    except InceptionError as error:
        msg = f"{path}: {error}; copy the model folder again"
        raise WeightsError(msg) from error
    return card, sums


def misfit(where: Path, net: Net, tensors: Tensors) -> WeightsError:
    """Tensors that are not exactly those of `net`, naming the first few misfits."""
    wrong = misfits(net, {name: tuple(value.shape) for name, value in tensors.items()})
    shown = "; ".join(wrong[:3]) + ("; ..." if len(wrong) > 3 else "")
    return WeightsError(f"{where}: {len(wrong)} tensors do not fit {net.name}: {shown}")
