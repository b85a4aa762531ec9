"""Exporting a detector with shared features, checked on images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from inceptionkit.deployment.engines import openvino_model
from inceptionkit.deployment.onnx import checked, library
from inceptionkit.detection.boxes import iou
from inceptionkit.detection.shared.card import DetectorCard, write_detector
from inceptionkit.detection.shared.exported import FILES, Kind, load_graph
from inceptionkit.detection.shared.graph import onnx_detector
from inceptionkit.detection.shared.predict import SharedDetector
from inceptionkit.detection.types import Detections, Pixels
from inceptionkit.errors import DeploymentError
from inceptionkit.text import plural

CHECKED, NEAR = 0.05, 1e-3  # score from which boxes are compared; largest difference of a score
_SAME = 0.98  # IoU from which two boxes are the same
_SHARE = 0.99  # of the boxes that must be the same: equal scores may be ranked the other way


@dataclass(frozen=True, slots=True)
class DetectAgreement:
    """How an exported detector agrees with the one that it was made from."""

    images: int
    boxes: int  # from a score of 0.05 on, of both
    same: int  # of those, with the other's class, place and score
    score_difference: float  # largest of the same boxes

    @property
    def passed(self) -> bool:
        """Whether they agree; where nothing was found, nobody knows."""
        return self.boxes > 0 and self.same >= _SHARE * self.boxes


def export_detector(
    detector: SharedDetector, card: DetectorCard, kind: Kind, images: Sequence[Pixels], out: Path
) -> DetectAgreement:
    """Write a detector as a graph that gives boxes, if it agrees with the one it is made from.

    The exit for regions is part of the graph. The rejecter is not: the graph looks everywhere.

    Args:
        detector: in torch.
        card: its card.
        kind: of the graph.
        images: on which both are compared.
        out: the folder.

    Raises:
        DeploymentError: they do not agree, find nothing, or a library is not installed; nothing is
            written.
        WriteError: the folder cannot be written.
    """
    tensors = {
        name: value.detach().cpu().float().numpy()
        for name, value in detector.model.state_dict().items()
        if value.is_floating_point()
    }
    graph: bytes = checked(onnx_detector(card, tensors)).SerializeToString()
    files = (graph,) if kind == "onnx" else _openvino_files(graph)
    card = replace(card, exported=kind, reject=None)
    whole, loaded = replace(detector, reject=None), load_graph(card, kind, files)
    found = [(whole.detect(image), loaded.detect(image)) for image in images]
    agreement = compare(found)
    if not agreement.boxes:
        msg = (
            f"nothing is found in {plural(len(images), 'image')}, so the {kind} graph cannot be "
            "compared with the detector; give images that show its objects, or train it longer"
        )
        raise DeploymentError(msg)
    if not agreement.passed:
        msg = (
            f"the {kind} graph does not agree: {agreement.boxes - agreement.same} of "
            f"{agreement.boxes} boxes of {agreement.images} images differ; please report it"
        )
        raise DeploymentError(msg)
    write_detector(out, card, dict(zip(FILES[kind], files, strict=True)))
    return agreement


def _openvino_files(graph: bytes) -> tuple[bytes, ...]:
    """A graph as OpenVINO's pair of files."""
    openvino, model = library("openvino"), openvino_model(graph)
    with TemporaryDirectory() as folder:
        path = Path(folder) / FILES["openvino"][0]
        openvino.save_model(model, path, compress_to_fp16=False)
        return tuple((Path(folder) / name).read_bytes() for name in FILES["openvino"])


def compare(found: Sequence[tuple[Detections, Detections]]) -> DetectAgreement:
    """How two detectors agree on some images: each box of one has a partner among the other's."""
    boxes, same, worst = 0, 0, 0.0
    for first, second in found:
        for own, other in ((first, second), (second, first)):
            kept = own.above(CHECKED)
            boxes += len(kept)
            if not len(other) or not len(kept):
                continue
            fits = (iou(kept.boxes, other.boxes) >= _SAME) & (
                kept.labels[:, None] == other.labels[None]
            )
            apart: np.ndarray[Any, Any] = np.abs(kept.scores[:, None] - other.scores[None])
            nearest = np.where(fits, apart, np.inf).min(1)
            agreeing = nearest <= NEAR
            same += int(agreeing.sum())
            worst = max(worst, float(nearest[agreeing].max(initial=0.0)))
    return DetectAgreement(len(found), boxes, same, worst)
