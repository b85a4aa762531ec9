"""A resize inside the graph: images of any size go in, and what Pillow computes is computed there.

Every row and every column of the result is a weighted sum of the original's, so a resize is two
matrix products, and only the square that is kept is computed. Engines' own operators for it differ
from Pillow and among themselves; this one is written once, in ONNX, and joined to the front of the
network's graph. Positions stay whole numbers until the last division, so that no engine's
arithmetic, bf16 included, can blur them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.engines import openvino_model
from inceptionkit.deployment.onnx import FLOAT, IMAGE, UINT8, OnnxBuilder, library
from inceptionkit.errors import DeploymentError
from inceptionkit.preprocess import Preprocessing, UnusableImage

FITTED = "fitted"  # what the resize gives, and the network's graph reads
REACHES: Mapping[str, int] = MappingProxyType({"bilinear": 1, "bicubic": 2})
"""Pixels of the smaller image that a filter reaches to either side."""

_POSITION_LIMIT = 2**31  # engines may compute positions in 32 bits
_HEIGHT, _WIDTH = 0, 1

Read: TypeAlias = str | int | float | NDArray[Any]


def resizable(image: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The image itself, (height, width, 3), if a graph can resize it.

    Raises:
        UnusableImage: one side is so much longer than the other that positions overflow.
    """
    height, width = image.shape[:2]
    short, long = sorted((height, width))
    if 2 * (long + 1) * (long * preprocessing.short_side // short + 1) >= _POSITION_LIMIT:
        reason = (
            f"{width}x{height} pixels are too long for the resize in the graph; "
            "cut it, or export the model without --resize"
        )
        raise UnusableImage(reason)
    return image


def onnx_resizing(model: Any, preprocessing: Preprocessing) -> Any:  # noqa: ANN401 - onnx.ModelProto
    """Put the resize before a graph that takes fitted images; then it takes those of any size.

    Raises:
        DeploymentError: the model is used with an interpolation that is none of `REACHES`.
    """
    merge = library("onnx.compose").merge_models
    name = model.graph.name
    merged = merge(front_of(preprocessing), model, io_map=[(FITTED, IMAGE)], name=name)
    del merged.opset_import[1:]  # both are of the same
    return merged


def openvino_resizing(model: Any, preprocessing: Preprocessing) -> Any:  # noqa: ANN401 - openvino.Model
    """The same for OpenVINO, which reads the resize as ONNX; `model` itself is changed.

    Raises:
        DeploymentError: as `onnx_resizing` does.
    """
    front = openvino_model(front_of(preprocessing).SerializeToString())
    fitted = front.outputs[0].get_node().input_value(0)
    for reader in model.inputs[0].get_target_inputs():
        reader.replace_source_output(fitted)
    name = model.get_friendly_name()
    return library("openvino").Model(model.get_results(), front.get_parameters(), name)


def front_of(preprocessing: Preprocessing) -> Any:  # noqa: ANN401 - onnx.ModelProto
    """The resize by itself: (batch, height, width, 3) uint8 -> (batch, size, size, 3) uint8.

    Raises:
        DeploymentError: the interpolation is none of `REACHES`.
    """
    if preprocessing.interpolation not in REACHES:
        msg = (
            f"a graph resizes by {' or '.join(REACHES)}, and this model is used with "
            f"{preprocessing.interpolation}; export it without --resize"
        )
        raise DeploymentError(msg)
    builder, size = OnnxBuilder(), preprocessing.size
    _write_front(_Formula(builder), preprocessing)
    return builder.model(
        FITTED,
        [(IMAGE, UINT8, ["batch", "height", "width", 3])],
        [(FITTED, UINT8, ["batch", size, size, 3])],
    )


@dataclass(slots=True)
class _Formula:
    """Writes operators without naming each result."""

    builder: OnnxBuilder
    written: int = field(default=0)

    def __call__(self, kind: str, *reads: Read, **attributes: Any) -> str:  # noqa: ANN401 - ONNX's
        """Apply an operator; numbers become constants, whole ones int64 and others float32."""
        self.written += 1
        typed = (read if isinstance(read, str) else _constant(read) for read in reads)
        return self.builder.put(kind, typed, f"resize.{self.written}", **attributes)


def _constant(value: float | NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(value)
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int64)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Names of what the resize computes for height and width at once, (2,) int64 each."""

    original: str
    resized: str
    larger: str  # of the two: filters widen when an image shrinks
    skipped: str  # pixels of the resized image before the square that is kept
    first: str  # of the original's pixels that the square depends on
    last: str  # one after them


def _write_front(write: _Formula, preprocessing: Preprocessing) -> None:
    """Resize and cut out the middle, as `Preprocessing.fit` does.

    Like Pillow, first along the width, then along the height, with whole levels in between. Where
    the height shrinks much more than the width, Pillow 13 begins with the height.
    """
    sides = _measured(write, preprocessing)
    window = write("Slice", IMAGE, sides.first, sides.last, np.array([1, 2]))
    planes = write("Cast", write("Transpose", window, perm=[0, 3, 1, 2]), to=FLOAT)
    rows, columns = (_shares(write, sides, axis, preprocessing) for axis in (_HEIGHT, _WIDTH))
    across = levels(write, write("MatMul", planes, write("Transpose", columns, perm=[1, 0])))
    square = levels(write, write("MatMul", rows, across))
    pixels = write("Transpose", square, perm=[0, 2, 3, 1])
    write.builder.put("Cast", [pixels], FITTED, to=UINT8)


def _measured(write: _Formula, preprocessing: Preprocessing) -> _Sides:
    """Where the kept square lies. A half rounds to the even number, as Python's `round` does."""
    original = write("Shape", IMAGE, start=1, end=3)
    twice_short = write("Mul", write("ReduceMin", original, keepdims=1), 2)
    scaled = write("Mul", original, 2 * preprocessing.short_side)
    scaled = write("Add", scaled, write("Div", twice_short, 2))
    above = write("Div", scaled, twice_short)
    half = write("Cast", write("Equal", write("Mod", scaled, twice_short), 0), to=7)
    resized = write("Sub", above, write("Mul", half, write("Mod", above, 2)))
    larger = write("Max", original, resized)
    skipped = write("Div", write("Sub", resized, preprocessing.size), 2)
    reach = write("Mul", larger, REACHES[preprocessing.interpolation])
    start = write("Sub", write("Mul", skipped, original), reach)
    stop = write("Mul", write("Add", skipped, preprocessing.size), original)
    stop = write("Add", stop, reach)
    first = write("Max", write("Sub", write("Div", start, resized), 1), 0)
    last = write("Min", write("Add", write("Div", stop, resized), 1), original)
    return _Sides(original, resized, larger, skipped, first, last)


def _shares(write: _Formula, sides: _Sides, axis: int, preprocessing: Preprocessing) -> str:
    """Share that each pixel of the original has in each of the result: (size, pixels) float32.

    With pixel x of n and i of m resized ones, their centers are (2x + 1) m - (2i + 1) n apart, in
    units of 1 / (2 n) of the resized image's pixels.
    """

    def of(name: str) -> str:
        return write("Gather", name, axis)

    pixels = write("Range", of(sides.first), of(sides.last), 1)
    here = write("Mul", write("Add", write("Mul", pixels, 2), 1), of(sides.resized))
    kept = 2 * np.arange(preprocessing.size)[:, None] + 1
    center = write("Add", write("Mul", of(sides.skipped), 2), kept)
    apart = write("Abs", write("Sub", here, write("Mul", center, of(sides.original))))
    unit = write("Cast", write("Mul", of(sides.larger), 2), to=FLOAT)
    distance = write("Div", write("Cast", apart, to=FLOAT), unit)
    weight = _bilinear if preprocessing.interpolation == "bilinear" else _bicubic
    found = weight(write, distance)
    return write("Div", found, write("ReduceSum", found, np.array([1]), keepdims=1))


def _bilinear(write: _Formula, distance: str) -> str:
    """A triangle."""
    return write("Relu", write("Sub", 1.0, distance))


def _bicubic(write: _Formula, distance: str) -> str:
    """Keys's cubic with a = -0.5, which is Pillow's: one polynomial up to 1, another up to 2."""
    near = _polynomial(write, distance, 1.5, -2.5, 0.0, 1.0)
    far = _polynomial(write, write("Min", distance, 2.0), -0.5, 2.5, -4.0, 2.0)
    return write("Where", write("Less", distance, 1.0), near, far)


def _polynomial(write: _Formula, x: str, *coefficients: float) -> str:
    """Its value at `x`, the highest power's coefficient first."""
    first, *rest = coefficients
    value: Read = first
    for coefficient in rest:
        value = write("Add", write("Mul", value, x), coefficient)
    return str(value)


def levels(write: _Formula, sums: str) -> str:
    """Whole levels from 0 to 255, a half upwards, as Pillow rounds after either direction."""
    return write("Clip", write("Floor", write("Add", sums, 0.5)), 0.0, 255.0)
