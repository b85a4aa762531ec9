"""The folder of an R-CNN: `model.json`, the models of its classifiers, and its box regression.

The model of its proposer stands there, too, if it has one.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from inceptionkit import records
from inceptionkit.detection.proposals import Proposer
from inceptionkit.detection.rcnn.card import REGRESSION, RcnnCard
from inceptionkit.detection.rcnn.detector import TO_THE_END, RcnnDetector
from inceptionkit.detection.rcnn.proposer import (
    PROPOSER,
    copy_proposer,
    load_proposer,
    proposer_folder,
)
from inceptionkit.detection.rcnn.regions import class_names
from inceptionkit.detection.rcnn.regress import BoxRegression
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.errors import InceptionError, WeightsError, WriteError
from inceptionkit.evaluation.classifier import Classifier, load
from inceptionkit.evaluation.early_exit import Policy
from inceptionkit.files import read_bounded, replace_folder, sha256, write_json, write_whole
from inceptionkit.model.card import MOST_CARD_BYTES
from inceptionkit.model.folder import CARD, MOST_BYTES, RCNN


def write_rcnn(
    folder: Path,
    card: RcnnCard,
    models: Sequence[Path],
    regression: BoxRegression | None,
    proposer: Path | None = None,
) -> RcnnCard:
    """Write the folder whole; one that stands there already is replaced.

    Args:
        folder: where.
        card: without the names of classifiers and the sums of files, which are filled in.
        models: folders of the classifiers, which are copied.
        regression: of the boxes.
        proposer: its model folder, which is copied.

    Raises:
        WeightsError: the proposer is damaged.
        WriteError: it cannot be written.
    """
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    names = tuple(f"classifier-{number}" for number in range(1, len(models) + 1))
    source = None if proposer is None else proposer_folder(proposer)
    data = None if regression is None else save_tensors({"weights": regression.weights})
    filled = replace(
        card,
        classifiers=names,
        regression=None if data is None else sha256(data),
        proposer=None if source is None else sha256((source / CARD).read_bytes()),
    )
    try:
        beside.mkdir(parents=True)
        for name, model in zip(names, models, strict=True):
            shutil.copytree(model, beside / name)
        if source is not None:
            copy_proposer(source, beside)
        if data is not None:
            write_whole(beside / REGRESSION, data)
        write_json(beside / CARD, {"format": RCNN, **records.to_json(filled)})
        replace_folder(beside, folder)
    except OSError as error:
        raise WriteError(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return filled


def load_rcnn(
    path: str | Path,
    policy: Policy = TO_THE_END,
    device: str = "cpu",
) -> tuple[RcnnDetector, RcnnCard]:
    """Load an R-CNN.

    Args:
        path: its folder, or that of the run that trained it.
        policy: when a classifier answers at an exit.
        device: that it runs on.

    Raises:
        WeightsError: nothing is there, or it is damaged.
    """
    folder = Path(path) if (Path(path) / CARD).is_file() else Path(path) / "model"
    where = folder / CARD
    try:
        data = records.STRICT.decode(read_bounded(where, MOST_CARD_BYTES).decode())
        if not isinstance(data, dict) or data.pop("format", None) != RCNN:
            msg = f"its format is not {RCNN!r}"
            raise WeightsError(msg)
        card = records.from_json(RcnnCard, data, at="", error=WeightsError)
        if any("/" in name or "\\" in name or name.startswith(".") for name in card.classifiers):
            msg = "it names folders outside of its own"
            raise WeightsError(msg)
    except (*records.UNREADABLE, InceptionError, OSError) as error:
        msg = f"{where}: cannot be used ({error}); copy the folder of the detector again"
        raise WeightsError(msg) from error
    regression = None if card.regression is None else _read_regression(folder, card)
    models = tuple(load(folder / name, device=device) for name in card.classifiers)
    detector = assemble(card.classes, models, card.settings)
    proposer = None if card.proposer is None else _read_proposer(folder, card, device)
    return replace(detector, regression=regression, policy=policy, proposer=proposer), card


def assemble(
    classes: tuple[str, ...], models: tuple[Classifier, ...], how: RegionSettings
) -> RcnnDetector:
    """A detector of some classifiers on regions.

    Raises:
        WeightsError: a classifier has other classes.
    """
    wanted = class_names(classes)
    columns = []
    for one in models:
        own = {name: number for number, name in enumerate(one.card.classes)}
        if own.keys() != set(wanted):
            msg = f"a classifier has the classes {', '.join(own)}, not {', '.join(wanted)}; train "
            raise WeightsError(msg + "it on regions of these classes")
        columns.append(np.array([own[name] for name in wanted], np.int64))
    return RcnnDetector(classes, models, tuple(columns), how)


def _read_proposer(folder: Path, card: RcnnCard, device: str) -> Proposer:
    where = folder / PROPOSER / CARD
    try:
        known = sha256(read_bounded(where, MOST_CARD_BYTES))
    except OSError as error:
        msg = f"{where}: cannot be read ({error.strerror}); copy the whole folder of the detector"
        raise WeightsError(msg) from error
    if known != card.proposer:
        msg = f"{where}: it is not the file that {CARD} names; copy the folder again"
        raise WeightsError(msg)
    return load_proposer(folder / PROPOSER, device)


def _read_regression(folder: Path, card: RcnnCard) -> BoxRegression:
    where = folder / REGRESSION
    try:
        data = read_bounded(where, MOST_BYTES)
        weights = load_tensors(data)["weights"]
    except (OSError, SafetensorError, LookupError, ValueError) as error:
        msg = f"{where}: cannot be used ({error}); copy the folder of the detector again"
        raise WeightsError(msg) from error
    fits = weights.ndim == 3 and weights.shape[0] == len(card.classes) and weights.shape[2] == 4
    if sha256(data) != card.regression or not fits:
        msg = f"{where}: it is not the file that {CARD} names; copy the folder again"
        raise WeightsError(msg)
    return BoxRegression(weights.astype(np.float32))
