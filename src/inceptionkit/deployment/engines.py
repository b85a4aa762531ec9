"""The engines that run a graph on this machine's processor, and their libraries. No torch."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Lock
from time import time
from typing import Any, Literal, Protocol, TypeAlias
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.onnx import FEATURES_OUT, PROBABILITIES, Tensors, library
from inceptionkit.errors import DeploymentError
from inceptionkit.evaluation.calibration import tempered
from inceptionkit.machine import BF16, cpu_flags
from inceptionkit.model.export_info import Precision

EngineName: TypeAlias = Literal["openvino", "onnxruntime"]
Mode: TypeAlias = Literal["latency", "throughput"]
Results: TypeAlias = Mapping[str, NDArray[np.float32]]

PRECISION_HINTS: Mapping[Precision, str] = {"fp32": "f32", "bf16": "bf16", "int8": "bf16"}
# OpenVINO's names; what an int8 graph leaves in floating point runs fastest in bf16

BATCH: Mapping[Mode, int] = {"latency": 1, "throughput": 32}  # images that are answered at once
_SIZES_KEPT = 64  # for which code is kept; OpenVINO keeps 5,000 and oneDNN 1,024, a megabyte each
_ONEDNN_KEEPS = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
ANY = -1  # a batch, or sides, of any size


class Engine(Protocol):
    """One graph, ready to run."""

    def __call__(self, x: NDArray[Any]) -> Results:
        """Outputs by name, for a batch of the graph's input."""


_RUNNING: WeakSet[Any] = WeakSet()  # engines that have threads


def _keep_for_ever() -> None:
    """In a process that was forked, never end an engine: it would wait for threads of the other."""
    for engine in list(_RUNNING):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_keep_for_ever)


class OpenVino:
    """A graph in OpenVINO, compiled at once for single images, and later for larger batches.

    For latency all threads compute the same images; for throughput a batch is divided among as many
    streams as OpenVINO finds best.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - openvino.Model or bytes
        *weights: bytes,
        size: int,
        threads: int,
        precision: Precision = "fp32",
        mode: Mode = "latency",
    ) -> None:
        """Compile `model`; its weights are packed for this process alone.

        Args:
            model: the graph, or the file that holds it.
            weights: the file beside it, where it has one.
            size: side of the images where it leaves that open; `ANY` if they have any size.
            threads: to run on.
            precision: of its arithmetic.
            mode: what it is tuned for.
        """
        self.model = openvino_model(model, *weights) if isinstance(model, bytes) else model
        self.options = {
            "INFERENCE_PRECISION_HINT": PRECISION_HINTS[precision],
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": mode.upper(),
        }
        if mode == "latency":
            self.options["NUM_STREAMS"] = 1
        _, *sides = self.model.inputs[0].get_partial_shape()
        self.sides = [size if side.is_dynamic else side.get_length() for side in sides]
        if ANY in self.sides:
            self.options["CPU_RUNTIME_CACHE_CAPACITY"] = _SIZES_KEPT
        one = (1, *self.sides)
        self.requests = {one: self._compiled(one)}
        self.free = Lock()  # a request answers one caller at a time
        _RUNNING.add(self)

    def __call__(self, x: NDArray[Any]) -> Results:
        """Run; single images have a compiled model of their own, whose shapes are all known."""
        sides = self.sides if ANY in self.sides else x.shape[1:]
        shape = (1 if len(x) == 1 else ANY, *sides)
        with self.free:
            if shape not in self.requests:
                self.requests[shape] = self._compiled(shape)
            requests = self.requests[shape][: len(x)]
            for request, part in zip(requests, np.array_split(x, len(requests)), strict=True):
                request.start_async([part], share_inputs=True)
            for request in requests:
                request.wait()
            return {
                output.any_name: np.concatenate([r.get_output_tensor(i).data for r in requests])
                for i, output in enumerate(requests[0].model_outputs)
            }

    def _compiled(self, shape: tuple[int, ...]) -> list[Any]:
        """Compile for inputs of one shape; a request for each stream."""
        model = self.model.clone()
        model.reshape(list(shape))
        chosen = os.environ.get(_ONEDNN_KEEPS)
        os.environ[_ONEDNN_KEEPS] = chosen or str(_SIZES_KEPT)  # read once; torch has its own
        try:
            with signal_stack_kept():
                compiled = library("openvino").Core().compile_model(model, "CPU", self.options)
        finally:
            if not chosen:
                os.environ.pop(_ONEDNN_KEEPS, None)
        return [
            compiled.create_infer_request() for _ in range(compiled.get_property("NUM_STREAMS"))
        ]


def openvino_model(file: bytes, *weights: bytes) -> Any:  # noqa: ANN401 - openvino.Model
    """Read an ONNX file, or OpenVINO's own pair of files."""
    model = library("openvino").Core().read_model(file, *weights)
    if not weights:
        passes = library("openvino.passes")
        manager = passes.Manager()
        manager.register_pass(passes.ConstantFolding())  # else six operators reshape each bias
        manager.run_passes(model)
    return model


