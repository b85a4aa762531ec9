"""`export`: a trained model as a graph that other engines run, checked on real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from inceptionkit.arguments import CLASSES, IMAGE_COLUMN, LABEL_COLUMN, LISTENER, MODEL
from inceptionkit.display import SHOWN
from inceptionkit.errors import OptionError
from inceptionkit.options import Option, verb
from inceptionkit.progress import Listener, Silence
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.deployment.export import WrittenExport
    from inceptionkit.deployment.variants import Variants


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
        bool, Option("Resize in the graph, not your program; photos take several times as long.")
    ] = False
    images: Annotated[
        str | Path | None,
        Option("Images on which both models are compared.", default="the built-in digits"),
    ] = None
    data: Annotated[
        str | Path | None,
        Option("Labeled images it was trained on; for int8, --variants and --fastest.", "DATA"),
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
    classes: Annotated[str | Sequence[str] | None, CLASSES] = None
    image_column: Annotated[str | None, IMAGE_COLUMN] = None
    label_column: Annotated[str | None, LABEL_COLUMN] = None
    listener: Annotated[Listener | None, LISTENER] = SHOWN

    def __post_init__(self) -> None:
        if self.variants and self.fastest:
            msg = "--variants cannot be combined with --fastest"
            raise OptionError(msg)
        if (self.variants or self.fastest) and (self.to, self.precision) != ("openvino", "fp32"):
            msg = "--variants and --fastest use openvino; leave --to and --precision out"
            raise OptionError(msg)


@dataclass(frozen=True, kw_only=True, repr=False)
class ExportResult(Result):
    """An exported model.

    Attributes:
        model: the folder that `predict` takes.
        written: its files, and their agreement with the trained model; None of all variants.
        variants: every precision; None unless they were measured.
        why: reason for which the fastest was chosen; None unless it was asked for.
    """

    model: Path
    written: WrittenExport | None = None
    variants: Variants | None = None
    why: str | None = None

    @property
    def folder(self) -> Path:
        """Folder of the model, or of its variants."""
        return self.model.parent if self.written is None else self.model

    def to_json(self) -> dict[str, Any]:
        """What `export --json` prints."""
        parts: dict[str, Any] = {} if self.why is None else {"why": self.why}
        if self.variants is not None:
            parts |= self.variants.to_json(None if self.written else self.folder)
        return parts if self.written is None else parts | self.written.to_json()

    def _repr_html_(self) -> str:
        values = self.to_json()
        rows = values.get("rows", [values])
        return table([*rows[0]], [row.values() for row in rows])


@verb(ExportRequest)
def export(request: ExportRequest) -> ExportResult:
    """Export a trained model as a graph that other engines run, checked on real images.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: no released weights have that id.
        DeploymentError: an engine is missing, or the export disagrees with the trained model.
        DataError: no image to compare on, or none to quantize with.
        RunError: something else than an exported model stands at `out`, or it cannot be written.
    """
    from inceptionkit.convert.registry import beside, read_weights
    from inceptionkit.data import Source
    from inceptionkit.deployment import export as graphs
    from inceptionkit.deployment import variants
    from inceptionkit.deployment.files import free_place
    from inceptionkit.deployment.parity import parity_images

    listener, drop = request.listener or Silence(), request.max_drop / 100
    options = graphs.parse_export_options(
        request.to, request.precision, exits=request.exits, max_drop=drop, resize=request.resize
    )
    model, columns = request.model, (request.image_column, request.label_column)
    given, images = request.data, request.images
    data = None if given is None else Source(given, request.classes, *columns)
    place = Path(request.out or beside(model, "variants" if request.variants else request.to))
    if request.variants:
        variants.free_places(place)
        every = variants.make_variants(model, data, options, images, listener)
        variants.write_variants(every, place)
        return ExportResult(model=place / "fp32", variants=every)
    free_place(place)
    if request.fastest:
        every = variants.make_variants(model, data, options, images, listener)
        best = every.fastest()
        why = variants.reason_for(every, best)
        written = graphs.write_export(best.export, place)
        return ExportResult(model=place, written=written, variants=every, why=why)
    card, tensors = read_weights(model)
    compared = parity_images(card, images)
    made = graphs.make_export(card, tensors, options, data, listener)
    checked = graphs.check_export(made, tensors, compared, listener)
    return ExportResult(model=place, written=graphs.write_export(checked, place))
