"""int8 by post-training quantisation, held to what it may cost in accuracy."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.engines import OpenVino
from inceptionkit.deployment.graph import ONWARD, PROBABILITIES, Graph
from inceptionkit.deployment.libraries import library
from inceptionkit.deployment.onnx import openvino_model
from inceptionkit.deployment.signals import signal_stack_kept
from inceptionkit.errors import DeploymentError
from inceptionkit.evaluation.confidence import Paired, paired
from inceptionkit.text import points

CALIBRATION = 300  # images: what NNCF takes by default


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Labelled images that were held out of training: what quantisation is judged by."""

    images: NDArray[Any]  # (images, size, size, 3) uint8; for a later stage, its features
    labels: NDArray[np.int64]  # (images,) class numbers


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """One stage in 8 bits, and what that cost."""

    name: str
    model: Any  # openvino.Model
    change: Paired  # against floating point, on the held-out images
    spared: bool  # whether layers were left in floating point so that it is small


def quantised(
    stages: Iterable[tuple[str, Graph]],
    calibration: NDArray[np.uint8],
    held: Held,
    *,
    most: float,
    threads: int,
) -> list[Quantised]:
    """Quantise weights and activations of every stage to 8 bits.

    Every stage reads what the stages before it give in 8 bits, and is judged against the network
    that is in floating point throughout: what is lost adds up from stage to stage.

    Args:
        stages: name and graph, in order; what one gives the next reads.
        calibration: (images, size, size, 3) that the network was trained on, as its preprocessing
            leaves them; they set the ranges of the activations.
        held: images to judge by.
        most: share of top-1 that may be lost; beyond it the layers that hurt most are left in
            floating point.
        threads: of the engine.

    Sources:
        NNCF's `quantize` and `quantize_with_accuracy_control`, preset "mixed": symmetric weights,
        activations with a zero point.
    """
    found: list[Quantised] = []
    x: NDArray[Any] = calibration[:CALIBRATION]
    put = partial(OpenVino, size=x.shape[1], threads=threads)
    exact = held
    for name, graph in stages:
        model = openvino_model(graph)
        floating = put(model, precision="fp32")
        judged = partial(change, right(floating, exact), held, put)
        found.append(stage_in_int8(name, model, x, held, judged, most))
        if ONWARD in graph.gives:
            small = put(found[-1].model, precision="int8")
            exact = Held(through(floating, exact.images, ONWARD), held.labels)
            held = Held(through(small, held.images, ONWARD), held.labels)
            x = through(small, x, ONWARD)
    return found


def stage_in_int8(
    name: str,
    model: Any,  # noqa: ANN401 - openvino.Model
    calibration: NDArray[Any],
    held: Held,
    judged: Callable[[Any], Paired],
    most: float,
) -> Quantised:
    """Quantise one stage; once more and with care where the plain way loses too much.

    `judged` compares a quantised stage with floating point.

    Raises:
        DeploymentError: it loses too much either way.
    """
    small, spared = plainly(model, calibration), False
    found = judged(small)
    if -found.difference.mean > most:
        small, spared = with_care(model, calibration, held, most), True
        found = judged(small)
    if -found.difference.mean > most:
        msg = (
            f"{name}: int8 changes top-1 by {points(found.difference.mean)} points on "
            f"{found.images:,} images, at most {points(-most)} is allowed; allow more with "
            "--max-drop, or use bf16"
        )
        raise DeploymentError(msg)
    return Quantised(name, small, found, spared)


def change(
    before: NDArray[np.bool_],
    held: Held,
    put: Callable[..., OpenVino],
    small: Any,  # noqa: ANN401 - openvino.Model
) -> Paired:
    """How much better a quantised stage is than what was right before."""
    return paired(before, right(put(small, precision="int8"), held))


def right(run: OpenVino, held: Held) -> NDArray[np.bool_]:
    """Whether each held-out image is named rightly."""
    return np.asarray(through(run, held.images, PROBABILITIES).argmax(1) == held.labels)


def through(run: OpenVino, images: NDArray[Any], output: str) -> NDArray[np.float32]:
    """One output for every image, about 32 of them at a time."""
    parts = np.array_split(images, max(1, len(images) // 32))
    return np.concatenate([run(part)[output] for part in parts])


def plainly(model: Any, calibration: NDArray[Any]) -> Any:  # noqa: ANN401 - openvino.Model
    """Quantise every layer that can be."""
    nncf = silent_nncf()
    preset = nncf.QuantizationPreset.MIXED
    data, count = one_by_one(calibration), len(calibration)
    with redirect_stdout(sys.stderr), signal_stack_kept():  # where progress belongs
        return nncf.quantize(model, nncf.Dataset(data), preset=preset, subset_size=count)


def with_care(model: Any, calibration: NDArray[Any], held: Held, most: float) -> Any:  # noqa: ANN401 - openvino.Model
    """Quantise, then put back layer after layer, the most harmful first, until little is lost."""
    nncf = silent_nncf()
    judges = list(zip(one_by_one(held.images), held.labels, strict=True))

    with redirect_stdout(sys.stderr), signal_stack_kept():
        return nncf.quantize_with_accuracy_control(
            model,
            nncf.Dataset(one_by_one(calibration)),
            nncf.Dataset(judges, itemgetter(0)),
            judge,
            max_drop=most,
            drop_type=nncf.DropType.ABSOLUTE,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(calibration),
        )


def judge(compiled: Any, judges: Iterable[tuple[NDArray[Any], int]]) -> tuple[float, list[float]]:  # noqa: ANN401 - NNCF calls it
    """Top-1 of some of the held-out images, and whether each is named rightly.

    Each comes with its label, for NNCF ranks the layers by images that it picks.
    """
    hits = [float(compiled(x)[PROBABILITIES].argmax() == label) for x, label in judges]
    return float(np.mean(hits)), hits


def one_by_one(images: NDArray[Any]) -> list[NDArray[Any]]:
    """Batches of one."""
    return [images[i : i + 1] for i in range(len(images))]


def silent_nncf() -> Any:  # noqa: ANN401 - a module
    """NNCF, without its remarks and usage reports."""
    nncf = library("nncf")
    nncf.set_log_level(logging.ERROR)
    return nncf
