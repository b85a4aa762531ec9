"""`detect export`: a trained detector as a graph for other engines."""

from __future__ import annotations

from dataclasses import KW_ONLY, asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from inceptionkit.options import Argument, Option, verb
from inceptionkit.results import Result

IMAGES = 16  # that are compared at most


@dataclass(frozen=True)
class DetectExportRequest:
    """Which detector to export, and how."""

    model: Annotated[str | Path, Argument("Folder of a detector, or of its run.", "MODEL")]
    data: Annotated[
        str | Path,
        Argument("Images with boxes, on which the graph is compared with the detector.", "DATA"),
    ]
    _: KW_ONLY
    to: Annotated[
        Literal["onnx", "openvino"],
        Option("Kind of graph: ONNX for any engine, or OpenVINO's own files."),
    ] = "onnx"
    out: Annotated[
        str | Path | None,
        Option("Folder to write.", default="the detector's, with the kind at its end"),
    ] = None


@dataclass(frozen=True, kw_only=True, repr=False)
class DetectExportResult(Result):
    """A graph, and how it agrees with the detector that it was made from.

    Attributes:
        out: its folder.
        to: "onnx" or "openvino".
        bytes: of its files.
        images: that were compared.
        boxes: from a score of 0.05 on, of both.
        same: of those, with the other's class, place and score.
        score_difference: largest difference between the scores of the same boxes.
    """

    out: Path
    to: str
    bytes: int
    images: int
    boxes: int
    same: int
    score_difference: float

    def to_json(self) -> dict[str, Any]:
        """What `detect export --json` prints."""
        return asdict(self) | {"out": str(self.out)}


@verb(DetectExportRequest)
def detect_export(request: DetectExportRequest) -> DetectExportResult:
    """Export a detector as one graph from the image to the boxes, suppression included.

    The graph must find what the detector finds on images of the data, or nothing is written.

    Raises:
        WeightsError: there is no detector, or it is an R-CNN or an export already.
        DataError: the images cannot be read.
        DeploymentError: the graph does not agree, or a library is not installed.
        RunError: the folder cannot be written.
    """
    from inceptionkit.detection.rcnn.card import is_rcnn
    from inceptionkit.detection.shared.card import read_detector_card
    from inceptionkit.detection.shared.export import export_detector
    from inceptionkit.detection.shared.exported import FILES
    from inceptionkit.detection.shared.model import load_detector
    from inceptionkit.detection.sources.open import open_detection
    from inceptionkit.errors import RunError, WeightsError

    if is_rcnn(Path(request.model)):
        msg = f"{request.model}: an R-CNN searches for regions, which no graph can; export a "
        raise WeightsError(msg + "detector of `inceptionkit detect train`")
    folder, card, _ = read_detector_card(Path(request.model))
    if card.exported is not None:
        msg = f"{folder}: is an export already; give the run that trained the detector"
        raise WeightsError(msg)
    beside = folder.parent if folder.name == "model" else folder
    out = beside.with_name(f"{beside.name}-{request.to}")
    out = out if request.out is None else Path(request.out)
    if out.exists():
        msg = f"{out}: exists; remove it, or choose another --out"
        raise RunError(msg)
    opened = open_detection(request.data).at_depth(card.preprocessing.depth)
    chosen = next(s for s in (opened.of("val"), opened.of("test"), opened) if len(s))
    full_first = sorted(chosen, key=lambda image: not len(image))  # empty ones compare nothing
    images = [image.pixels() for image in full_first[:IMAGES]]
    detector, card = load_detector(folder)
    agreement = export_detector(detector, card, request.to, images, out)
    return DetectExportResult(
        out=out,
        to=request.to,
        bytes=sum((out / name).stat().st_size for name in FILES[request.to]),
        images=agreement.images,
        boxes=agreement.boxes,
        same=agreement.same,
        score_difference=agreement.score_difference,
    )
