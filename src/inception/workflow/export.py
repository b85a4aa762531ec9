"""`export`: a trained model as a graph that other engines run, checked on real images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

from numpy.typing import NDArray

from inception.deployment.files import openvino_files
from inception.deployment.lower import staged
from inception.deployment.processor import lacking
from inception.deployment.to_onnx import onnx_model
from inception.deployment.to_openvino import openvino_model
from inception.deployment.to_torch import torch_file
from inception.errors import DeploymentError, UnknownNameError, did_you_mean
from inception.evaluation.classifier import network_of
from inception.network import InceptionNet
from inception.spec import ordered_exits
from inception.weights import Card, Exported, read_model, write_files
from inception.weights.exported import KINDS, PRECISIONS, Kind, Precision
from inception.workflow.agree import Compared, check, images_to_compare
from inception.workflow.listen import Listener, Silence
from inception.workflow.quantise import Teaching, in_8_bits

Tensors: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to export.

    Attributes:
        kind: of the graph.
        precision: of its arithmetic.
        exits: whether to cut the network at its exits, so that it can stop there.
        most: share of top-1 that int8 may lose.
    """

    kind: Kind = "openvino"
    precision: Precision = "fp32"
    exits: bool = False
    most: float = 0.003

    def __post_init__(self) -> None:
        possible = {"openvino": ("fp32", "bf16", "int8"), "onnx": ("fp32",), "torch": ("fp32",)}
        if self.precision not in possible[self.kind]:
            msg = f"{self.precision} is not made for {self.kind}; export with --to openvino"
            raise DeploymentError(msg)
        if self.exits and self.kind == "torch":
            msg = "a torch program is not cut at exits; use --to openvino or --to onnx"
            raise DeploymentError(msg)


def wanted(kind: str, precision: str, *, exits: bool, most: float) -> Wanted:
    """Read what to export from words.

    Raises:
        UnknownNameError: no such kind, or no such precision.
        DeploymentError: the two do not go together.
    """
    for what, value, known in (("graph", kind, KINDS), ("precision", precision, PRECISIONS)):
        if value not in known:
            msg = f"no {what} {value!r}; {did_you_mean(value, known)}"
            raise UnknownNameError(msg)
    return Wanted(
        kind=cast(Kind, kind), precision=cast(Precision, precision), exits=exits, most=most
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
        model: folder of a model or of a run.
        out: folder of the exported model; one that stands there already is replaced.
        asked: kind, precision, exits; OpenVINO in fp32 without exits if None.
        images: a folder of images, or one, to compare on; the built-in digits if None.
        data: the labelled images that the model was trained on, which int8 needs.
        listener: hears what is found.

    Returns:
        The keys that `export --json` promises: folder, kind, precision, stages, bytes, agreement.

    Raises:
        WeightsError: there is no model, or it is damaged.
        DeploymentError: an engine is missing, or the export disagrees with the trained model; then
            nothing is written.
        DataError: no image to compare on, or none to quantise with.
    """
    asked, listener = asked or Wanted(), listener or Silence()
    card, tensors = read_model(Path(model))
    compared = images_to_compare(card, images)
    made = checked(make(card, tensors, asked, data, listener), tensors, compared, listener)
    return write(made, Path(out))


@dataclass(frozen=True, slots=True)
class Made:
    """An exported model that is not written yet.

    Attributes:
        card: of the trained model.
        exported: what the graphs are.
        files: name -> content.
    """

    card: Card
    exported: Exported
    files: Mapping[str, bytes]

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
    if asked.kind == "torch":
        files = {"main.pt2": torch_program(card, tensors)}
    else:
        files = graphs(card, tensors, asked, names, data, listener)
    exported = Exported(kind=asked.kind, precision=asked.precision, stages=(*names, "main"))
    return Made(card, exported, files)


def checked(made: Made, tensors: Tensors, compared: Compared, listener: Listener) -> Made:
    """Compare an exported model with the trained one, and keep what was found.

    Raises:
        DeploymentError: they disagree.
    """
    found = check(made.card, made.exported, made.files, tensors, compared)
    listener.say(
        f"agrees with the trained model on {found.top1:.1%} of {found.images} images "
        f"({compared.said}); largest difference of a probability {found.difference:.2g} "
        f"({found.worst})"
    )
    return replace(made, exported=replace(made.exported, agreement=found.to_json()))


def write(made: Made, out: Path) -> dict[str, Any]:
    """Write an exported model; what `export --json` says of it.

    Raises:
        RunError: the folder cannot be written.
    """
    write_files(out, made.whole_card, made.files)
    return {"folder": str(out), **made.exported.to_json(), "bytes": made.bytes}


def graphs(
    card: Card,
    tensors: Tensors,
    wanted: Wanted,
    exits: Sequence[str],
    data: Teaching,
    listener: Listener,
) -> dict[str, bytes]:
    """The files of every stage: name -> content."""
    stages = list(staged(card.architecture, tensors, card.preprocessing, exits))
    if wanted.kind == "onnx":
        return {f"{name}.onnx": onnx_model(graph).SerializeToString() for name, graph in stages}
    if wanted.precision == "int8":
        models = in_8_bits(card, stages, data, most=wanted.most, listener=listener)
    else:
        models = {name: openvino_model(graph) for name, graph in stages}
    return {
        name: content
        for stage, model in models.items()
        for name, content in openvino_files(stage, model).items()
    }


def torch_program(card: Card, tensors: Tensors) -> bytes:
    """The file of a torch program, without the exits, which it could not stop at."""
    return torch_file(main_alone(card, tensors), card.preprocessing)


def main_alone(card: Card, tensors: Tensors) -> InceptionNet:
    """The network as a torch module, without its exits."""
    net = replace(card.architecture, exits=())
    own = {name: value for name, value in tensors.items() if not name.startswith("exits.")}
    return network_of(replace(card, architecture=net, exit_policy=None), own)
