"""What a deployed model computes: a straight line of operators with their weights. numpy only.

It is the spec once more, after everything that matters only for training is gone: norms are folded
into the convolution before them, paddings are cells, and preprocessing and softmax are operators.
The writers for each engine translate it one operator at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.spec import Pair

Array: TypeAlias = NDArray[np.float32]
IMAGE, FEATURES = "image", "features"  # names of a graph's input
PROBABILITIES, ONWARD = "probabilities", "features_out"  # names of its outputs


@dataclass(frozen=True, slots=True, eq=False)
class Normalise:
    """Cut out the middle, scale, shift: (batch, h, w, 3) uint8 -> (batch, 3, size, size)."""

    size: int
    scale: Array  # (3,)
    shift: Array  # (3,)


@dataclass(frozen=True, slots=True, eq=False)
class Convolve:
    """Convolution with bias, then ReLU if `relu`."""

    weight: Array  # (out, in / groups, kernel height, kernel width)
    bias: Array  # (out,)
    stride: int
    before: Pair  # cells padded above and left
    after: Pair  # cells padded below and right
    groups: int
    relu: bool


@dataclass(frozen=True, slots=True)
class Slide:
    """Pooling by a sliding window."""

    kind: Literal["max", "avg"]
    kernel: Pair
    stride: int
    before: Pair
    after: Pair
    count_padding: bool  # whether an average divides by padded cells too


@dataclass(frozen=True, slots=True, eq=False)
class Resample:
    """Average onto another grid: rows @ x @ columns."""

    rows: Array  # (height out, height in)
    columns: Array  # (width in, width out)


@dataclass(frozen=True, slots=True)
class Mean:
    """Average over the whole grid, which becomes one cell."""


@dataclass(frozen=True, slots=True)
class AcrossChannels:
    """Local response normalisation: x / (k + alpha / size * sum of squares) ^ beta."""

    size: int
    alpha: float
    beta: float
    k: float


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """Fully connected layer on the flattened input: (batch, out, 1, 1)."""

    weight: Array  # (out, in)
    bias: Array  # (out,)
    relu: bool


@dataclass(frozen=True, slots=True)
class Rectify:
    """ReLU by itself."""


@dataclass(frozen=True, slots=True)
class Join:
    """Concatenation on channels."""


@dataclass(frozen=True, slots=True)
class Softmax:
    """Scores (batch, classes, 1, 1) to probabilities (batch, classes)."""


Operator: TypeAlias = (
    Normalise
    | Convolve
    | Slide
    | Resample
    | Mean
    | AcrossChannels
    | Dense
    | Rectify
    | Join
    | Softmax
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a graph: apply an operator to earlier results, and name its own."""

    name: str  # the spec's address where it has one
    operator: Operator
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole model, or one of its stages.

    Attributes:
        name: of the network, and of the stage.
        reads: shape of its input for one image: (height, width, 3) uint8 for images, (channels,
            height, width) float32 for what an earlier stage gives.
        lines: in execution order.
        gives: name of an output -> name of the line that computes it.
    """

    name: str
    reads: tuple[int, int, int]
    lines: tuple[Line, ...]
    gives: Mapping[str, str]

    @property
    def input(self) -> str:
        """Name of the input: `image` or `features`."""
        return IMAGE if isinstance(self.lines[0].operator, Normalise) else FEATURES
