"""The folder of an R-CNN: `model.json`, its classifiers' model folders, and its box regression."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from inceptionkit import records
from inceptionkit.detection.rcnn.card import REGRESSION, RcnnCard
from inceptionkit.detection.rcnn.detector import TO_THE_END, RcnnDetector
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
    folder: Path, card: RcnnCard, models: Sequence[Path], regression: BoxRegression | None
) -> RcnnCard:
    """Write the folder whole; one that stands there already is replaced.

    Args:
        folder: where.
        card: without the names of classifiers and the sum of the regression, which are filled in.
        models: folders of the classifiers, which are copied.
        regression: of the boxes.

    Raises:
        WriteError: it cannot be written.
    """
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    names = tuple(f"classifier-{number}" for number in range(1, len(models) + 1))
    data = None if regression is None else save_tensors({"weights": regression.weights})
    filled = RcnnCard(
        classes=card.classes,
        classifiers=names,
        settings=card.settings,
        regression=None if data is None else sha256(data),
        show=card.show,
        metrics=card.metrics,
    )
    try:
        beside.mkdir(parents=True)
        for name, model in zip(names, models, strict=True):
            shutil.copytree(model, beside / name)
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
) -> tuple[RcnnDetector, RcnnCard]:
    """Load an R-CNN.

    Args:
        path: its folder, or that of the run that trained it.
        policy: when a classifier answers at an exit.

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
    models = tuple(load(folder / name) for name in card.classifiers)
    return assemble(card.classes, models, card.settings, regression, policy), card


def assemble(
    classes: tuple[str, ...],
    models: tuple[Classifier, ...],
    how: RegionSettings,
    regression: BoxRegression | None = None,
    policy: Policy = TO_THE_END,
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
    return RcnnDetector(classes, models, tuple(columns), how, regression, policy)


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
