"""Graphs as files, and back into engines."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numpy.typing import NDArray

from inceptionkit.deployment.engines import (
    ANY,
    BATCH,
    Engine,
    Mode,
    OnnxRuntime,
    OpenVino,
    Results,
)
from inceptionkit.deployment.graph import ONWARD, PROBABILITIES
from inceptionkit.deployment.libraries import installed, library
from inceptionkit.deployment.runtime import Cut, Deployed, Stages
from inceptionkit.errors import DeploymentError
from inceptionkit.model import Card, ExportInfo, model_folder, read_card, read_file
from inceptionkit.model.export_info import Kind

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
VERSION = "1/model"  # where a server's model repository has the graph


def file_names(exported: ExportInfo, stage: str) -> list[str]:
    """Names of the files of one stage, from the model's folder on."""
    stem = stage if exported.server is None else VERSION
    return [f"{stem}{suffix}" for suffix in SUFFIXES[exported.kind]]


def graph_files(exported: ExportInfo, models: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of the graphs of every stage: name -> content.

    Args:
        exported: how they are exported.
        models: stage -> `openvino.Model`, `onnx.ModelProto`, or the bytes of a torch program.
    """
    return {
        name: content
        for stage, model in models.items()
        for name, content in zip(
            file_names(exported, stage), contents(exported.kind, model), strict=True
        )
    }


def contents(kind: Kind, model: Any) -> list[bytes]:  # noqa: ANN401 - a graph of any kind
    """What the files of one graph hold, one for each suffix of its kind."""
    if kind == "torch":
        return [model]
    if kind == "onnx":
        return [model.SerializeToString()]
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"graph{suffix}" for suffix in SUFFIXES["openvino"]]
        library("openvino").serialize(model, *map(str, paths))
        return [path.read_bytes() for path in paths]


def load_exported(
    path: Path, *, threads: int, mode: Mode = "latency", name: str | None = None
) -> Deployed:
    """Load an exported model.

    Args:
        path: of its folder.
        threads: of the engine.
        mode: what the engine is tuned for; a graph that resizes answers one image at a time for
            latency in either, because images that come together may have different sizes.
        name: of the engine; the kind's own that is installed if None.

    Raises:
        WeightsError: there is none, or a file is damaged.
        DeploymentError: no engine that runs it is installed, or the engine refuses it.
    """
    folder = model_folder(path)
    card, sums = read_card(folder)
    exported = card.exported
    if exported is None:
        msg = f"{folder}: holds no exported graphs; export it with `inceptionkit export {path}`"
        raise DeploymentError(msg)
    files = {
        stage: [read_file(folder, name, sums) for name in file_names(exported, stage)]
        for stage in exported.stages
    }
    own = chosen_engine(folder, exported.kind, name)
    tuned = mode if exported.resize is None else "latency"
    with refusals_told(folder):
        engines = {
            stage: engine(graph, own, card, exported, threads=threads, mode=tuned)
            for stage, graph in files.items()
        }
    stages = {stage: Guarded(one, stage, card, folder) for stage, one in engines.items()}
    return Deployed(card, fixed(card, stages), BATCH[tuned])


def chosen_engine(folder: Path, kind: Kind, name: str | None) -> str:
    """The engine that runs a kind of graph: the one that is asked for, else the kind's own.

    Raises:
        DeploymentError: the one that is asked for does not run such graphs.
    """
    if name is not None and name not in RUN_BY[kind]:
        msg = f"{folder}: holds a graph for {kind}, which {name} does not run; export it for {name}"
        raise DeploymentError(msg)
    return name or own_engine(kind)


def own_engine(kind: Kind) -> str:
    """The engine that runs a kind of graph here: the first choice that is installed."""
    return next(filter(installed, RUN_BY[kind]), RUN_BY[kind][-1])


@dataclass(frozen=True, slots=True)
class Guarded:
    """A stage from a file: what goes wrong in its engine is said of the folder it came from."""

    engine: Engine
    name: str
    card: Card
    folder: Path

    def __call__(self, x: NDArray[Any]) -> Results:
        """Run, and look whether it is this model that answers."""
        with refusals_told(self.folder):
            results = self.engine(x)
        wanted = {PROBABILITIES} if self.name == "main" else {PROBABILITIES, ONWARD}
        classes = len(self.card.classes)
        if wanted <= results.keys() and results[PROBABILITIES].shape == (len(x), classes):
            return results
        msg = (
            f"{self.folder}: the graph of {self.name} does not give {' and '.join(sorted(wanted))} "
            f"for {classes} classes; export it again"
        )
        raise DeploymentError(msg)


@contextmanager
def refusals_told(folder: Path) -> Iterator[None]:
    """Say it of the folder if an engine refuses a graph.

    Raises:
        DeploymentError: an engine lacks an operator, or the graph is none.
    """
    try:
        yield
    except engine_errors() as error:
        msg = f"{folder}: the engine cannot run it ({one_line(error)}); export it again"
        raise DeploymentError(msg) from error


def engine_errors() -> tuple[type[Exception], ...]:
    """What OpenVINO and torch raise, and all that ONNX Runtime does, which has no common base."""
    native = sys.modules.get("onnxruntime.capi.onnxruntime_pybind11_state")
    kinds = vars(native).values() if native else ()
    own = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception))
    return (RuntimeError, *own)


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
    files: Sequence[bytes], name: str, card: Card, exported: ExportInfo, *, threads: int, mode: Mode
) -> Engine:
    """The engine of this name for one graph."""
    first, *rest = files
    if name == "torch":
        from inceptionkit.deployment.torch_program import Program

        return Program(first)
    if name == "onnxruntime":
        return OnnxRuntime(first, threads=threads)
    model = library("openvino").Core().read_model(first, *rest)
    return OpenVino(
        model,
        size=card.preprocessing.size if exported.resize is None else ANY,
        precision=exported.precision,
        threads=threads,
        mode=mode,
    )


def one_line(error: Exception) -> str:
    """The last line of an engine's message: before it OpenVINO names its own sources."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
