"""ExportInfo graphs as files, and the folder that they go to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from inceptionkit.deployment.onnx import checked, library
from inceptionkit.errors import RunError
from inceptionkit.model import ExportInfo, read_card
from inceptionkit.model.export_info import Kind
from inceptionkit.model.folder import CARD

_SUFFIXES: Mapping[Kind, tuple[str, ...]] = {
    "onnx": (".onnx",),
    "openvino": (".xml", ".bin"),
    "torch": (".pt2",),
}
_VERSION = "1/model"  # where a server's model repository has the graph


def file_names(exported: ExportInfo, stage: str) -> list[str]:
    """Names of the files of one stage, from the model's folder on."""
    stem = stage if exported.server is None else _VERSION
    return [f"{stem}{suffix}" for suffix in _SUFFIXES[exported.kind]]


def graph_files(exported: ExportInfo, models: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of the graphs of every stage: name -> content.

    Args:
        exported: how they are exported.
        models: stage -> `openvino.Model`, `onnx.ModelProto`, or the bytes of a torch program.
    """
    files: dict[str, bytes] = {}
    for stage, model in models.items():
        names = file_names(exported, stage)
        files |= zip(names, _contents(exported.kind, model), strict=True)
    return files


def _contents(kind: Kind, model: Any) -> list[bytes]:  # noqa: ANN401 - a graph of any kind
    """What the files of one graph hold, one for each suffix of its kind."""
    if kind == "torch":
        return [model]
    if kind == "onnx":
        return [checked(model).SerializeToString()]
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"graph{suffix}" for suffix in _SUFFIXES["openvino"]]
        library("openvino").serialize(model, *map(str, paths))
        return [path.read_bytes() for path in paths]


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
