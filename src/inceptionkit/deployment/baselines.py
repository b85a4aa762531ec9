"""The same network as others run it, untouched by us: what our backends are compared with.

Each reads prepared images, (batch, 3, size, size) float32, and gives scores; our graphs also cut,
scale, and end in softmax.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inceptionkit.deployment.benchmark import Backend
from inceptionkit.deployment.engines import OnnxRuntime, OpenVino
from inceptionkit.deployment.onnx import library
from inceptionkit.errors import DeploymentError
from inceptionkit.model.export_info import Precision
from inceptionkit.network import InceptionNet
from inceptionkit.preprocess import Preprocessing

_SCORES, _IMAGES = "scores", "images"


class _Scores(nn.Module):
    """The network as others would write it: prepared images in, main's scores out."""

    def __init__(self, model: InceptionNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, size, size) -> (batch, classes)."""
        scores: Tensor = self.model(images).main
        return scores


class BaselineBackends:
    """A network, to be run by others' software.

    Attributes:
        module: gives scores; in torch's own memory layout, in evaluation mode.
        preprocessing: what makes its input.
        threads: of every engine.
    """

    def __init__(self, model: InceptionNet, preprocessing: Preprocessing, threads: int) -> None:
        self.module = _Scores(model.to(memory_format=torch.contiguous_format)).eval()  # type: ignore[call-overload]
        self.preprocessing = preprocessing
        self.threads = threads

    @property
    def _example(self) -> Tensor:
        """Two images, from which others' exporters learn the network."""
        return torch.zeros(2, 3, self.preprocessing.size, self.preprocessing.size)

    @property
    def _bytes(self) -> int:
        """Of the weights."""
        return sum(value.nbytes for value in self.module.state_dict().values())

    def eager(self) -> Backend:
        """Torch, as a module is called."""
        return self._in_torch("torch", self.module)

    def compiled(self) -> Backend:
        """Torch with `torch.compile`.

        Raises:
            DeploymentError: it does not compile, for want of a C++ compiler for instance.
        """
        module = torch.compile(self.module)
        backend = self._in_torch("torch.compile", module)
        try:
            for batch in (1, 2, 4):  # from the second size on, it compiles for any
                backend.answer(torch.zeros(batch, *self._example.shape[1:]))
        except RuntimeError as error:
            first_line, _, _ = str(error).strip().partition("\n")
            msg = f"torch.compile does not compile here ({first_line})"
            raise DeploymentError(msg) from error
        return backend

    def _in_torch(self, name: str, module: Any) -> Backend:  # noqa: ANN401 - what torch.compile gives
        """A module, compiled or not."""

        @torch.inference_mode()
        def answer(images: Tensor) -> NDArray[np.float32]:
            found: NDArray[np.float32] = module(images).numpy()
            return found

        return Backend(
            engine=name,
            precision="fp32",
            bytes=self._bytes,
            answer=answer,
            prepare=lambda images: torch.from_numpy(self.preprocessing.normalize(images)),
        )

    def openvino(self, precision: Precision) -> Backend:
        """OpenVINO's own conversion of the module.

        Raises:
            DeploymentError: OpenVINO is not installed.
        """
        ov = library("openvino")
        side = self.preprocessing.size
        with _silenced():
            model = ov.convert_model(
                self.module, example_input=self._example, input=[-1, 3, side, side]
            )
        model.outputs[0].tensor.set_names({_SCORES})
        run = OpenVino(model, size=side, precision=precision, threads=self.threads)
        return self._in_engine("openvino", precision, run)

    def onnxruntime(self) -> Backend:
        """ONNX Runtime on torch's own export of the module.

        Raises:
            DeploymentError: ONNX Runtime, or what torch needs to export, is not installed.
        """
        for name in ("onnxruntime", "onnx", "onnxscript"):
            library(name)
        with _silenced():
            program: Any = torch.onnx.export(
                self.module,
                (self._example,),
                input_names=[_IMAGES],
                output_names=[_SCORES],
                dynamic_shapes={_IMAGES: {0: torch.export.Dim("batch")}},
            )
        run = OnnxRuntime(program.model_proto.SerializeToString(), threads=self.threads)
        return self._in_engine("onnxruntime", "fp32", run)

    def _in_engine(self, name: str, precision: Precision, run: OpenVino | OnnxRuntime) -> Backend:
        """The converted network in an engine."""
        return Backend(
            engine=name,
            precision=precision,
            bytes=self._bytes,
            answer=lambda images: run(images)[_SCORES],
            prepare=self.preprocessing.normalize,
        )


@contextmanager
def _silenced() -> Iterator[None]:
    """Without the remarks of others' exporters, which nobody here could act on."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
