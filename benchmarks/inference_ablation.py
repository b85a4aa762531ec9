"""Our graph with one thing changed: what each change costs or gains."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import openvino as ov
from inference_graphs import Model, Subject, graph_of, model_of
from inference_sides import LATENCY, Side

from inceptionkit.deployment import onnx
from inceptionkit.deployment.engines import openvino_model
from inceptionkit.deployment.onnx import IMAGE, library
from inceptionkit.deployment.quantize import one_by_one, quantize
from inceptionkit.model.export_info import Precision
from inceptionkit.spec import Conv, Linear, Step

SHIPPED = "as it is exported"
SYMMETRIC = "activations without a zero point"
FEW = 16  # photographs that int8 is calibrated on: only its time matters here
OPSET = "openvino.opset13"
DONE = "ablated"  # a file: all changed graphs of the folder are there
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "threads not pinned to cores": {"ENABLE_CPU_PINNING": False},
    "one thread": {"INFERENCE_NUM_THREADS": 1},
}
REST: Mapping[str, Mapping[str, Any]] = {
    "what int8 leaves in fp32, not bf16": {"INFERENCE_PRECISION_HINT": "f32"}
}


def pools_first(model: Model) -> ov.Model:
    """Average pools stay before the 1x1 convolutions behind them, as the network has them."""
    with patch.object(onnx, "averages_then_projects", lambda *_: False):
        return shipped(model)


def pointwise_as_one(model: Model) -> ov.Model:
    """The 1x1 convolutions that read the same become one, whose result is split."""
    ops, graph = library(OPSET), shipped(model)
    alike = sorted(filter(pointwise, graph.get_ops()), key=reads)
    for _, group in groupby(alike, reads):
        biased = [next(iter(one.output(0).get_target_inputs())).get_node() for one in group]
        if len(biased) == 1:
            continue
        convolutions = [add.input_value(0).get_node() for add in biased]
        weight, bias = (
            np.concatenate([constant(node) for node in nodes], axis)
            for nodes, axis in ((convolutions, 0), (biased, 1))
        )
        x, none = convolutions[0].input_value(0), [0, 0]
        together = ops.relu(ops.add(ops.convolution(x, weight, [1, 1], none, none, [1, 1]), bias))
        parts = ops.variadic_split(together, 1, [constant(one).shape[0] for one in convolutions])
        for part, add in zip(parts.outputs(), biased, strict=True):
            rectified = next(iter(add.output(0).get_target_inputs())).get_node()
            rectified.output(0).replace(part)
    return graph


def pointwise(node: ov.Node) -> bool:
    """Whether it is a 1x1 convolution with stride 1, bias and ReLU."""
    if node.get_type_name() != "Convolution" or constant(node).shape[2:] != (1, 1):
        return False
    add = next(iter(node.output(0).get_target_inputs())).get_node()
    after = next(iter(add.output(0).get_target_inputs())).get_node()
    return node.get_attributes()["strides"] == [1, 1] and after.get_type_name() == "Relu"


def reads(node: ov.Node) -> str:
    """Name of what a node reads."""
    return str(node.input_value(0).get_node().get_friendly_name())


def constant(node: ov.Node) -> np.ndarray:
    """Its second input."""
    return np.asarray(node.input_value(1).get_node().data)


def channels_last(model: Model) -> ov.Model:
    """Pixels are scaled and shifted before they are reordered, not after."""
    how = model.preprocessing

    def normalize(graph: onnx.NetworkBuilder, _: object) -> str:
        scale, shift = np.array(how.affine, np.float32)
        pixels = graph.put("Cast", [IMAGE], "normalized.pixels", to=onnx.FLOAT)
        scaled = graph.put("Mul", [pixels, scale], "normalized.scaled")
        shifted = graph.put("Add", [scaled, shift], "normalized.shifted")
        return graph.put("Transpose", [shifted], "normalized", perm=[0, 3, 1, 2])

    with patch.object(onnx.NetworkBuilder, "normalize", normalize):
        return shipped(model)


def folded(model: Model) -> ov.Model:
    """The first convolution reads pixels as they are; scale and shift are in its weights.

    Where it pads, a fourth channel, 255 inside of the image, carries the shift.
    """
    how, fold = model.preprocessing, onnx.NetworkBuilder.folded

    def normalize(graph: onnx.NetworkBuilder, _: object) -> str:
        pads, level = np.array([0, 0, 0, 0, 0, 0, 0, 1]), np.array(255, np.uint8)
        four = graph.put("Pad", [IMAGE, pads, level], "normalized.four")
        planes = graph.put("Transpose", [four], "normalized.planes", perm=[0, 3, 1, 2])
        return graph.put("Cast", [planes], "normalized", to=onnx.FLOAT)

    def four_channels(
        graph: onnx.NetworkBuilder, step: Step, op: Conv
    ) -> tuple[onnx.Array, onnx.Array]:
        weight, bias = fold(graph, step, op)
        if step.input.channels != 3:
            return weight, bias
        scale, shift = (np.reshape(values, (1, 3, 1, 1)) for values in how.affine)
        shifts = (weight * shift).sum(1, keepdims=True) / 255
        return np.concatenate([weight * scale, shifts], 1).astype(np.float32), bias

    with (
        patch.object(onnx.NetworkBuilder, "normalize", normalize),
        patch.object(onnx.NetworkBuilder, "folded", four_channels),
    ):
        return shipped(model)


def classifier_as_convolution(model: Model) -> ov.Model:
    """The fully connected layer is written as a 1x1 convolution."""
    write = onnx.NetworkBuilder.operator

    def operator(graph: onnx.NetworkBuilder, step: Step, x: str) -> str:
        if not isinstance(step.op, Linear):
            return write(graph, step, x)
        weight, bias = (graph.tensors[f"{step.at}.fc.{part}"] for part in ("weight", "bias"))
        return graph.put("Conv", [x, weight[:, :, None, None], bias], step.at, relu=step.op.relu)

    with patch.object(onnx.NetworkBuilder, "operator", operator):
        return shipped(model)


def shipped(model: Model) -> ov.Model:
    """Ours, as OpenVINO reads it."""
    return openvino_model(graph_of(model).SerializeToString())


def symmetric(model: Model) -> ov.Model:
    """In 8 bits, no activation with a zero point."""
    nncf = library("nncf")
    data, preset = one_by_one(model.images[:FEW]), nncf.QuantizationPreset.PERFORMANCE
    with redirect_stdout(sys.stderr):
        return nncf.quantize(
            shipped(model),
            nncf.Dataset(data),
            preset=preset,
            subset_size=FEW,
        )


CHANGES: Mapping[str, Callable[[Model], Any]] = {
    "average pools before their 1x1 convolutions": pools_first,
    "1x1 convolutions that read the same as one": pointwise_as_one,
    "pixels normalized before they are reordered": channels_last,
    "preprocessing folded into the first convolution": folded,
    "classifier as a 1x1 convolution": classifier_as_convolution,
}


def changed_graphs(subject: Subject, path: Path, folder: Path) -> None:
    """Write every changed graph into the subject's folder, unless an earlier call did."""
    if (folder / DONE).exists():
        return
    model = model_of(subject, path)
    for name, change in CHANGES.items():
        graph = change(model)
        ov.serialize(graph, folder / f"{name}-fp32.xml")
        ov.serialize(quantize(graph, model.images[:FEW]), folder / f"{name}-int8.xml")
    ov.serialize(symmetric(model), folder / f"{SYMMETRIC}-int8.xml")
    (folder / DONE).touch()


def changed_sides(folder: Path, precision: Precision) -> Sequence[Side]:
    """Ours, and ours with one thing changed."""
    file = f"{'int8' if precision == 'int8' else 'fp32'}.xml"
    ours = Side(
        name=SHIPPED,
        engine="openvino",
        graph=folder / f"ours-{file}",
        images=folder / "images.npy",
        precision=precision,
    )
    changes = [*CHANGES, *([SYMMETRIC] if precision == "int8" else [])]
    options = {**OPTIONS, **(REST if precision == "int8" else {})}
    return (
        ours,
        *(replace(ours, name=name, graph=folder / f"{name}-{file}") for name in changes),
        *(replace(ours, name=name, options={**LATENCY, **more}) for name, more in options.items()),
    )
