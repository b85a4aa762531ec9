"""`export`: a trained model as a graph that other engines run, checked on real images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

from numpy.typing import NDArray

from inceptionkit import records
from inceptionkit.convert.registry import read_weights
from inceptionkit.deployment.agreement import Agreement
from inceptionkit.deployment.files import graph_files
from inceptionkit.deployment.lower import staged
from inceptionkit.deployment.onnx import onnx_model, openvino_model
from inceptionkit.deployment.parity import (
    Compared,
    check,
    check_resize,
    images_to_compare,
    in_engine,
)
from inceptionkit.deployment.processor import lacking
from inceptionkit.deployment.quantize_model import Teaching, in_8_bits
from inceptionkit.deployment.resize import onnx_resizing, openvino_resizing
from inceptionkit.deployment.servers import server_files
from inceptionkit.deployment.torch_program import torch_file
from inceptionkit.errors import DeploymentError, RunError, UnknownNameError, did_you_mean
from inceptionkit.evaluation.classifier import network_of
from inceptionkit.machine import cores
from inceptionkit.model import Card, ExportInfo, read_card, write_files
from inceptionkit.model.export_info import KINDS, PRECISIONS, Kind, Precision, Server
from inceptionkit.model.folder import CARD
from inceptionkit.network import InceptionNet
from inceptionkit.progress import Listener, Silence
from inceptionkit.spec import ordered_exits
from inceptionkit.text import percent

SERVED: Mapping[Server, Kind] = {"ovms": "openvino", "triton": "onnx"}  # what each one runs
Tensors: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to export.

    Attributes:
        kind: of the graph.
        precision: of its arithmetic.
        exits: whether to cut the network at its exits, so that it can stop there.
        most: share of top-1 that int8 may lose.
        resize: whether the graph resizes images too, so that those of any size go in.
        server: whose model repository the folder is to fit into; none if None.
    """

    kind: Kind = "openvino"
    precision: Precision = "fp32"
    exits: bool = False
    most: float = 0.003
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
            msg = "a torch program is not cut at exits; use --to openvino or --to onnx"
            raise DeploymentError(msg)
        if self.exits and self.server:
            msg = f"{self.server} serves one graph; export without --exits"
            raise DeploymentError(msg)
        if self.resize and self.kind == "torch":
            msg = "a torch program does not resize; use --to openvino or --to onnx"
            raise DeploymentError(msg)


def wanted(to: str, precision: str, *, exits: bool, most: float, resize: bool) -> Wanted:
    """Read what to export from words; `to` is a kind of graph, or a server.

    Raises:
        UnknownNameError: no such graph or server, or no such precision.
        DeploymentError: they do not go together.
    """
    for what, value, known in (
        ("graph", to, (*KINDS, *SERVED)),
        ("precision", precision, PRECISIONS),
    ):
        if value not in known:
            msg = f"no {what} {value!r}; {did_you_mean(value, known)}"
            raise UnknownNameError(msg)
    server = cast(Server, to) if to in SERVED else None
    return Wanted(
        kind=SERVED[server] if server else cast(Kind, to),
        precision=cast(Precision, precision),
        exits=exits,
        most=most,
        resize=resize,
        server=server,
    )


