"""The folder of a trained detector: `model.json`, and its weights or its graph beside it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypedDict

from inceptionkit import records
from inceptionkit.detection.shared.design import Design
from inceptionkit.errors import InceptionError, WeightsError, WriteError
from inceptionkit.files import read_bounded, replace_folder, sha256, write_json, write_whole
from inceptionkit.model.card import MOST_CARD_BYTES
from inceptionkit.model.folder import CARD, DETECTOR, MOST_BYTES
from inceptionkit.preprocess import Preprocessing
from inceptionkit.records import Between

_HEAD_BYTES = 64  # of model.json, in which its format stands


class DetectMetrics(TypedDict, total=False):
    """What a detector scored when it was trained."""

    set: str  # "val" or "test"
    images: Annotated[int, Between(0, 2**53)]
    map50: Annotated[float | None, Between(0, 1)]
    ap50: Mapping[str, Annotated[float | None, Between(0, 1)]]  # of each class
    looked_at: Annotated[float, Between(0, 1)]  # share of the area that the whole network ran on
    regions_skipped: Annotated[float, Between(0, 1)]  # share that the proposer's exit answered


class DetectOrigin(TypedDict, total=False):
    """Where a detector comes from."""

    data: str
    start: str  # the model whose trunk it began with
    seed: Annotated[int, Between(0, 2**63)]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorCard:
    """Everything about a detector but its weights.

    Attributes:
        design: what the network is.
        classes: names, in the order of the labels.
        preprocessing: mean and spread of the pixels.
        reject: logit up to which an area counts as empty; None to look everywhere.
        region_exit: logit below which a proposed region counts as background; None to classify all.
        show: score from which boxes are worth showing to people.
        exported: what the graph beside it is; None beside weights.
    """

    design: Design
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    reject: float | None = None
    region_exit: float | None = None
    show: Annotated[float, Between(0, 1)] = 0.5
    exported: Literal["onnx", "openvino"] | None = None
    metrics: DetectMetrics = field(default_factory=DetectMetrics)
    origin: DetectOrigin = field(default_factory=DetectOrigin)


def write_detector(folder: Path, card: DetectorCard, files: Mapping[str, bytes]) -> None:
    """Write the folder of a detector whole; one that stands there already is replaced.

    Raises:
        WriteError: it cannot be written.
    """
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        for name, data in files.items():
            write_whole(beside / name, data)
        sums = {name: sha256(data) for name, data in files.items()}
        write_json(beside / CARD, {"format": DETECTOR, "files": sums, **records.to_json(card)})
        replace_folder(beside, folder)
    except OSError as error:
        raise WriteError(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def is_shared_detector(path: Path) -> bool:
    """Whether a folder is that of such a detector, or of a run that trained one."""
    return any(
        (folder / CARD).is_file() and f'"{DETECTOR}"' in _beginning(folder / CARD)
        for folder in (path, path / "model")
    )


def _beginning(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES).decode(errors="replace")


def read_detector_card(path: Path) -> tuple[Path, DetectorCard, dict[str, str]]:
    """Read `model.json` of a detector, or of the one inside a run.

    Returns:
        The folder, the card, and the SHA-256 of each file.

    Raises:
        WeightsError: nothing is there, or it is damaged or no detector.
    """
    folder = path if (path / CARD).is_file() else path / "model"
    where = folder / CARD
    if not where.is_file():
        msg = f"{path}: no detector there, it holds no {CARD}; give the folder of a detector or of "
        raise WeightsError(msg + "the run that trained it")
    if not is_shared_detector(folder):
        msg = f"{path}: no detector there, its {CARD} is of another model; give the folder that "
        raise WeightsError(msg + "`detect train` wrote")
    try:
        data = records.STRICT.decode(read_bounded(where, MOST_CARD_BYTES).decode())
        if not isinstance(data, dict) or data.pop("format", None) != DETECTOR:
            msg = f"its format is not {DETECTOR!r}"
            raise WeightsError(msg)
        sums = data.pop("files", None)
        if not isinstance(sums, dict):
            msg = "it does not name its files"
            raise WeightsError(msg)
        card = records.from_json(DetectorCard, data, at="", error=WeightsError)
    except (*records.UNREADABLE, InceptionError) as error:
        msg = f"{where}: cannot be used ({error}); copy the folder of the detector again"
        raise WeightsError(msg) from error
    return folder, card, sums


def read_file(folder: Path, name: str, sums: Mapping[str, str]) -> bytes:
    """Read a file beside `model.json`.

    Raises:
        WeightsError: it cannot be read, or is not the one that `model.json` names.
    """
    try:
        data = read_bounded(folder / name, MOST_BYTES)
    except OSError as error:
        msg = f"{folder / name}: cannot be read ({error.strerror}); copy the whole folder"
        raise WeightsError(msg) from error
    if sha256(data) != sums.get(name):
        msg = f"{folder / name}: its SHA-256 is not the one in {CARD}; copy the folder again"
        raise WeightsError(msg)
    return data
