"""A graph in OpenVINO's terms."""

from __future__ import annotations

from typing import Any, assert_never

import numpy as np

from inceptionkit.deployment.graph import (
    IMAGE,
    AcrossChannels,
    Convolve,
    Dense,
    Graph,
    Join,
    Mean,
    Normalise,
    Operator,
    Rectify,
    Resample,
    Slide,
    Softmax,
)
from inceptionkit.deployment.libraries import library

OPSET = "openvino.opset13"
AS_THEY_ARE, SECOND_TURNED = (False, False), (False, True)  # which factors are transposed
ANY = -1  # a dimension that is known when the graph runs


def openvino_model(graph: Graph) -> Any:  # noqa: ANN401 - openvino.Model, imported where used
    """Translate a graph.

    Returns:
        An `openvino.Model` for any batch, and for images of any size not below the network's. Its
        operators carry the spec's addresses.
    """
    ov, ops = library("openvino"), library(OPSET)
    if graph.input == IMAGE:
        start = ops.parameter([ANY, ANY, ANY, 3], np.uint8, name=graph.input)
    else:
        start = ops.parameter([ANY, *graph.reads], np.float32, name=graph.input)
    start.output(0).set_names({graph.input})
    found = {graph.input: start.output(0)}
    for line in graph.lines:
        node = translate(line.operator, [found[name] for name in line.reads])
        node.set_friendly_name(line.name)
        found[line.name] = node.output(0)  # a max pool has a second one
    results = []
    for name, line_name in graph.gives.items():
        found[line_name].add_names({name})
        results.append(ops.result(found[line_name], name=f"{name}.result"))
    return ov.Model(results, [start], graph.name)


def translate(operator: Operator, reads: list[Any]) -> Any:  # noqa: ANN401, C901, PLR0911 - a case per operator
    """One operator applied to nodes."""
    ops = library(OPSET)
    x = reads[0]
    match operator:
        case Normalise():
            return normalised(operator, x)
        case Convolve():
            return convolved(operator, x)
        case Slide():
            return slid(operator, x)
        case Resample(rows, columns):
            return ops.matmul(ops.matmul(rows, x, *AS_THEY_ARE), columns, *AS_THEY_ARE)
        case Mean():
            return ops.reduce_mean(x, np.array([2, 3]), keep_dims=True)
        case AcrossChannels(size, alpha, beta, k):
            return ops.lrn(x, np.array([1]), alpha, beta, k, size)
        case Dense():
            return dense(operator, x)
        case Rectify():
            return ops.relu(x)
        case Join():
            return ops.concat(reads, 1)
        case Softmax():
            return ops.softmax(ops.reshape(x, np.array([0, -1]), special_zero=True), 1)
        case _:
            assert_never(operator)


def normalised(how: Normalise, x: Any) -> Any:  # noqa: ANN401 - nodes
    """Cut out the middle, scale and shift, in the order that the network wants."""
    ops = library(OPSET)
    axes = np.array([1, 2])
    sides = ops.gather(ops.shape_of(x, "i64"), axes, np.array(0))
    start = ops.divide(ops.subtract(sides, np.array([how.size] * 2)), np.array([2, 2]))
    stop = ops.add(start, np.array([how.size] * 2))
    middle = ops.slice(x, start, stop, np.array([1, 1]), axes)
    planes = ops.transpose(ops.convert(middle, "f32"), np.array([0, 3, 1, 2]))
    scaled = ops.multiply(planes, how.scale.reshape(1, 3, 1, 1))
    return ops.add(scaled, how.shift.reshape(1, 3, 1, 1))


def convolved(how: Convolve, x: Any) -> Any:  # noqa: ANN401 - nodes
    """Convolution, bias, ReLU."""
    ops = library(OPSET)
    window = ([how.stride] * 2, list(how.before), list(how.after), [1, 1])
    if how.groups == 1:
        y = ops.convolution(x, how.weight, *window)
    else:
        out, *rest = how.weight.shape
        weight = how.weight.reshape(how.groups, out // how.groups, *rest)
        y = ops.group_convolution(x, weight, *window)
    y = ops.add(y, how.bias.reshape(1, -1, 1, 1))
    return ops.relu(y) if how.relu else y


def slid(how: Slide, x: Any) -> Any:  # noqa: ANN401 - nodes
    """Pooling."""
    ops = library(OPSET)
    stride, before, after = [how.stride] * 2, list(how.before), list(how.after)
    if how.kind == "max":
        return ops.max_pool(x, stride, [1, 1], before, after, list(how.kernel))
    exclude = not how.count_padding
    return ops.avg_pool(x, stride, before, after, list(how.kernel), exclude)


def dense(how: Dense, x: Any) -> Any:  # noqa: ANN401 - nodes
    """Fully connected, as a (batch, out, 1, 1) grid."""
    ops = library(OPSET)
    flat = ops.reshape(x, np.array([0, -1]), special_zero=True)
    y = ops.add(ops.matmul(flat, how.weight, *SECOND_TURNED), how.bias.reshape(1, -1))
    y = ops.relu(y) if how.relu else y
    return ops.unsqueeze(y, np.array([2, 3]))
