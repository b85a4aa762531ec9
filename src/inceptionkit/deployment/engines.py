"""The engines that run a graph on this machine's processor. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.libraries import library
from inceptionkit.deployment.signals import signal_stack_kept
from inceptionkit.model.export_info import Precision

EngineName: TypeAlias = Literal["openvino", "onnxruntime"]
Mode: TypeAlias = Literal["latency", "throughput"]
Results: TypeAlias = Mapping[str, NDArray[np.float32]]

HINTS: Mapping[Precision, str] = {"fp32": "f32", "bf16": "bf16", "int8": "bf16"}
# OpenVINO's names; what an int8 graph leaves in floating point runs fastest in bf16

BATCH: Mapping[Mode, int] = {"latency": 1, "throughput": 32}  # images that are answered at once
ANY = -1  # a batch of any size


class Engine(Protocol):
    """One graph, ready to run."""

    def __call__(self, x: NDArray[Any]) -> Results:
        """Outputs by name, for a batch of the graph's input."""


class OpenVino:
    """A graph in OpenVINO, compiled at once for single images, and later for larger batches.

    For latency all threads compute the same images; for throughput a batch is divided among as many
    streams as OpenVINO finds best.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - openvino.Model
        *,
        size: int,
        precision: Precision,
        threads: int,
        mode: Mode = "latency",
    ) -> None:
        """Compile `model`.

        Args:
            model: the graph.
            size: side of the images where it leaves that open; `ANY` if they have any size.
            precision: of its arithmetic.
            threads: to run on.
            mode: what it is tuned for.
        """
        self.model = model
        self.options = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": mode.upper(),
        }
        if mode == "latency":
            self.options["NUM_STREAMS"] = 1
        _, *sides = model.inputs[0].get_partial_shape()
        self.sides = [size if side.is_dynamic else side.get_length() for side in sides]
        one = (1, *self.sides)
        self.requests = {one: self.compiled(one)}

    def __call__(self, x: NDArray[Any]) -> Results:
        """Run; single images have a compiled model of their own, whose shapes are all known."""
        sides = self.sides if ANY in self.sides else x.shape[1:]
        shape = (1 if len(x) == 1 else ANY, *sides)
        if shape not in self.requests:
            self.requests[shape] = self.compiled(shape)
        requests = self.requests[shape][: len(x)]
        for request, part in zip(requests, np.array_split(x, len(requests)), strict=True):
            request.start_async([part], share_inputs=True)
        for request in requests:
            request.wait()
        return {
            output.any_name: np.concatenate([r.get_output_tensor(i).data for r in requests])
            for i, output in enumerate(requests[0].model_outputs)
        }

    def compiled(self, shape: tuple[int, ...]) -> list[Any]:
        """Compile for inputs of one shape; a request for each stream."""
        ov = library("openvino")
        model = self.model.clone()
        model.reshape(list(shape))
        with signal_stack_kept():
            found = ov.Core().compile_model(model, "CPU", self.options)
        streams = found.get_property("NUM_STREAMS")
        return [found.create_infer_request() for _ in range(streams)]


class OnnxRuntime:
    """A graph in ONNX Runtime."""

    def __init__(self, model: bytes | Path, *, threads: int) -> None:
        ort = library("onnxruntime")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        source = model if isinstance(model, bytes) else str(model)
        self.session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.outputs = [output.name for output in self.session.get_outputs()]

    def __call__(self, x: NDArray[Any]) -> Results:
        """Run."""
        return dict(zip(self.outputs, self.session.run(None, {self.input: x}), strict=True))
