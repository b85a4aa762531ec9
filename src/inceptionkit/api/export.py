"""`export`: a trained model as a graph that other engines run, checked on real images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from inceptionkit.arguments import LISTENER, MODEL
from inceptionkit.errors import OptionError
from inceptionkit.options import Option, verb
from inceptionkit.progress import Listener, Silence
from inceptionkit.results import Result, table


@dataclass(frozen=True)
class ExportRequest:
    """What to export, and how."""

    model: Annotated[str | Path, MODEL]
    _: KW_ONLY
    to: Annotated[
        Literal["openvino", "onnx", "torch", "ovms", "triton"],
        Option("Kind of graph; ovms and triton write a server's model repository."),
    ] = "openvino"
    out: Annotated[
        str | Path | None, Option("Folder of the exported model.", default="beside the model")
    ] = None
    precision: Annotated[
        Literal["fp32", "bf16", "int8"], Option("Precision; bf16 and int8 need openvino.")
    ] = "fp32"
    exits: Annotated[bool, Option("Cut the graph at its exits, so that it can stop there.")] = False
    resize: Annotated[
        bool, Option("Put the resize into the graph, so that it takes images of any size.")
    ] = False
    images: Annotated[
        str | Path | None,
        Option(
            "Images on which it is compared with the trained model.", default="the built-in digits"
        ),
    ] = None
    data: Annotated[
        str | Path | None,
        Option(
            "Labeled images it was trained on; required by int8, --variants and --fastest.", "DATA"
        ),
    ] = None
    max_drop: Annotated[
        float,
        Option("Percentage points of top-1 that int8 or the fastest may lose.", min=0, max=100),
    ] = 0.3
    variants: Annotated[
        bool, Option("Write fp32, bf16 and int8 side by side, and measure them here.")
    ] = False
    fastest: Annotated[
        bool, Option("Measure fp32, bf16 and int8 here, and write the fastest of them.")
    ] = False
    listener: Annotated[Listener | None, LISTENER] = None

    def __post_init__(self) -> None:
        if self.variants and self.fastest:
            msg = "--variants cannot be combined with --fastest"
            raise OptionError(msg)
        if (self.variants or self.fastest) and (self.to, self.precision) != ("openvino", "fp32"):
            msg = "--variants and --fastest try all precisions with openvino; leave --to and "
            raise OptionError(msg + "--precision out")


@dataclass(frozen=True, kw_only=True, repr=False)
class ExportResult(Result):
    """An exported model.

    Attributes:
        folder: of the model, or of its variants.
        model: the folder that `predict` takes.
        details: the graph, its agreement and its bytes, or a row for each precision.
    """

    folder: Path
    model: Path
    details: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """What `export --json` prints."""
        return dict(self.details)

    def _repr_html_(self) -> str:
        rows = self.details.get("rows", [self.details])
        return table([*rows[0]], [row.values() for row in rows])


@verb(ExportRequest)
def export(request: ExportRequest) -> ExportResult:
    """Export a trained model as a graph that other engines run, checked on real images.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: no released weights have that id.
        DeploymentError: an engine is missing, or the export disagrees with the trained model; then
            nothing is written.
        DataError: no image to compare on, or none to quantize with.
        RunError: something else than an exported model stands at `out`, or it cannot be written.
    """
    from inceptionkit.convert.registry import beside, read_weights
    from inceptionkit.deployment import variants
    from inceptionkit.deployment.export import (
        check_export,
        make_export,
        parse_export_options,
        write_export,
    )
    from inceptionkit.deployment.files import free_place
    from inceptionkit.deployment.parity import parity_images

    options = parse_export_options(
        request.to,
        request.precision,
        exits=request.exits,
        max_drop=request.max_drop / 100,
        resize=request.resize,
    )
    model, data, images = request.model, request.data, request.images
    listener = request.listener or Silence()
    place = Path(request.out or beside(model, "variants" if request.variants else request.to))
    if request.variants:
        variants.free_places(place)
        found = variants.make_variants(model, data, options, images, listener)
        details = variants.write_variants(found, place)
        return ExportResult(folder=place, model=place / "fp32", details=details)
    free_place(place)
    if request.fastest:
        found = variants.make_variants(model, data, options, images, listener)
        details = variants.write_fastest(found, options.max_drop, place)
    else:
        card, tensors = read_weights(model)
        compared = parity_images(card, images)
        made = make_export(card, tensors, options, data, listener)
        details = write_export(check_export(made, tensors, compared, listener), place)
    return ExportResult(folder=place, model=place, details=details)
