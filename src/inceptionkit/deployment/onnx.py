"""From spec and weights to ONNX, which every engine reads: a straight line of operators.

What matters only for training is gone: norms are folded into the convolution before them, and
dropout is left out. Paddings are cells; preprocessing and softmax are operators.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.errors import DeploymentError, SpecError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import (
    AdaptivePool,
    Block,
    Conv,
    Dropout,
    GlobalPool,
    Linear,
    LocalNorm,
    Net,
    Pool,
    Step,
    adaptive_windows,
    averages_then_projects,
    blocks,
    border,
    groups_of,
    is_classifier,
)

IMAGE, FEATURES = "image", "features"  # names of a graph's input
PROBABILITIES, FEATURES_OUT = "probabilities", "features_out"  # names of its outputs
EMBEDDING = "embedding"  # likewise
OPSET, IR_VERSION = 18, 10  # what ONNX Runtime has taken since 1.18
FLOAT, UINT8 = 1, 2  # ONNX's numbers for types

_TELEMETRY = "openvino_telemetry"  # reports usage by default; without it its users go on silently

Array: TypeAlias = NDArray[np.float32]
Read: TypeAlias = str | NDArray[Any]
Tensors: TypeAlias = Mapping[str, NDArray[Any]]


def library(name: str) -> Any:  # noqa: ANN401 - a module
    """Import one of the libraries that deployment needs, silently.

    Raises:
        DeploymentError: it is not installed, or damaged.
    """
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type] # makes its import fail
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        msg = f"{error.name} is not installed; pip install 'inceptionkit[deploy]'"
        raise DeploymentError(msg) from error
    except ImportError as error:
        msg = f"{name} is installed and cannot be imported ({error}); install it again"
        raise DeploymentError(msg) from error


@dataclass(slots=True)
class OnnxBuilder:
    """Nodes and constants of an ONNX graph; a node's name is that of its result."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    onnx: Any = field(default_factory=partial(library, "onnx"))

    def put(
        self,
        kind: str,
        reads: Iterable[Read],
        name: str,
        *,
        relu: bool = False,
        **attributes: Any,  # noqa: ANN401 - ONNX's attributes
    ) -> str:
        """Write a node, and a ReLU behind it if asked; return its name.

        Args:
            kind: of the operator.
            reads: names of nodes, and arrays, which become constants.
            name: of the result.
            relu: write a ReLU behind it.
            attributes: ONNX's.
        """
        make, inputs = self.onnx.helper.make_node, []
        for number, read in enumerate(reads):
            inputs.append(read if isinstance(read, str) else f"{name}.{number}")
            if not isinstance(read, str):
                array = self.onnx.numpy_helper.from_array(np.ascontiguousarray(read), inputs[-1])
                self.constants.append(array)
        linear = f"{name}.linear" if relu else name
        self.nodes.append(make(kind, inputs, [linear], name=linear, **attributes))
        if relu:
            self.nodes.append(make("Relu", [linear], [name], name=name))
        return name

    def model(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:  # noqa: ANN401 - onnx.ModelProto
        """Close the graph; an input or output is a triple of name, type and shape."""
        helper = self.onnx.helper
        ends = ([helper.make_tensor_value_info(*end) for end in ends] for ends in (inputs, outputs))
        graph = helper.make_graph(self.nodes, name, *ends, self.constants)
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(
            graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="inceptionkit"
        )


def staged(
    net: Net, tensors: Tensors, preprocessing: Preprocessing, exits: Collection[str] = ()
) -> Iterator[tuple[str, Any]]:
    """The network cut after every block that has one of these exits, one graph per classifier.

    Args:
        net: the architecture; its input is square and RGB.
        tensors: its weights, as a model folder holds them.
        preprocessing: what happens to an image before the network.
        exits: names; the other exits are left out.

    Yields:
        Name of an exit, or "main", and the `onnx.ModelProto` up to its answer, for any batch and
        images of any size not below the network's. It gives probabilities and, but for the last,
        the features that the next graph reads.
    """
    graph, start = NetworkBuilder(tensors=tensors), (IMAGE, UINT8, ["batch", *"hw", 3])
    x = graph.normalize(preprocessing)
    for block in blocks(net):
        kind, _, name = block.at.partition(".")
        if kind == "trunk":
            x = graph.add(block, x)
        elif kind == "head" or name in exits:
            scores = graph.put("Flatten", [graph.add(block, x)], f"{PROBABILITIES}.scores")
            graph.put("Softmax", [scores], PROBABILITIES, axis=1)
            ends = [(PROBABILITIES, FLOAT, ["batch", None])]
            if kind != "head":
                graph.put("Identity", [x], FEATURES_OUT)
                ends.append((FEATURES_OUT, FLOAT, ["batch", None, None, None]))
            yield name or "main", graph.model(net.name, [start], ends)
            graph, x = NetworkBuilder(tensors=tensors), FEATURES
            start = (FEATURES, FLOAT, ["batch", block.input.channels, *block.input.size])


def traced(net: Net, tensors: Tensors, preprocessing: Preprocessing) -> Any:  # noqa: ANN401 - onnx.ModelProto
    """The network as a graph that gives what every block of trunk and head gives, by address."""
    graph, ends = NetworkBuilder(tensors=tensors), []
    x = graph.normalize(preprocessing)
    for block in blocks(net):
        if not block.at.startswith("exits."):
            x = graph.add(block, x)
            if x != block.at:
                graph.put("Identity", [x], block.at)
            ends.append((block.at, FLOAT, ["batch", None, None, None]))
    return graph.model(net.name, [(IMAGE, UINT8, ["batch", *"hw", 3])], ends)


def embedding(net: Net, tensors: Tensors, preprocessing: Preprocessing) -> Any:  # noqa: ANN401 - onnx.ModelProto
    """The network as a graph that gives what its main classifier reads: (batch, features).

    Where the classifier is a convolution, the mean over its grid.
    """
    graph = NetworkBuilder(tensors=tensors)
    x = graph.normalize(preprocessing)
    for block in blocks(net):
        if block.at.startswith("exits."):
            continue
        for part in (block,) if isinstance(block, Step) or block.parallel else block.parts:
            if isinstance(part, Step) and is_classifier(part.op):
                if isinstance(part.op, Conv):
                    x = graph.put("GlobalAveragePool", [x], f"{EMBEDDING}.mean")
                graph.put("Flatten", [x], EMBEDDING)
                ends = [(EMBEDDING, FLOAT, ["batch", None])]
                return graph.model(net.name, [(IMAGE, UINT8, ["batch", *"hw", 3])], ends)
            x = graph.add(part, x)
    msg = f"{net.name} has no classifier, whose input would be the features"
    raise SpecError(msg)


@dataclass(slots=True, kw_only=True)
class NetworkBuilder(OnnxBuilder):
    """A network's operators, at the spec's addresses."""

    tensors: Tensors

    def normalize(self, preprocessing: Preprocessing) -> str:
        """Cut out the middle, scale and shift: (batch, h, w, 3) uint8 -> (batch, 3, size, size)."""
        scale, shift = np.array(preprocessing.affine, np.float32).reshape(2, 1, 3, 1, 1)
        size = np.array([preprocessing.size] * 2)
        sides = self.put("Shape", [IMAGE], "normalized.sides", start=1, end=3)
        spare = self.put("Sub", [sides, size], "normalized.spare")
        start = self.put("Div", [spare, np.array([2, 2])], "normalized.start")
        stop = self.put("Add", [start, size], "normalized.stop")
        middle = self.put("Slice", [IMAGE, start, stop, np.array([1, 2])], "normalized.middle")
        planes = self.put("Transpose", [middle], "normalized.planes", perm=[0, 3, 1, 2])
        pixels = self.put("Cast", [planes], "normalized.pixels", to=FLOAT)
        scaled = self.put("Mul", [pixels, scale], "normalized.scaled")
        return self.put("Add", [scaled, shift], "normalized")

    def add(self, block: Block | Step, x: str) -> str:
        """Write a part of the walk that reads `x`; return the name of its result."""
        if isinstance(block, Step):
            return self.operator(block, x)
        if block.parallel:
            paths = [self.add(path, x) for path in block.parts]
            return self.put("Concat", paths, block.at, axis=1)
        match block.parts:
            case [Step(op=Pool() as pool) as first, Step(op=Conv() as conv) as last] if (
                averages_then_projects(first, last)
            ):
                return self.averaged_last((first, pool), (last, conv), x)
        for part in block.parts:
            x = self.add(part, x)
        return x

    def operator(self, step: Step, x: str) -> str:  # noqa: C901, PLR0911 - a case per operator
        """Write one operator; dropout is nothing in use."""
        at = step.at
        match step.op:
            case Conv() as op:
                return self.put(
                    "Conv",
                    [x, *self.folded(step, op)],
                    at,
                    relu=op.relu,
                    strides=[op.stride] * 2,
                    pads=_pads(step, op),
                    group=groups_of(op, step.input.channels),
                )
            case Pool() as op:
                window: dict[str, Any] = {"kernel_shape": op.kernel, "strides": [op.stride] * 2}
                window["pads"] = _pads(step, op)
                if op.kind == "max":
                    return self.put("MaxPool", [x], at, **window)
                counted = int(op.count_padding and op.padding != "ceil")  # what hangs over never
                return self.put("AveragePool", [x], at, count_include_pad=counted, **window)
            case Linear() as op:
                flat = self.put("Flatten", [x], f"{at}.flat")
                reads: list[Read] = [
                    flat,
                    *(self.tensors[f"{at}.fc.{part}"] for part in ("weight", "bias")),
                ]
                scores = self.put("Gemm", reads, f"{at}.scores", relu=op.relu, transB=1)
                return self.put("Unsqueeze", [scores, np.array([2, 3])], at)
            case AdaptivePool(grid):
                (height, width), (rows, columns) = step.input.size, grid
                down = self.put("MatMul", [_averaging(height, rows), x], f"{at}.down")
                return self.put("MatMul", [down, _averaging(width, columns).T], at)
            case GlobalPool():
                return self.put("GlobalAveragePool", [x], at)
            case LocalNorm(size, alpha, beta, k):
                return self.put("LRN", [x], at, size=size, alpha=alpha, beta=beta, bias=k)
            case Dropout():
                return x

    def folded(self, step: Step, op: Conv) -> tuple[Array, Array]:
        """Weight and bias of a convolution with the norm behind it folded in."""
        weight = self.tensors[f"{step.at}.conv.weight"].astype(np.float64)
        bias = np.zeros(op.out)
        if op.bias:
            bias += self.tensors[f"{step.at}.conv.bias"]
        if op.norm:
            shift, mean, variance = (
                self.tensors[f"{step.at}.bn.{part}"].astype(np.float64)
                for part in ("bias", "running_mean", "running_var")
            )
            gamma = self.tensors[f"{step.at}.bn.weight"] if op.norm.gamma else 1.0
            factor = gamma / np.sqrt(variance + op.norm.eps)
            weight *= factor[:, None, None, None]
            bias = (bias - mean) * factor + shift
        return weight.astype(np.float32), bias.astype(np.float32)

    def averaged_last(self, first: tuple[Step, Pool], last: tuple[Step, Conv], x: str) -> str:
        """Write an average pool and the 1x1 convolution behind it, the convolution first.

        Both are linear and may change places; then the average has fewer channels to go over. What
        the convolution adds and the ReLU stay last. An average that counts its zero padding is a
        convolution of every channel by itself; one that does not is no convolution at the border,
        but lets what was added before pass unchanged.
        """
        (step, pool), (at, conv) = first, (last[0].at, last[1])
        weight, bias = self.folded(*last)
        if not pool.count_padding or pool.padding == "ceil":
            x = self.put("Conv", [x, weight, bias], f"{at}.mixed")
            x = self.operator(replace(step, at=f"{at}.averaged"), x)
            return self.put("Relu", [x], at) if conv.relu else x
        x = self.put("Conv", [x, weight, np.zeros_like(bias)], f"{at}.mixed")
        share = np.full((conv.out, 1, *pool.kernel), 1 / np.prod(pool.kernel), np.float32)
        pads = _pads(step, pool)
        return self.put("Conv", [x, share, bias], at, relu=conv.relu, pads=pads, group=conv.out)


def _pads(step: Step, op: Conv | Pool) -> list[int]:
    """Cells padded above, left, below and right, such that every window lies on the grid."""
    before, after = [], []
    for n, k, out in zip(step.input.size, op.kernel, step.output.size, strict=True):
        first, last = border(n, k, op.stride, op.padding)
        hanging = (out - 1) * op.stride + k - n if op.padding == "ceil" else 0
        before.append(first)
        after.append(max(last, hanging))
    return before + after


def _averaging(n: int, out: int) -> Array:
    """Matrix (out, n) that averages `n` cells onto the `out` windows of `AdaptivePool`."""
    matrix = np.zeros((out, n), np.float32)
    for row, (start, stop) in zip(matrix, adaptive_windows(n, out), strict=True):
        row[start:stop] = 1 / (stop - start)
    return matrix


def checked(model: Any) -> Any:  # noqa: ANN401 - onnx.ModelProto
    """The model with all shapes inferred, as `onnx.checker` accepts it."""
    onnx = library("onnx")
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    onnx.checker.check_model(model, full_check=True)
    return model
