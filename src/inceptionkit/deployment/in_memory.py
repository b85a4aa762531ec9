"""A trained model straight from its tensors into an engine, without files between."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from statistics import median
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.engines import (
    BATCH,
    Engine,
    EngineName,
    Mode,
    OnnxRuntime,
    OpenVino,
)
from inceptionkit.deployment.graph import Graph
from inceptionkit.deployment.libraries import installed
from inceptionkit.deployment.lower import staged
from inceptionkit.deployment.onnx import onnx_model, openvino_model
from inceptionkit.deployment.runtime import Deployed, Stages
from inceptionkit.evaluation.early_exit import RunToTheEnd
from inceptionkit.model import Card
from inceptionkit.timing import Call, TimingBudget, time_interleaved

ENGINES: tuple[EngineName, ...] = get_args(EngineName)
NEEDED: Mapping[EngineName, tuple[str, ...]] = {
    "openvino": ("onnx", "openvino"),
    "onnxruntime": ("onnx", "onnxruntime"),
}  # libraries
PROBE = TimingBudget(least=4, most=4, settle=True)


def deployed(
    card: Card,
    tensors: Mapping[str, NDArray[Any]],
    name: EngineName,
    *,
    threads: int,
    mode: Mode = "latency",
) -> Deployed:
    """Put a model into an engine; it is cut at the exits that each policy uses.

    Raises:
        DeploymentError: the engine is not installed.
    """
    size = card.preprocessing.size

    @cache
    def cut(exits: tuple[str, ...]) -> Stages:
        return {
            stage: engine(graph, name, size=size, threads=threads, mode=mode)
            for stage, graph in staged(card.architecture, tensors, card.preprocessing, exits)
        }

    return Deployed(card, cut, BATCH[mode])


def engine(graph: Graph, name: EngineName, *, size: int, threads: int, mode: Mode) -> Engine:
    """Run one graph in an engine, in fp32."""
    if name == "openvino":
        model = openvino_model(graph)
        return OpenVino(model, size=size, precision="fp32", threads=threads, mode=mode)
    return OnnxRuntime(onnx_model(graph).SerializeToString(), threads=threads)


def here() -> tuple[EngineName, ...]:
    """The engines that are installed."""
    return tuple(name for name in ENGINES if all(map(installed, NEEDED[name])))


def fastest(candidates: Mapping[EngineName, Deployed]) -> EngineName:
    """Which of these is the fastest on this machine; a probe of some runs each.

    Each answers as many images at once as it was loaded for.
    """
    taken = time_interleaved({name: _blank(model) for name, model in candidates.items()}, PROBE)
    return min(taken, key=lambda name: median(taken[name]))


def _blank(model: Deployed) -> Call:
    size = model.card.preprocessing.size
    images = np.zeros((model.batch, size, size, 3), np.uint8)
    return lambda: model.answers(images, RunToTheEnd())
