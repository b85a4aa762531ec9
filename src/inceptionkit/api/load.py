"""`load`: a model of any kind, in the best engine there is. Torch only where it is needed."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from inceptionkit.options import Argument, Option, verb

if TYPE_CHECKING:
    from inceptionkit.evaluation.predictor import Predictor


@dataclass(frozen=True)
class LoadRequest:
    """Which model to load, and how it is run."""

    model: Annotated[
        str | Path,
        Argument(
            "Folder of a run, a model or an exported model, a weights file, or an id such as "
            "torchvision/googlenet."
        ),
    ]
    _: KW_ONLY
    engine: Annotated[
        Literal["auto", "openvino", "onnxruntime", "torch"],
        Option(
            "What computes; auto takes the faster of the first two that are installed, found by a "
            "short probe, or torch. An exported model is run by its own engine, without a probe."
        ),
    ] = "auto"
    threads: Annotated[
        int | None,
        Option(
            "Threads of OpenVINO or ONNX Runtime; torch has its own.",
            default="one per CPU core",
            min=1,
        ),
    ] = None
    mode: Annotated[
        Literal["latency", "throughput"],
        Option(
            "latency answers every image as soon as it can; throughput answers 32 at once, for "
            "most images a second. An exported model that resizes answers one at a time in either."
        ),
    ] = "latency"


@verb(LoadRequest)
def load(request: LoadRequest) -> Predictor:
    """Load a model.

    Raises:
        WeightsError: there is no model, or it is damaged.
        DeploymentError: the engine is not installed, or cannot run the model.
        UnknownNameError: no released weights have that id, or there is no such engine or mode.
    """
    from inceptionkit.deployment.load import load_predictor

    return load_predictor(
        request.model, engine=request.engine, threads=request.threads, mode=request.mode
    )
