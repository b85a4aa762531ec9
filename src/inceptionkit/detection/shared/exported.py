"""An exported detector in ONNX Runtime or OpenVINO: numpy and Pillow, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.engines import OnnxRuntime, openvino_model, signal_stack_kept
from inceptionkit.deployment.onnx import library
from inceptionkit.detection.boxes import clip
from inceptionkit.detection.shared.card import DetectorCard, read_detector_card, read_file
from inceptionkit.detection.shared.fit import fill_of, fitted
from inceptionkit.detection.types import Detections, Detector, Pixels
from inceptionkit.machine import cores

Kind = Literal["onnx", "openvino"]
FILES: Mapping[Kind, tuple[str, ...]] = {
    "onnx": ("detector.onnx",),
    "openvino": ("detector.xml", "detector.bin"),
}


class OpenVinoGraph:
    """A graph of one input of a known shape in OpenVINO, computed in float32."""

    def __init__(self, *files: bytes, threads: int) -> None:
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        with signal_stack_kept():
            compiled = (
                library("openvino")
                .Core()
                .compile_model(
                    openvino_model(*files), "CPU", {**options, "PERFORMANCE_HINT": "LATENCY"}
                )
            )
        self.request = compiled.create_infer_request()

    def __call__(self, x: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Run."""
        found = self.request.infer([x])
        return {output.any_name: np.array(value) for output, value in found.items()}


@dataclass(frozen=True, eq=False)
class GraphDetector:
    """A detector as a graph; satisfies `detection.types.Detector`.

    Attributes:
        card: what it is.
        run: the graph: (1, height, width, 3) uint8 -> boxes, labels, scores.
    """

    card: DetectorCard
    run: OnnxRuntime | OpenVinoGraph

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the labels."""
        return self.card.classes

    def detect(self, image: Pixels) -> Detections:
        """Find the objects of one image.

        Args:
            image: (height, width, 3) uint8, RGB, upright.
        """
        pixels, scale = fitted(image, self.card.design.size, fill_of(self.card.preprocessing))
        found: Mapping[str, NDArray[Any]] = self.run(pixels[None])
        every = np.asarray(found["boxes"] / scale, np.float32)
        boxes = clip(every, (image.shape[0], image.shape[1]))
        order = np.argsort(-found["scores"], kind="stable")[: self.card.design.most]
        order = order[(boxes[order, 2:] > boxes[order, :2]).all(1)]  # others lay beside the image
        labels = found["labels"][order].astype(np.int64)
        return Detections(boxes[order], labels, found["scores"][order], ("main",) * len(order))


def load_graph(
    card: DetectorCard, kind: Kind, files: tuple[bytes, ...], threads: int | None = None
) -> GraphDetector:
    """Load an exported detector into its engine.

    Raises:
        DeploymentError: the engine is not installed.
    """
    count = threads or cores()
    if kind == "onnx":
        return GraphDetector(card, OnnxRuntime(files[0], threads=count))
    return GraphDetector(card, OpenVinoGraph(*files, threads=count))


def open_detector(
    path: str | Path, *, device: str = "cpu", threads: int | None = None
) -> tuple[Detector, DetectorCard]:
    """Load a detector with shared features, trained or exported.

    Args:
        path: its folder, or that of the run that trained it.
        device: that torch runs it on.
        threads: of an exported one's engine; one per core if None.

    Raises:
        WeightsError: nothing is there, or it is damaged.
        DeploymentError: its engine is not installed.
    """
    folder, card, sums = read_detector_card(Path(path))
    if card.exported is not None:
        files = tuple(read_file(folder, name, sums) for name in FILES[card.exported])
        return load_graph(card, card.exported, files, threads), card
    from inceptionkit.detection.shared.model import load_detector

    return cast(Detector, load_detector(path, device)[0]), card