def export(
    model: str | Path,
    out: str | Path,
    *,
    asked: Wanted | None = None,
    images: str | Path | None = None,
    data: str | Path | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Write a model as graphs, after comparing them with the trained network on real images.

    Args:
        model: folder of a model or of a run, a weights file, or the id of released weights.
        out: folder of the exported model; an earlier one that stands there is replaced.
        asked: kind, precision, exits; OpenVINO in fp32 without exits if None.
        images: a folder of images, or one, to compare on; the built-in digits if None.
        data: the labelled images that the model was trained on, which int8 needs.
        listener: hears what is found.

    Returns:
        The keys that `export --json` promises: folder, kind, precision, stages, bytes, agreement.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: no released weights have that id.
        DeploymentError: an engine is missing, or the export disagrees with the trained model; then
            nothing is written.
        DataError: no image to compare on, or none to quantise with.
        RunError: something else than an exported model stands at `out`, or it cannot be written.
    """
    asked, listener = asked or Wanted(), listener or Silence()
    free_place(Path(out))
    card, tensors = read_weights(model)
    compared = images_to_compare(card, images)
    made = checked(make(card, tensors, asked, data, listener), tensors, compared, listener)
    return write(made, Path(out))


@dataclass(frozen=True, slots=True)
class Made:
    """An exported model that is not written yet.

    Attributes:
        card: of the trained model.
        exported: what the graphs are.
        files: of these: name -> content.
        resizing: the same with a resize before its first graph; None unless it is wanted.
    """

    card: Card
    exported: ExportInfo
    files: Mapping[str, bytes]
    resizing: Made | None = None

    @property
    def final(self) -> Made:
        """What is written: with the resize, if there is one."""
        return self.resizing or self

    @property
    def whole_card(self) -> Card:
        """What `model.json` will say."""
        return replace(self.card, exported=self.exported)

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(map(len, self.files.values()))


def make(card: Card, tensors: Tensors, asked: Wanted, data: Teaching, listener: Listener) -> Made:
    """Translate a model into graphs; `data` as in `export`.

    Raises:
        DeploymentError: what writes the graphs is not installed, or int8 loses too much.
        DataError: int8 cannot be made of these images.
    """
    missing = lacking(asked.precision)
    if missing:
        listener.say(missing)
    names = tuple(e.name for e in ordered_exits(card.architecture)) if asked.exits else ()
    models = graphs(card, tensors, asked, names, data, listener)
    exported = ExportInfo(
        kind=asked.kind, precision=asked.precision, stages=(*names, "main"), server=asked.server
    )
    files = graph_files(exported, models)
    if not asked.resize:
        return Made(card, exported, files)
    whole = graph_files(exported, with_resize(models, exported, card))
    return Made(card, exported, files, Made(card, replace(exported, resize={}), whole))


def checked(made: Made, tensors: Tensors, compared: Compared, listener: Listener) -> Made:
    """Compare an exported model with the trained one, and keep what was found.

    Raises:
        DeploymentError: they disagree, or its own resize disagrees with Pillow's.
        UnusableImage: its own resize cannot take one of the images.
    """
    found = check(made.card, made.exported, made.files, tensors, compared)
    listener.say(f"agrees with the trained model on {said(found, compared)}")
    exported = replace(made.exported, agreement=found.to_json())
    if made.resizing is None:
        return replace(made, exported=exported)
    plain, whole = (in_engine(one.whole_card, one.files, cores()) for one in (made, made.resizing))
    found = check_resize(plain, whole, compared)
    listener.say(f"its own resize agrees with Pillow's on {said(found, compared)}")
    resizing = replace(made.resizing, exported=replace(exported, resize=found.to_json()))
    return replace(made, exported=exported, resizing=resizing)


def write(made: Made, out: Path) -> dict[str, Any]:
    """Write an exported model with what its server reads; what `export --json` says of it.

    Raises:
        RunError: something else than an exported model stands at `out`, or it cannot be written.
    """
    place, final = free_place(out), made.final
    if final.exported.server:
        server, precision = final.exported.server, final.exported.precision
        own = server_files(server, place.name, final.card, precision)
        final = replace(final, files={**final.files, **own})
    write_files(place, final.whole_card, final.files)
    return {"folder": str(out), **records.to_json(final.exported), "bytes": final.bytes}


def free_place(out: Path) -> Path:
    """The absolute path of `out`, where nothing stands that must not be replaced.

    Raises:
        RunError: something stands there that is neither empty nor an exported model.
    """
    place = out.expanduser().resolve()
    if not place.exists() or replaceable(place):
        return place
    msg = f"{out}: is there already, and is no exported model; choose another folder with --out"
    raise RunError(msg)


def replaceable(place: Path) -> bool:
    """Whether a folder is an exported model, or holds nothing and nobody stands in it."""
    if not place.is_dir() or place == Path.cwd():
        return False
    if (place / CARD).is_file():
        return read_card(place)[0].exported is not None
    return not any(place.iterdir())


def graphs(
    card: Card,
    tensors: Tensors,
    wanted: Wanted,
    exits: Sequence[str],
    data: Teaching,
    listener: Listener,
) -> dict[str, Any]:
    """The graph of every stage, as its kind's library has it."""
    if wanted.kind == "torch":
        return {"main": torch_program(card, tensors)}
    stages = list(staged(card.architecture, tensors, card.preprocessing, exits))
    if wanted.kind == "onnx":
        return {name: onnx_model(graph) for name, graph in stages}
    if wanted.precision == "int8":
        return in_8_bits(card, stages, data, most=wanted.most, listener=listener)
    return {name: openvino_model(graph) for name, graph in stages}


def with_resize(models: Mapping[str, Any], exported: ExportInfo, card: Card) -> dict[str, Any]:
    """The same graphs, the first of which resizes images by itself."""
    first = exported.stages[0]
    put = onnx_resizing if exported.kind == "onnx" else openvino_resizing
    return {**models, first: put(models[first], card.preprocessing)}


def said(found: Agreement, compared: Compared) -> str:
    """An agreement in words."""
    return (
        f"{percent(found.top1)} of {found.images:,} images ({compared.said}); largest difference "
        f"of a probability {found.difference:.2g} ({found.worst})"
    )


def torch_program(card: Card, tensors: Tensors) -> bytes:
    """The file of a torch program, without the exits, which it could not stop at."""
    return torch_file(main_alone(card, tensors), card.preprocessing)


def main_alone(card: Card, tensors: Tensors) -> InceptionNet:
    """The network as a torch module, without its exits."""
    net = replace(card.architecture, exits=())
    own = {name: value for name, value in tensors.items() if not name.startswith("exits.")}
    return network_of(replace(card, architecture=net, exit_policy=None), own)
