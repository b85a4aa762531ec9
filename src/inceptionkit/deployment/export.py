"""A trained model as graphs that other engines run, checked on real images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from inceptionkit import records
from inceptionkit.deployment.engines import lacking, openvino_model
from inceptionkit.deployment.files import free_place, graph_files
from inceptionkit.deployment.onnx import Tensors, staged
from inceptionkit.deployment.parity import (
    Agreement,
    ParityImages,
    check_parity,
    check_resize,
    load_files,
)
from inceptionkit.deployment.quantize import CalibrationData, to_int8
from inceptionkit.deployment.resize import onnx_resizing, openvino_resizing
from inceptionkit.deployment.servers import server_files
from inceptionkit.errors import DeploymentError, UnknownNameError, did_you_mean
from inceptionkit.evaluation.classifier import network_of
from inceptionkit.model import Card, ExportInfo, write_files
from inceptionkit.model.export_info import KINDS, PRECISIONS, Kind, Precision, Server
from inceptionkit.network import InceptionNet
from inceptionkit.progress import Listener
from inceptionkit.spec import ordered_exits
from inceptionkit.text import percent

_SERVED: Mapping[Server, Kind] = {"ovms": "openvino", "triton": "onnx"}  # what each one runs


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to export.

    Attributes:
        kind: of the graph.
        precision: of its arithmetic.
        exits: whether to cut the network at its exits, so that it can stop there.
        max_drop: share of top-1 that int8 may lose.
        resize: whether the graph resizes images too, so that those of any size go in.
        server: whose model repository the folder is to fit into; none if None.
    """

    kind: Kind = "openvino"
    precision: Precision = "fp32"
    exits: bool = False
    max_drop: float = 0.003
    resize: bool = False
    server: Server | None = None

    def __post_init__(self) -> None:
        possible = {"openvino": ("fp32", "bf16", "int8"), "onnx": ("fp32",), "torch": ("fp32",)}
        if self.precision not in possible[self.kind]:
            msg = (
                f"{self.precision} is not made for {self.server or self.kind}; "
                f"export with --to {'ovms' if self.server else 'openvino'}"
            )
            raise DeploymentError(msg)
        if self.exits and self.kind == "torch":
            msg = "a torch export is not cut at exits; use --to openvino or --to onnx"
            raise DeploymentError(msg)
        if self.exits and self.server:
            msg = f"{self.server} serves one graph; export without --exits"
            raise DeploymentError(msg)
        if self.resize and self.kind == "torch":
            msg = "a torch export does not resize; use --to openvino or --to onnx"
            raise DeploymentError(msg)


def parse_export_options(
    to: str, precision: str, *, exits: bool, max_drop: float, resize: bool
) -> ExportOptions:
    """Read what to export from words; `to` is a kind of graph, or a server.

    Raises:
        UnknownNameError: no such graph or server, or no such precision.
        DeploymentError: they do not go together.
    """
    for what, value, known in (
        ("graph", to, (*KINDS, *_SERVED)),
        ("precision", precision, PRECISIONS),
    ):
        if value not in known:
            msg = f"no {what} {value!r}; {did_you_mean(value, known)}"
            raise UnknownNameError(msg)
    server = cast(Server, to) if to in _SERVED else None
    return ExportOptions(
        kind=_SERVED[server] if server else cast(Kind, to),
        precision=cast(Precision, precision),
        exits=exits,
        max_drop=max_drop,
        resize=resize,
        server=server,
    )


@dataclass(frozen=True, slots=True)
class Export:
    """An exported model that is not written yet.

    Attributes:
        card: what `model.json` will say.
        files: of the graphs: name -> content.
        resizing: the same with a resize before its first graph; None unless it is asked for.
    """

    card: Card
    files: Mapping[str, bytes]
    resizing: Export | None = None

    @property
    def exported(self) -> ExportInfo:
        """What the graphs are."""
        return cast(ExportInfo, self.card.exported)

    @property
    def final(self) -> Export:
        """What is written: with the resize, if there is one."""
        return self.resizing or self

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(map(len, self.files.values()))


