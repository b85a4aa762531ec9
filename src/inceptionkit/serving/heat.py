"""Heat maps without torch: class activation maps of the main classifier, as transparent PNGs."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.load import ENGINE_TYPES
from inceptionkit.deployment.onnx import Tensors, traced
from inceptionkit.evaluation.heat_colors import layer
from inceptionkit.evaluation.predictor import Predictor
from inceptionkit.machine import cores
from inceptionkit.model import Card
from inceptionkit.spec import Dropout, GlobalPool, Linear, Net, Step, blocks

SIDE = 224  # pixels of a picture

HeatMaps = Callable[[NDArray[np.uint8], int], NDArray[np.float32]]
"""From a prepared image and the number of a class to what each place says for it: (rows, columns),
positive where it speaks for the class."""


@dataclass(frozen=True, slots=True)
class _Head:
    """Where the main classifier averages.

    Attributes:
        features: address of the block before the average.
        classifier: address of the linear layer behind it; None where there is none.
    """

    features: str
    classifier: str | None


def _head_of(net: Net) -> _Head | None:
    """Where class activation maps are exact; None where they are not.

    Exact are a global average before the only linear layer, and one at the end, over one map of
    each class (Network in Network).
    """
    every = [block for block in blocks(net) if not block.at.startswith("exits.")]
    *_, features, head = every
    if isinstance(head, Step) or head.parallel or not all(isinstance(p, Step) for p in head.parts):
        return None
    steps = [p for p in head.parts if isinstance(p, Step) and not isinstance(p.op, Dropout)]
    match [step.op for step in steps]:
        case [GlobalPool()]:
            return _Head(features.at, None)
        case [GlobalPool(), Linear(relu=False)]:
            return _Head(features.at, steps[1].at)
        case _:
            return None


def explains(card: Card) -> bool:
    """Whether a model has exact maps: it is no export, and its head averages."""
    return card.exported is None and _head_of(card.architecture) is not None


def heat_maps(predictor: Predictor) -> HeatMaps:
    """Class activation maps of a trained model: of the weights that it was loaded with.

    Args:
        predictor: one whose card `explains`.

    Sources:
        Zhou et al. 2016, arXiv:1512.04150, equation 2.
    """
    card, tensors = predictor.card, predictor.tensors
    head = _head_of(card.architecture)
    if head is None or tensors is None:
        msg = f"{card.architecture.name} has no average before its classifier"
        raise ValueError(msg)
    graph = traced(card.architecture, tensors, card.preprocessing)
    outputs = graph.graph.output
    for output in [one for one in outputs if one.name != head.features]:
        outputs.remove(output)
    name = next(name for name in ENGINE_TYPES if find_spec(name))
    engine = ENGINE_TYPES[name](
        graph.SerializeToString(), size=card.preprocessing.size, threads=cores(), mode="latency"
    )
    weights = _class_weights(tensors, head)

    def maps(image: NDArray[np.uint8], number: int) -> NDArray[np.float32]:
        (features,) = engine(image[None])[head.features]  # (channels, rows, columns)
        if weights is None:
            return np.asarray(features[number], np.float32)
        return np.asarray(np.tensordot(weights[number], features, 1), np.float32)

    return maps


def _class_weights(tensors: Tensors, head: _Head) -> NDArray[np.float32] | None:
    """(classes, channels); None where the features are the classes' maps."""
    return None if head.classifier is None else tensors[f"{head.classifier}.fc.weight"]


def picture(evidence: NDArray[np.float32]) -> str:
    """A transparent PNG in base64, to lay over the part of the image that the network sees.

    Args:
        evidence: (rows, columns); the strongest is covered most, what is not positive stays clear.
    """
    file = io.BytesIO()
    layer(evidence, SIDE).save(file, "PNG", optimize=True)
    return b64encode(file.getvalue()).decode()
