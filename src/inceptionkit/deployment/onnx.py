"""A graph as an ONNX model, which OpenVINO reads too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.graph import (
    IMAGE,
    PROBABILITIES,
    AcrossChannels,
    Convolve,
    Dense,
    Graph,
    Join,
    Line,
    Mean,
    Normalise,
    Rectify,
    Resample,
    Slide,
    Softmax,
)
from inceptionkit.deployment.libraries import library

OPSET, IR = 18, 10  # what ONNX Runtime has taken since 1.18


def onnx_model(graph: Graph) -> Any:  # noqa: ANN401 - onnx.ModelProto, imported where used
    """Translate a graph, for any batch and images of any size not below the network's.

    Returns:
        An `onnx.ModelProto` that `onnx.checker` accepts, shapes inferred.
    """
    onnx = library("onnx")
    page = Page(onnx.helper.make_node, onnx.numpy_helper.from_array)
    for line in graph.lines:
        page.write(line)
    describe, kinds = onnx.helper.make_tensor_value_info, onnx.TensorProto
    if graph.input == IMAGE:
        start = describe(IMAGE, kinds.UINT8, ["batch", "height", "width", 3])
    else:
        start = describe(graph.input, kinds.FLOAT, ["batch", *graph.reads])
    ends = []
    for name, line_name in graph.gives.items():
        if name != line_name:
            page.put("Identity", [line_name], name)
        rank = 2 if name == PROBABILITIES else 4
        ends.append(describe(name, kinds.FLOAT, ["batch", *[None] * (rank - 1)]))
    return checked(onnx.helper.make_graph(page.nodes, graph.name, [start], ends, page.constants))


def openvino_model(graph: Graph) -> Any:  # noqa: ANN401 - openvino.Model, imported where used
    """The graph in OpenVINO: an `openvino.Model` for the same inputs as the ONNX model."""
    model = library("openvino").Core().read_model(onnx_model(graph).SerializeToString())
    passes = library("openvino.passes")
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())  # else each bias is reshaped by six operators
    manager.run_passes(model)
    return model


def checked(body: Any) -> Any:  # noqa: ANN401 - an onnx.GraphProto as an onnx.ModelProto
    """A model of this graph that `onnx.checker` accepts, shapes inferred."""
    onnx = library("onnx")
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(
        body, opset_imports=[opset], ir_version=IR, producer_name="inceptionkit"
    )
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    onnx.checker.check_model(model, full_check=True)
    return model


class Page:
    """Nodes and constants of an ONNX graph.

    Attributes:
        nodes: written so far.
        constants: that they read.
    """

    def __init__(self, make_node: Callable[..., Any], make_tensor: Callable[..., Any]) -> None:
        self.make_node, self.make_tensor = make_node, make_tensor
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def put(self, kind: str, reads: Sequence[str], name: str, **attributes: Any) -> str:  # noqa: ANN401 - ONNX's attributes
        """Write a node; its name, which is that of its result."""
        self.nodes.append(self.make_node(kind, list(reads), [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Write a constant; its name."""
        self.constants.append(self.make_tensor(np.ascontiguousarray(value), name))
        return name

    def write(self, line: Line) -> None:  # noqa: C901 - a case per operator
        """Write what one line of ours computes."""
        name, x = line.name, line.reads[0]
        match line.operator:
            case Normalise() as how:
                self.normalise(how, x, name)
            case Convolve() as how:
                self.convolve(how, x, name)
            case Slide() as how:
                self.slide(how, x, name)
            case Resample(rows, columns):
                tall = self.put(
                    "MatMul", [self.constant(f"{name}.rows", rows), x], f"{name}.averaged"
                )
                self.put("MatMul", [tall, self.constant(f"{name}.columns", columns)], name)
            case Mean():
                self.put("GlobalAveragePool", [x], name)
            case AcrossChannels(size, alpha, beta, k):
                self.put("LRN", [x], name, size=size, alpha=alpha, beta=beta, bias=k)
            case Dense() as how:
                self.dense(how, x, name)
            case Rectify():
                self.put("Relu", [x], name)
            case Join():
                self.put("Concat", line.reads, name, axis=1)
            case Softmax():
                flat = self.put("Flatten", [x], f"{name}.scores")
                self.put("Softmax", [flat], name, axis=1)
            case _:
                assert_never(line.operator)

    def normalise(self, how: Normalise, x: str, name: str) -> None:
        """Cut out the middle, scale and shift, in the order that the network wants."""
        size = self.constant(f"{name}.size", np.array([how.size] * 2))
        half = self.constant(f"{name}.half", np.array([2, 2]))
        axes = self.constant(f"{name}.axes", np.array([1, 2]))
        sides = self.put("Shape", [x], f"{name}.sides", start=1, end=3)
        spare = self.put("Sub", [sides, size], f"{name}.spare")
        start = self.put("Div", [spare, half], f"{name}.start")
        stop = self.put("Add", [start, size], f"{name}.stop")
        middle = self.put("Slice", [x, start, stop, axes], f"{name}.middle")
        planes = self.put("Transpose", [middle], f"{name}.planes", perm=[0, 3, 1, 2])
        pixels = self.put("Cast", [planes], f"{name}.pixels", to=1)  # float32
        scale = self.constant(f"{name}.scale", how.scale.reshape(1, 3, 1, 1))
        shift = self.constant(f"{name}.shift", how.shift.reshape(1, 3, 1, 1))
        self.put("Add", [self.put("Mul", [pixels, scale], f"{name}.scaled"), shift], name)

    def convolve(self, how: Convolve, x: str, name: str) -> None:
        """Convolution, bias, ReLU."""
        weight = self.constant(f"{name}.weight", how.weight)
        bias = self.constant(f"{name}.bias", how.bias)
        self.rectified(
            "Conv",
            [x, weight, bias],
            name,
            relu=how.relu,
            kernel_shape=how.weight.shape[2:],
            strides=[how.stride] * 2,
            pads=[*how.before, *how.after],
            group=how.groups,
        )

    def dense(self, how: Dense, x: str, name: str) -> None:
        """Fully connected, as a (batch, out, 1, 1) grid."""
        flat = self.put("Flatten", [x], f"{name}.flat")
        weight = self.constant(f"{name}.weight", how.weight)
        bias = self.constant(f"{name}.bias", how.bias)
        y = self.rectified("Gemm", [flat, weight, bias], f"{name}.scores", relu=how.relu, transB=1)
        self.put("Unsqueeze", [y, self.constant(f"{name}.axes", np.array([2, 3]))], name)

    def rectified(
        self,
        kind: str,
        reads: Sequence[str],
        name: str,
        *,
        relu: bool,
        **attributes: Any,  # noqa: ANN401 - ONNX's attributes
    ) -> str:
        """Write a node, and a ReLU behind it if asked."""
        if not relu:
            return self.put(kind, reads, name, **attributes)
        return self.put("Relu", [self.put(kind, reads, f"{name}.linear", **attributes)], name)

    def slide(self, how: Slide, x: str, name: str) -> None:
        """Pooling."""
        window: dict[str, Any] = {
            "kernel_shape": how.kernel,
            "strides": [how.stride] * 2,
            "pads": [*how.before, *how.after],
        }
        if how.kind == "avg":
            window["count_include_pad"] = int(how.count_padding)
        self.put("MaxPool" if how.kind == "max" else "AveragePool", [x], name, **window)