class OnnxRuntime:
    """A graph in ONNX Runtime."""

    def __init__(self, model: bytes, *, threads: int, **_: object) -> None:
        """Load `model`; it takes images of any size, and answers in one way alone."""
        ort = library("onnxruntime")
        options = _options(threads)
        graph: bytes | str = model
        if SHARED:
            graph = str(_laid_out(model, SHARED[0]))
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.outputs = [output.name for output in self.session.get_outputs()]
        _RUNNING.add(self)

    def __call__(self, x: NDArray[Any]) -> Results:
        """Run."""
        return dict(zip(self.outputs, self.session.run(None, {self.input: x}), strict=True))


SHARED: list[Path] = []  # one folder, or none
_GRAPH, _WEIGHTS, _TENSORS = "graph.onnx", "weights", "tensors"
_KEPT = 3600.0  # seconds after which the files of a graph may go; who needs them writes them again


def share_weights(folder: Path) -> None:
    """Let this process share weights with others that name this folder.

    From then on, tensors and what ONNX Runtime runs are mapped from files there. OpenVINO packs its
    own.
    """
    SHARED[:] = [folder]


def shared_tensors(tensors: Tensors) -> Tensors:
    """The same tensors, mapped from a file in the folder that is named in `SHARED`."""
    every = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    key = sha256(repr([(name, one.dtype.str, one.shape) for name, one in every.items()]).encode())
    for one in every.values():
        key.update(one.data)

    def write(beside: Path) -> None:
        with (beside / _TENSORS).open("wb") as file:
            for one in every.values():
                file.write(one.data)

    mapped = np.memmap(_written_once(SHARED[0] / key.hexdigest() / _TENSORS, write), mode="r")
    parts = np.split(np.asarray(mapped), np.cumsum([one.nbytes for one in every.values()]))
    return {
        name: part.view(one.dtype).reshape(one.shape)
        for (name, one), part in zip(every.items(), parts, strict=False)
    }


def _laid_out(model: bytes, share: Path) -> Path:
    """A graph as ONNX Runtime lays it out for this processor, written if need be.

    Its weights are a file that each process maps, so that they are in memory once.
    """

    def write(beside: Path) -> None:
        options = _options(1)
        options.optimized_model_filepath = str(beside / _GRAPH)
        for key, value in {"file_name": _WEIGHTS, "min_size_in_bytes": "1024"}.items():
            options.add_session_config_entry(
                f"session.optimized_model_external_initializers_{key}", value
            )
        library("onnxruntime").InferenceSession(model, options, providers=["CPUExecutionProvider"])

    return _written_once(share / sha256(model).hexdigest() / _GRAPH, write)


def _written_once(file: Path, write: Callable[[Path], None]) -> Path:
    """A file that processes share: `write` puts it into a folder if no other process has."""
    if file.exists():
        return file
    folder, share = file.parent, file.parent.parent
    for other in share.iterdir():
        with suppress(FileNotFoundError):  # another process has just renamed or removed it
            if time() - other.stat().st_mtime > _KEPT:
                rmtree(other, ignore_errors=True)
    beside = share
    try:
        beside = Path(mkdtemp(dir=share, prefix=f"{os.getpid()}-"))  # by which it is found
        write(beside)
        beside.rename(folder)
    except OSError as error:
        if not file.exists():  # else another process was faster
            msg = f"{share}: weights cannot be shared there ({error.strerror or error}); "
            raise DeploymentError(msg + "free space, or set TMPDIR to another place") from error
    finally:
        if beside != share:
            rmtree(beside, ignore_errors=True)
    return file


def _options(threads: int) -> Any:  # noqa: ANN401 - onnxruntime.SessionOptions
    options = library("onnxruntime").SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    return options


def run_stage(
    engine: Engine, x: NDArray[Any], temperature: float
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Run the graph of a stage, as `run_stages` asks: its probabilities, and what comes after."""
    results = engine(x)
    probabilities = results[PROBABILITIES]
    if temperature != 1.0:
        probabilities = tempered(probabilities, temperature)
    return probabilities, results.get(FEATURES_OUT, x)


class _Stack(ctypes.Structure):
    """`stack_t` of <signal.h>."""

    _fields_ = (
        ("start", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("size", ctypes.c_size_t),
    )


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Give this thread the stack for signals back that it had before.

    On processors with AMX, OpenVINO's first compilation leaves one of 20 kB. Python runs its
    handlers there, and where the linker must still look a function up, all registers are saved
    twice: more than fits, and Ctrl-C ends in a segmentation fault (OpenVINO 2026.4).
    """
    if sys.platform != "linux":
        yield
        return
    before, libc = _Stack(), ctypes.CDLL(None)
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)


_UNITS: Mapping[Precision, tuple[frozenset[str], str]] = {
    "bf16": (
        BF16,
        "no AVX512_BF16 or AMX: bf16 is computed as fp32 here and gains nothing",
    ),
    "int8": (
        frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}),
        "no VNNI or AMX: int8 is smaller here, but hardly faster",
    ),
}  # one of these flags, in the kernel's words, is needed; what lacks without any


def lacking(precision: Precision, flags: frozenset[str] | None = None) -> str:
    """Say in a sentence that the processor does not compute this precision by itself.

    Args:
        precision: of the arithmetic.
        flags: of the processor; this machine's if None.

    Returns:
        The sentence; "" where it does, or where the system does not say.
    """
    here = cpu_flags() if flags is None else flags
    needed, lack = _UNITS.get(precision, (here, ""))
    return f"this processor has {lack}" if here and not here & needed else ""
