"""int8 by post-training quantization, held to what it may cost in accuracy."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from math import ceil
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import DataAddress, open_dataset
from inceptionkit.data.loading.unkept import ScoredImages
from inceptionkit.deployment.engines import OpenVino, signal_stack_kept
from inceptionkit.deployment.onnx import FEATURES_OUT, PROBABILITIES, library
from inceptionkit.errors import DataError, DeploymentError
from inceptionkit.evaluation.bounds import enough_images
from inceptionkit.evaluation.confidence import Paired, paired, tango
from inceptionkit.evaluation.held_out import Selection, load_scored, tuning_and_test_samples
from inceptionkit.machine import cores
from inceptionkit.model import Card
from inceptionkit.progress import Listener
from inceptionkit.text import points

CalibrationData: TypeAlias = DataAddress | NDArray[np.uint8] | None  # an address, or images alone

_CALIBRATION_IMAGES = 300  # what NNCF takes by default
_FEWEST_IMAGES = 10  # to set ranges with as well as to be judged by
_AT_ONCE = 1_024  # images that are laid out as engines take them


@dataclass(frozen=True, slots=True, eq=False)
class ValidationSet:
    """Labeled images that were held out of training: what quantization is judged by."""

    images: NDArray[Any]  # (images, size, size, 3) uint8; for a later stage, its features
    labels: NDArray[np.int64]  # (images,) class numbers


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedStage:
    """One stage in 8 bits, and what that cost."""

    name: str
    model: Any  # openvino.Model
    change: Paired  # against floating point, on the validation set
    kept_float_layers: bool  # whether layers were left in floating point so that it is small


def to_int8(
    card: Card,
    stages: Mapping[str, Any],
    data: CalibrationData,
    *,
    max_drop: float,
    listener: Listener,
) -> dict[str, Any]:
    """Quantize with images that the model was trained on, judged by others.

    Where the images come without labels they set the ranges, and nothing is judged.

    Args:
        card: of the model.
        stages: name -> `openvino.Model`, in order.
        data: as the model was trained on.
        max_drop: share of top-1 that may be lost.
        listener: is told what was lost.

    Raises:
        DataError: no data is given, its classes are not the model's, or there are too few images.
        DeploymentError: it loses too much.
    """
    if data is None:
        msg = "int8 needs the images that the model was trained on; name them with --data"
        raise DataError(msg)
    if isinstance(data, np.ndarray):
        return {name: quantize(model, data) for name, model in stages.items()}
    dataset = open_dataset(data)
    judging, scoring = tuning_and_test_samples(card, dataset, listener)
    others = calibration_samples(len(dataset.samples), judging, scoring)
    count = min(len(others), _CALIBRATION_IMAGES)
    chosen = others[np.linspace(0, len(others) - 1, count).astype(int)]
    if len(chosen) < _FEWEST_IMAGES or len(judging.indices) < _FEWEST_IMAGES:
        msg = (
            f"{dataset.address}: int8 needs {_FEWEST_IMAGES} images to set its ranges and "
            f"{_FEWEST_IMAGES} to be judged by, got {len(chosen)} and {len(judging.indices)}; "
            "give more images, or use bf16"
        )
        raise DataError(msg)
    calibration = load_scored(card, dataset, Selection(chosen, "calibration"), listener)
    judges = load_scored(card, dataset, judging, listener)
    held_out = ValidationSet(channels_last(judges), judges.labels.numpy())
    quantized = quantize_stages(
        stages, channels_last(calibration), held_out, max_drop=max_drop, threads=cores()
    )
    for stage in quantized:
        kept = "; some layers are left in floating point" if stage.kept_float_layers else ""
        listener.say(
            f"{stage.name} in int8: top-1 {in_points(stage.change, judging.why, max_drop)}{kept}"
        )
    return {stage.name: stage.model for stage in quantized}


def in_points(change: Paired, which: str, max_drop: float) -> str:
    """A change of top-1 with its interval, and how little is known where that allows more."""
    difference, images = change.difference, change.images
    words = (
        f"{points(difference.mean)} points ({points(difference.low)} to {points(difference.high)}) "
        f"on {images:,} images: {which}"
    )
    if -difference.low <= max_drop:
        return words
    enough = enough_images(
        lambda count: (
            -tango(
                ceil(change.only_first * count / images),
                change.only_second * count // images,
                count,
            )[0]
            <= max_drop
        ),
        images,
    )
    more = "" if enough is None else f", about {enough:,} like them could"
    return f"{words}; they cannot rule out a loss of more than {100 * max_drop:g} points{more}"


def calibration_samples(count: int, judging: Selection, scoring: Selection) -> NDArray[np.int64]:
    """Which of `count` samples may set ranges: none that judge, and none that score.

    Images that are not divided either judge or score; then those that score must set the ranges.
    """
    others = np.setdiff1d(np.arange(count), judging.indices)
    training = np.setdiff1d(others, scoring.indices)
    return training if len(training) else others


def channels_last(images: ScoredImages) -> NDArray[np.uint8]:
    """(images, size, size, 3), as engines take them."""
    batches = [batch.permute(0, 2, 3, 1).numpy() for batch in images.pixels.split(_AT_ONCE)]
    return np.ascontiguousarray(np.concatenate(batches))


def quantize_stages(
    stages: Mapping[str, Any],
    calibration: NDArray[np.uint8],
    held_out: ValidationSet,
    *,
    max_drop: float,
    threads: int,
) -> list[QuantizedStage]:
    """Quantize weights and activations of every stage to 8 bits.

    Every stage reads what the stages before it give in 8 bits, and is judged against the network
    that is in floating point throughout: what is lost adds up from stage to stage.

    Args:
        stages: name -> `openvino.Model`, in order; what one gives the next reads.
        calibration: (images, size, size, 3) that the network was trained on, as its preprocessing
            leaves them; they set the ranges of the activations.
        held_out: images to judge by.
        max_drop: share of top-1 that may be lost; beyond it the layers that hurt most are left in
            floating point.
        threads: of the engine.

    Raises:
        DeploymentError: a stage loses too much.

    Sources:
        NNCF's `quantize` and `quantize_with_accuracy_control`, preset "mixed": symmetric weights,
        activations with a zero point.
    """
    quantized: list[QuantizedStage] = []
    x: NDArray[Any] = calibration[:_CALIBRATION_IMAGES]
    put = partial(OpenVino, size=x.shape[1], threads=threads)
    exact = held_out
    for name, model in stages.items():
        floating = put(model)
        change = partial(_change, _is_right(floating, exact), held_out, put)
        quantized.append(_quantized_stage(name, model, x, held_out, change, max_drop))
        if name != "main":
            small = put(quantized[-1].model, precision="int8")
            exact = ValidationSet(_outputs(floating, exact.images, FEATURES_OUT), exact.labels)
            features = _outputs(small, held_out.images, FEATURES_OUT)
            held_out = ValidationSet(features, held_out.labels)
            x = _outputs(small, x, FEATURES_OUT)
    return quantized


def _quantized_stage(
    name: str,
    model: Any,  # noqa: ANN401 - openvino.Model
    calibration: NDArray[Any],
    held_out: ValidationSet,
    change: Callable[[Any], Paired],
    max_drop: float,
) -> QuantizedStage:
    """Quantize one stage; again with accuracy control where the plain way loses too much."""
    small, kept = quantize(model, calibration), False
    cost = change(small)
    if -cost.difference.mean > max_drop:
        small = quantize_with_accuracy_control(model, calibration, held_out, max_drop)
        cost, kept = change(small), True
    if -cost.difference.mean > max_drop:
        msg = (
            f"{name}: int8 changes top-1 by {points(cost.difference.mean)} points on "
            f"{cost.images:,} images, at most {points(-max_drop)} is allowed; allow more with "
            "--max-drop, or use bf16"
        )
        raise DeploymentError(msg)
    return QuantizedStage(name, small, cost, kept)


def _change(
    before: NDArray[np.bool_],
    held_out: ValidationSet,
    put: Callable[..., OpenVino],
    small: Any,  # noqa: ANN401 - openvino.Model
) -> Paired:
    """How much better a quantized stage is than what was right before."""
    return paired(before, _is_right(put(small, precision="int8"), held_out))


def _is_right(run: OpenVino, held_out: ValidationSet) -> NDArray[np.bool_]:
    probabilities = _outputs(run, held_out.images, PROBABILITIES)
    return np.asarray(probabilities.argmax(1) == held_out.labels)


def _outputs(run: OpenVino, images: NDArray[Any], output: str) -> NDArray[np.float32]:
    """One output for every image, about 32 of them at a time."""
    parts = np.array_split(images, max(1, len(images) // 32))
    return np.concatenate([run(part)[output] for part in parts])


def quantize(model: Any, calibration: NDArray[Any]) -> Any:  # noqa: ANN401 - openvino.Model
    """Quantize every layer that can be."""
    nncf = _silent_nncf()
    preset = nncf.QuantizationPreset.MIXED
    data, count = one_by_one(calibration), len(calibration)
    with redirect_stdout(sys.stderr), signal_stack_kept():  # where progress belongs
        return nncf.quantize(model, nncf.Dataset(data), preset=preset, subset_size=count)


def quantize_with_accuracy_control(
    model: Any,  # noqa: ANN401 - openvino.Model
    calibration: NDArray[Any],
    held_out: ValidationSet,
    max_drop: float,
) -> Any:  # noqa: ANN401 - openvino.Model
    """Quantize, then put back layer after layer, the most harmful first, until little is lost."""
    nncf = _silent_nncf()
    judges = list(zip(one_by_one(held_out.images), held_out.labels, strict=True))

    with redirect_stdout(sys.stderr), signal_stack_kept():
        return nncf.quantize_with_accuracy_control(
            model,
            nncf.Dataset(one_by_one(calibration)),
            nncf.Dataset(judges, itemgetter(0)),
            _judge,
            max_drop=max_drop,
            drop_type=nncf.DropType.ABSOLUTE,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(calibration),
        )


def _judge(compiled: Any, judges: Iterable[tuple[NDArray[Any], int]]) -> tuple[float, list[float]]:  # noqa: ANN401 - NNCF calls it
    """Top-1 of some of the held-out images, and whether each is classified rightly.

    Each comes with its label, because NNCF ranks the layers by images that it picks.
    """
    hits = [float(compiled(x)[PROBABILITIES].argmax() == label) for x, label in judges]
    return float(np.mean(hits)), hits


def one_by_one(images: NDArray[Any]) -> list[NDArray[Any]]:
    """Batches of one."""
    return [images[i : i + 1] for i in range(len(images))]


def _silent_nncf() -> Any:  # noqa: ANN401 - a module
    """NNCF, without its remarks and usage reports, and without a home folder if there is none."""
    homeless = "HOME" not in os.environ  # it looks for one when it is imported
    if homeless:
        os.environ["HOME"] = os.devnull
    try:
        nncf = library("nncf")
    finally:
        if homeless:
            del os.environ["HOME"]
    nncf.set_log_level(logging.ERROR)
    return nncf