def make_export(
    card: Card,
    tensors: Tensors,
    options: ExportOptions,
    data: CalibrationData,
    listener: Listener,
) -> Export:
    """Translate a model into graphs.

    Args:
        card: what its folder says of it.
        tensors: its weights.
        options: what to export.
        data: the labeled images that it was trained on, or images alone; for int8 only.
        listener: is told what int8 costs, and what this processor lacks.

    Raises:
        DeploymentError: what writes the graphs is not installed, or int8 loses too much.
        DataError: int8 cannot be made of these images.
    """
    if lack := lacking(options.precision):
        listener.say(lack)
    names = tuple(e.name for e in ordered_exits(card.architecture)) if options.exits else ()
    if options.kind == "torch":
        own = {name: value for name, value in tensors.items() if not name.startswith("exits.")}
        models: dict[str, Any] = {"main": own}
    else:
        models = dict(staged(card.architecture, tensors, card.preprocessing, names))
    if options.kind == "openvino":
        models = {name: openvino_model(m.SerializeToString()) for name, m in models.items()}
    if options.precision == "int8":
        models = to_int8(card, models, data, max_drop=options.max_drop, listener=listener)
    exported = ExportInfo(
        kind=options.kind,
        precision=options.precision,
        stages=(*names, "main"),
        server=options.server,
    )
    card = replace(card, exported=exported)
    export = Export(card, graph_files(card, models))
    if not options.resize:
        return export
    first = exported.stages[0]
    put = onnx_resizing if options.kind == "onnx" else openvino_resizing
    models = {**models, first: put(models[first], card.preprocessing)}
    card = replace(card, exported=replace(exported, resize={}))
    return replace(export, resizing=Export(card, graph_files(card, models)))


def check_export(
    export: Export, tensors: Tensors, images: ParityImages, listener: Listener
) -> Export:
    """Compare an exported model with the trained one, and keep the agreement.

    Raises:
        DeploymentError: they disagree, or its own resize disagrees with Pillow's.
        UnusableImage: its own resize cannot take one of the images.
    """
    agreement = check_parity(export.card, export.files, tensors, images)
    listener.say(f"agrees with the trained model on {_in_words(agreement, images)}")
    exported = replace(export.exported, agreement=agreement.to_json())
    checked = replace(export, card=replace(export.card, exported=exported))
    if export.resizing is None:
        return checked
    plain, resizing = (load_files(one.card, one.files) for one in (export, export.resizing))
    agreement = check_resize(plain, resizing, images)
    listener.say(f"its own resize agrees with Pillow's on {_in_words(agreement, images)}")
    exported = replace(exported, resize=agreement.to_json())
    card = replace(export.card, exported=exported)
    return replace(checked, resizing=replace(export.resizing, card=card))


def _in_words(agreement: Agreement, images: ParityImages) -> str:
    return (
        f"{percent(agreement.top1)} of {agreement.images:,} images ({images.source}); largest "
        f"difference of a probability {agreement.difference:.2g} ({agreement.worst})"
    )


@dataclass(frozen=True, slots=True)
class WrittenExport:
    """An exported model in a folder, and the bytes of its files."""

    folder: Path
    exported: ExportInfo
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """What `export --json` prints."""
        values: dict[str, Any] = records.to_json(self.exported)
        return {"folder": str(self.folder), **values, "bytes": self.bytes}


def write_export(export: Export, out: Path) -> WrittenExport:
    """Write an exported model with what its server reads.

    Raises:
        RunError: something else than an exported model stands at `out`, or it cannot be written.
    """
    place, final = free_place(out), export.final
    exported, files = final.exported, final.files
    if exported.server:
        own = server_files(exported.server, place.name, final.card, exported.precision)
        files = {**files, **own}
    write_files(place, final.card, files)
    return WrittenExport(out, exported, sum(map(len, files.values())))


def main_alone(card: Card, tensors: Tensors) -> InceptionNet:
    """The network as a torch module, without its exits."""
    net = replace(card.architecture, exits=())
    own = {name: value for name, value in tensors.items() if not name.startswith("exits.")}
    return network_of(replace(card, architecture=net, exit_policy=None), own)
