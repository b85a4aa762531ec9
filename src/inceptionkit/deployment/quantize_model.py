"""Choosing the images that quantisation needs, and saying what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import open_dataset
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.deployment.graph import Graph
from inceptionkit.deployment.onnx import openvino_model
from inceptionkit.deployment.quantize import CALIBRATION, Held, plainly, quantised
from inceptionkit.errors import DataError
from inceptionkit.evaluation.held_out import Drawn, choosing_samples, load_scored
from inceptionkit.machine import cores
from inceptionkit.model import Card
from inceptionkit.progress import Listener
from inceptionkit.text import points

Teaching: TypeAlias = str | Path | NDArray[np.uint8] | None  # an address, or images alone
FEWEST = 10  # images, to set ranges with as well as to be judged by


def in_8_bits(
    card: Card,
    stages: Sequence[tuple[str, Graph]],
    data: Teaching,
    *,
    most: float,
    listener: Listener,
) -> dict[str, Any]:
    """Quantise with images that the model was trained on, judged by others.

    Where the images come without labels they set the ranges, and nothing is judged.

    Raises:
        DataError: no data is given, its classes are not the model's, or there are too few images.
    """
    if data is None:
        msg = "int8 needs the images that the model was trained on; name them with --data"
        raise DataError(msg)
    if isinstance(data, np.ndarray):
        return {name: plainly(openvino_model(graph), data) for name, graph in stages}
    dataset = open_dataset(data)
    judging, scoring = choosing_samples(card, dataset)
    others = calibrating(len(dataset.samples), judging, scoring)
    chosen = others[np.linspace(0, len(others) - 1, min(len(others), CALIBRATION)).astype(int)]
    if len(chosen) < FEWEST or len(judging.indices) < FEWEST:
        msg = (
            f"{data}: int8 needs {FEWEST} images to set its ranges and {FEWEST} to be judged by, "
            f"got {len(chosen)} and {len(judging.indices)}; give more images, or take bf16"
        )
        raise DataError(msg)
    calibration = load_scored(card, dataset, Drawn(chosen, "calibration"), listener)
    judges = load_scored(card, dataset, judging, listener)
    held = Held(pictures(judges), judges.labels.numpy())
    found = quantised(stages, pictures(calibration), held, most=most, threads=cores())
    for stage in found:
        change = stage.change.difference
        spared = "; some layers are left in floating point" if stage.spared else ""
        listener.say(
            f"{stage.name} in int8: top-1 {points(change.mean)} points ({points(change.low)} to "
            f"{points(change.high)}) on {stage.change.images:,} images ({judging.why}){spared}"
        )
    return {stage.name: stage.model for stage in found}


def calibrating(count: int, judging: Drawn, scoring: Drawn) -> NDArray[np.int64]:
    """Which of `count` samples may set ranges: none that judge, and none that score.

    Images that are not divided either judge or score; then those that score must set the ranges.
    """
    others = np.setdiff1d(np.arange(count), judging.indices)
    training = np.setdiff1d(others, scoring.indices)
    return training if len(training) else others


def pictures(images: Images) -> NDArray[np.uint8]:
    """(images, size, size, 3), as engines take them."""
    return np.ascontiguousarray(images.pixels.permute(0, 2, 3, 1).numpy())
