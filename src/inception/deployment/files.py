"""Graphs as files, and back into engines."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from inception.deployment.engines import BATCH, Engine, Mode, OnnxRuntime, OpenVino
from inception.deployment.libraries import installed, library
from inception.deployment.runtime import Cut, Deployed, Stages
from inception.errors import DeploymentError
from inception.weights import Card, Exported, model_folder, read_card, read_file
from inception.weights.exported import Kind

SUFFIXES: Mapping[Kind, tuple[str, ...]] = {
    "onnx": (".onnx",),
    "openvino": (".xml", ".bin"),
    "torch": (".pt2",),
}
RUN_BY: Mapping[Kind, tuple[str, ...]] = {
    "onnx": ("onnxruntime", "openvino"),
    "openvino": ("openvino",),
    "torch": ("torch",),
}  # engines, the first choice first


def openvino_files(stage: str, model: Any) -> dict[str, bytes]:  # noqa: ANN401 - openvino.Model
    """The two files of OpenVINO's format: name -> content."""
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{stage}{suffix}" for suffix in SUFFIXES["openvino"]]
        library("openvino").serialize(model, *map(str, paths))
        return {path.name: path.read_bytes() for path in paths}


def load_exported(
    path: Path, *, threads: int, mode: Mode = "latency", name: str | None = None
) -> Deployed:
    """Load an exported model.

    Args:
        path: of its folder.
        threads: of the engine.
        mode: what the engine is tuned for.
        name: of the engine; the kind's own that is installed if None.

    Raises:
        WeightsError: there is none, or a file is damaged.
        DeploymentError: no engine that runs it is installed, or the engine refuses it.
    """
    folder = model_folder(path)
    card, sums = read_card(folder)
    exported = card.exported
    if exported is None:
        msg = f"{folder}: holds no exported graphs; export it with `inception export {path}`"
        raise DeploymentError(msg)
    files = {
        stage: {
            f"{stage}{suffix}": read_file(folder, f"{stage}{suffix}", sums)
            for suffix in SUFFIXES[exported.kind]
        }
        for stage in exported.stages
    }
    try:
        own = own_engine(folder, exported.kind, name)
        start = partial(engine, card, exported, own, threads, mode)
        stages = {stage: start(graph) for stage, graph in files.items()}
    except RuntimeError as error:  # what both engines raise for an operator that they lack
        msg = f"{folder}: the engine cannot run it ({one_line(error)}); export it again"
        raise DeploymentError(msg) from error
    return Deployed(card, fixed(card, stages), BATCH[mode])


def own_engine(folder: Path, kind: Kind, name: str | None) -> str:
    """The engine that runs a kind of graph: that which is asked for, else one that is installed.

    Raises:
        DeploymentError: the one that is asked for does not run such graphs.
    """
    known = RUN_BY[kind]
    if name is not None and name not in known:
        msg = f"{folder}: holds a graph for {kind}, which {name} does not run; export it for {name}"
        raise DeploymentError(msg)
    return name or next(filter(installed, known), known[-1])


def fixed(card: Card, stages: Stages) -> Cut:
    """Give these stages, whatever the policy, as long as they end at its exits."""

    def cut(exits: tuple[str, ...]) -> Stages:
        missing = [name for name in exits if name not in stages]
        if missing:
            msg = (
                f"{card.architecture.name}: was not exported with exit {missing[0]!r}; "
                "export it again with --exits"
            )
            raise DeploymentError(msg)
        return stages

    return cut


def engine(
    card: Card,
    exported: Exported,
    name: str,
    threads: int,
    mode: Mode,
    files: Mapping[str, bytes],
) -> Engine:
    """The engine for one graph."""
    first, *rest = files.values()
    if name == "torch":
        from inception.deployment.to_torch import Program

        return Program(first)
    if name == "onnxruntime":
        return OnnxRuntime(first, threads=threads)
    model = library("openvino").Core().read_model(first, *rest)
    size, precision = card.preprocessing.size, exported.precision
    return OpenVino(model, size=size, precision=precision, threads=threads, mode=mode)


def one_line(error: Exception) -> str:
    """The first line of an engine's message."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
