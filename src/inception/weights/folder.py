"""The model folder: `model.safetensors` and `model.json`, and nothing that could run code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from inception.derive import misfits
from inception.errors import InceptionError, WeightsError
from inception.files import replace_folder, sha256, write_json, write_whole
from inception.preprocess import Preprocessing
from inception.spec import Net, from_json, to_json

FORMAT = 1  # of model.json; a reader refuses what it does not know
CARD, TENSORS = "model.json", "model.safetensors"

Tensors: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything about a model but its weights."""

    architecture: Net
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    metrics: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)  # data, recipe, versions


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
    fit_or_raise(folder, card.architecture, tensors)
    data = save({name: np.ascontiguousarray(value) for name, value in tensors.items()})
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        write_whole(beside / TENSORS, data)
        write_json(beside / CARD, card_to_json(card, {TENSORS: sha256(data)}))
        replace_folder(beside, folder)
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
    try:
        data = (folder / TENSORS).read_bytes()
    except OSError as error:
        msg = f"{folder / TENSORS}: cannot be read ({error.strerror}); copy the whole model folder"
        raise WeightsError(msg) from error
    if sha256(data) != sums.get(TENSORS):
        msg = (
            f"{folder / TENSORS}: its SHA-256 is not the one in {CARD}, "
            "the file is damaged or from another model; copy the model folder again"
        )
        raise WeightsError(msg)
    try:
        tensors = load(data)
    except SafetensorError as error:
        msg = f"{folder / TENSORS}: no safetensors file ({error}); copy the model folder again"
        raise WeightsError(msg) from error
    fit_or_raise(folder, card.architecture, tensors)
    return card, tensors


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
        msg = f"{path}: this run has no model yet; finish it with `inception resume {path}`"
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
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        got = data.get("format") if isinstance(data, dict) else None
        msg = f"{path}: format must be {FORMAT}, got {got!r}; use the version of inception it is of"
        raise WeightsError(msg)
    try:
        return card_from_json(data), dict(data["files"])
    except (KeyError, TypeError, ValueError) as error:
        said = str(error) if isinstance(error, InceptionError) else f"{error!r} is missing or wrong"
        msg = f"{path}: {said}; copy the model folder again"
        raise WeightsError(msg) from error


def card_to_json(card: Card, sums: Mapping[str, str]) -> dict[str, Any]:
    """Plain JSON types."""
    return {
        "format": FORMAT,
        "classes": list(card.classes),
        "preprocessing": card.preprocessing.to_json(),
        "metrics": dict(card.metrics),
        "origin": dict(card.origin),
        "architecture": to_json(card.architecture),
        "files": dict(sums),
    }


def card_from_json(data: Mapping[str, Any]) -> Card:
    """Read what `card_to_json` wrote."""
    return Card(
        architecture=from_json(data["architecture"]),
        classes=tuple(str(name) for name in data["classes"]),
        preprocessing=Preprocessing.from_json(data["preprocessing"]),
        metrics=dict(data["metrics"]),
        origin=dict(data["origin"]),
    )


def fit_or_raise(folder: Path, net: Net, tensors: Tensors) -> None:
    """Refuse tensors that are not exactly those of `net`, naming the first few misfits."""
    wrong = misfits(net, {name: tuple(value.shape) for name, value in tensors.items()})
    if wrong:
        shown = "; ".join(wrong[:3]) + ("; ..." if len(wrong) > 3 else "")
        msg = f"{folder}: {len(wrong)} tensors do not fit {net.name}: {shown}"
        raise WeightsError(msg)
