"""How a run that trains a detector begins, or is picked up again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from inceptionkit.catalog import architecture
from inceptionkit.detection.division import DividedSet, divide
from inceptionkit.detection.shared.augment import kept
from inceptionkit.detection.shared.design import Design, choose_design
from inceptionkit.detection.shared.loss import IGNORED
from inceptionkit.detection.shared.recipe import DetectRecipe
from inceptionkit.detection.shared.record import (
    DetectDataFacts,
    DetectRecord,
    read_detect_record,
)
from inceptionkit.detection.shared.request import DetectTrainRequest
from inceptionkit.detection.shared.session import DetectSession
from inceptionkit.detection.shared.training import TrainBoxes
from inceptionkit.detection.sources.open import open_detection
from inceptionkit.detection.types import AnnotatedImage, Boxes, DetectionSet, Pixels
from inceptionkit.data.types import Unusable
from inceptionkit.errors import DataError, RecipeError, RunError
from inceptionkit.files import write_json
from inceptionkit.machine import cores
from inceptionkit.network.device import check_device, default_device
from inceptionkit.options import several
from inceptionkit.preprocess import Preprocessing, UnusableImage
from inceptionkit.progress import Listener
from inceptionkit.settings import override
from inceptionkit.spec import Net
from inceptionkit.training.budget import parse_budget
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.initial_weights import InitialWeights, inspect_model
from inceptionkit.training.run.record import FILE

TRUNK = "compact"  # where nothing says another
_TRUNK_SIDE = 128  # of its images; the trunk itself takes any size


def start_run(
    request: DetectTrainRequest, listener: Listener, start_time: float
) -> DetectSession:
    """Decide what a run computes, and write it down.

    Raises:
        DataError, RecipeError, UnknownNameError, SpecError, WeightsError: it cannot be met.
        RunError: the run folder cannot be written.
    """
    recipe = override(DetectRecipe(), several(request.settings), error=RecipeError)
    if request.budget is not None:
        if request.epochs is not None:
            msg = f"a run has one budget, got --budget {request.budget} and --epochs "
            raise RecipeError(msg + f"{request.epochs}; choose one")
        parse_budget(request.budget)
    device = request.device or default_device()
    check_device(device)
    if request.out is not None:
        folders.require_empty(Path(request.out))
    net, start, preprocessing = _trunk(request)
    opened = open_detection(request.data)
    for note in opened.notes:
        listener.say(note)
    sets, unusable, train = _read(divide(opened, request.split_seed), None, listener)
    design = _design(net, sets.train, request.input_size)
    sets, more, train = _read(sets, design.size, listener)
    unusable += more
    address, fingerprint = str(request.data), opened.fingerprint()
    reasons = (
        f"sets: {sets.rule}; train {len(sets.train)}, val {len(sets.val)}, test {len(sets.test)}",
        f"images are seen at {design.size[1]}x{design.size[0]} pixels, with anchors of "
        + ", ".join(f"{w:.0f}x{h:.0f}" for h, w in design.anchors),
        f"the trunk is {net.name} up to {design.taps[-1]}; features from {', '.join(design.taps)}"
        + ("" if start is None else f"; it starts from {start.model}"),
    )
    record = DetectRecord(
        request=_stored(request, device),
        data=DetectDataFacts(
            address=address,
            layout=opened.layout,
            fingerprint=fingerprint,
            classes=list(opened.classes),
            sets={"train": len(sets.train), "val": len(sets.val), "test": len(sets.test)},
            rule=sets.rule,
            unusable=len(unusable),
        ),
        reasons=reasons,
        recipe=recipe,
        threads=torch.get_num_threads(),
        start=start,
        preprocessing=preprocessing,
        design=design,
    )
    out = None if request.out is None else Path(request.out)
    folder = folders.new_folder(out, address, f"detector-{net.name}")
    rows = [{"path": one.name, "reason": one.reason} for one in unusable]
    folders.write_rows(folder / folders.UNUSABLE, rows, ("path", "reason"))
    write_json(folder / FILE, record.to_json())
    for reason in reasons:
        listener.say(reason)
    if unusable:
        listener.say(f"{len(unusable)} images cannot be used: {folder / folders.UNUSABLE}")
    return DetectSession(folder, record, sets, train, listener, start_time)


def resume_run(
    folder: Path, data: str | Path | None, listener: Listener, start_time: float
) -> DetectSession:
    """Read the images of a run again.

    Raises:
        RunError: there is no such run, another process works on it, or its images changed.
        DataError: the images are gone.
    """
    record = read_detect_record(folder)
    check_device(record.request.device or "cpu")
    opened = open_detection(record.data["address"] if data is None else data)
    if opened.fingerprint() != record.data["fingerprint"]:
        msg = f"{folder}: the images at {opened.address} or their boxes changed since the run began"
        raise RunError(msg + "; put them back as they were, or start another run")
    folders.take(folder)
    sets = divide(opened, record.request.split_seed)
    sets, _, train = _read(sets, record.design.size, listener)
    return DetectSession(folder, record, sets, train, listener, start_time)


def _stored(request: DetectTrainRequest, device: str) -> DetectTrainRequest:
    """What run.json keeps of a request."""
    return replace(
        request,
        data=str(request.data),
        settings=several(request.settings),
        from_=None if request.from_ is None else str(request.from_),
        out=None if request.out is None else str(request.out),
        device=device,
        listener=None,
    )
