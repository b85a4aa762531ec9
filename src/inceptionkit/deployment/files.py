"""Exported graphs as files, and the folder that they go to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
from safetensors.numpy import save

from inceptionkit import records
from inceptionkit.deployment.onnx import checked, library
from inceptionkit.errors import RunError
from inceptionkit.model import Card, ExportInfo, read_card
from inceptionkit.model.export_info import Kind
from inceptionkit.model.folder import CARD

_SUFFIXES: Mapping[Kind, tuple[str, ...]] = {
    "onnx": (".onnx",),
    "openvino": (".xml", ".bin"),
    "torch": (".safetensors",),
}
_VERSION = "1/model"  # where a server's model repository has the graph


def file_names(exported: ExportInfo, stage: str) -> list[str]:
    """Names of the files of one stage, from the model's folder on."""
    stem = stage if exported.server is None else _VERSION
    return [f"{stem}{suffix}" for suffix in _SUFFIXES[exported.kind]]


def graph_files(card: Card, models: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of the graphs of every stage: name -> content.

    Args:
        card: says how they are exported, and what each graph says of itself.
        models: stage -> `openvino.Model`, `onnx.ModelProto`, or the tensors that torch takes.
    """
    exported, files = cast(ExportInfo, card.exported), dict[str, bytes]()
    for stage, model in models.items():
        names, said = file_names(exported, stage), metadata(card, stage)
        files |= zip(names, _contents(exported.kind, model, said), strict=True)
    return files


def metadata(card: Card, stage: str) -> dict[str, str]:
    """What a graph says of its model, for programs that have the graph alone.

    ONNX keeps it as `metadata_props`, which ONNX Runtime calls the custom metadata map; OpenVINO
    as `rt_info` below `model_info`.

    Args:
        card: of the model.
        stage: "main", or the exit whose classifier answers.

    Returns:
        Text by name; `classes`, in the order of the probabilities, and `preprocessing` are JSON.
    """
    return {
        "architecture": card.architecture.name,
        "classes": json.dumps(card.classes),
        "preprocessing": json.dumps(records.to_json(card.preprocessing)),
        "classifier": stage,
        "inceptionkit": version("inceptionkit"),
    }


def _contents(kind: Kind, model: Any, said: dict[str, str]) -> list[bytes]:  # noqa: ANN401 - a graph of any kind
    """What the files of one graph hold, one for each suffix of its kind."""
    if kind == "torch":
        return [save({name: np.ascontiguousarray(value) for name, value in model.items()}, said)]
    if kind == "onnx":
        library("onnx.helper").set_model_props(model, said)
        return [checked(model).SerializeToString()]
    for name, text in said.items():
        model.set_rt_info(text, ["model_info", name])
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"graph{suffix}" for suffix in _SUFFIXES["openvino"]]
        library("openvino").serialize(model, *map(str, paths))
        return [path.read_bytes() for path in paths]


def refuse_foreign(kind: Kind, graph: bytes) -> None:
    """Refuse a graph that an engine would read in another format, or together with other files.

    OpenVINO takes an ONNX file under any name, and reads whatever file of this machine it names.

    Raises:
        RuntimeError: as the engines raise it.
    """
    if kind == "openvino":
        if not graph.startswith((b"<?xml", b"<net")):
            msg = "it is not XML"
            raise RuntimeError(msg)
        return
    try:
        model = library("onnx").load_model_from_string(graph)
    except library("google.protobuf.message").DecodeError as error:
        msg = f"it is not ONNX: {error}"
        raise RuntimeError(msg) from error
    for part in _messages(model):
        if type(part).__name__ == "TensorProto" and (part.external_data or part.data_location):
            msg = "it has weights in other files"
            raise RuntimeError(msg)


def _messages(message: Any) -> Iterator[Any]:  # noqa: ANN401 - of protocol buffers
    """Yield a message and all within it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _messages(part)


def free_place(out: Path) -> Path:
    """The absolute path of `out`, where nothing stands that must not be replaced.

    Raises:
        RunError: something stands there that is neither empty nor an exported model.
    """
    place = out.expanduser().resolve()
    if not place.exists() or _is_replaceable(place):
        return place
    msg = f"{out}: is there already, and is no exported model; choose another folder with --out"
    raise RunError(msg)


def _is_replaceable(place: Path) -> bool:
    """Whether a folder is an exported model, or holds nothing and nobody stands in it."""
    if not place.is_dir() or place == Path.cwd():
        return False
    if (place / CARD).is_file():
        return read_card(place)[0].exported is not None
    return not any(place.iterdir())
