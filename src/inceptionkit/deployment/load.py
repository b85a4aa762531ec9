"""A model of any kind in an engine. Torch only where it is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.engines import (
    ANY,
    BATCH,
    SHARED,
    Engine,
    EngineName,
    Mode,
    OnnxRuntime,
    OpenVino,
    run_stage,
    shared_tensors,
)
from inceptionkit.deployment.files import file_names, refuse_foreign
from inceptionkit.deployment.onnx import FEATURES_OUT, PROBABILITIES, Tensors, staged
from inceptionkit.deployment.resize import resizable
from inceptionkit.errors import DeploymentError
from inceptionkit.evaluation.predictor import Predictor, Stages, run_stages
from inceptionkit.machine import cores
from inceptionkit.model import Card, ExportInfo, model_folder, read_card, read_file, read_tensors
from inceptionkit.model.export_info import Kind
from inceptionkit.timing import TimingBudget, time_interleaved

EngineWish: TypeAlias = Literal["auto", "openvino", "onnxruntime", "torch"]

_NEEDED: Mapping[EngineName, tuple[str, ...]] = {
    "openvino": ("onnx", "openvino"),
    "onnxruntime": ("onnx", "onnxruntime"),
}  # libraries that run a trained model, the first choice first
ENGINES_FOR: Mapping[Kind, tuple[EngineWish, ...]] = {
    "onnx": ("onnxruntime", "openvino"),
    "openvino": ("openvino",),
    "torch": ("torch",),
}  # that run an exported model, the first choice first
PROBE_FROM = 500  # images: so many repay the 5 s in which GoogLeNet gets into a second engine too
_PROBE = TimingBudget(least=4, most=4, settle=True)


def load_predictor(
    path: str | Path,
    *,
    engine: EngineWish = "auto",
    threads: int | None = None,
    mode: Mode = "latency",
    images: int = 1,
    device: str | None = None,
) -> Predictor:
    """Load a model as `inceptionkit.load` does.

    Args:
        path: as `inceptionkit.load` takes it.
        engine: "auto" takes the first that is installed, or for `PROBE_FROM` images and more the
            fastest.
        threads: of the engine; every core that this process may use if None.
        mode: what the engine is tuned for.
        images: how many will come.
        device: other than the CPU, on which torch runs a trained model; None for the CPU.

    Raises:
        WeightsError: there is no model, or it is damaged.
        DeploymentError: the engine is not installed, or cannot run the model.
        RecipeError: the device is not there.
        UnknownNameError: no released weights have that id.
    """
    if device not in {None, "cpu"}:
        return _on_device(path, str(device), mode)
    count, again = threads or cores(), partial(load_predictor, threads=threads, mode=mode)
    if Path(path).is_dir():
        path = Path(path).absolute()
        folder = model_folder(path)
        card, sums = read_card(folder)
        if card.exported is not None:
            name = _engine_for(folder, card.exported.kind, engine)
            exported = _load_exported(folder, sums, card, name, threads=count, mode=mode)
            exported.reload = partial(again, path, engine=engine)
            return exported
        tensors: Tensors = read_tensors(folder, card, sums)
    else:
        from inceptionkit.convert.registry import is_there, read_weights  # of other programs

        path = Path(path).absolute() if is_there(Path(path)) else path
        card, tensors = read_weights(path)
    names = [name for name in _NEEDED if engine in {"auto", name}]
    if engine == "auto":
        names = [name for name in names if all(map(find_spec, _NEEDED[name]))]
    if not names:
        from inceptionkit.evaluation.classifier import Classifier, network_of  # torch

        reload = partial(again, path, engine="torch")
        classifier = Classifier(card, network_of(card, tensors), BATCH[mode], reload)
        classifier.tensors = tensors
        return classifier
    tensors, predictors = shared_tensors(tensors) if SHARED else tensors, []
    for name in names if images >= PROBE_FROM else names[:1]:
        make = partial(ENGINE_TYPES[name], size=card.preprocessing.size, threads=count, mode=mode)
        stages = cache(partial(_stages, card, tensors, make))
        reload = partial(again, path, engine=name)
        fit, batch = card.preprocessing.fit, BATCH[mode]
        predictors.append(Predictor(card, stages, fit, batch, reload, engine=name, tensors=tensors))
    return predictors[0] if len(predictors) == 1 else fastest(predictors)


def _on_device(path: str | Path, device: str, mode: Mode) -> Predictor:
    """Load a trained model on a GPU."""
    from inceptionkit.evaluation.classifier import load

    classifier = load(path, BATCH[mode], device)
    classifier.reload = partial(_on_device, path, device, mode)
    return classifier


def _stages(
    card: Card, tensors: Tensors, make: Callable[[bytes], Engine], exits: tuple[str, ...]
) -> Stages:
    """Put a trained model into an engine, cut at these exits.

    Raises:
        DeploymentError: the engine is not installed.
    """
    graphs = staged(card.architecture, tensors, card.preprocessing, exits)
    files = ((stage, graph.SerializeToString()) for stage, graph in graphs)
    return {stage: partial(run_stage, make(file)) for stage, file in files}


ENGINE_TYPES: dict[str, Callable[..., Engine]] = {
    "openvino": OpenVino,
    "onnxruntime": OnnxRuntime,
}  # what makes an engine of the files of a graph


def fastest(predictors: Sequence[Predictor]) -> Predictor:
    """The fastest of these on this machine, by a probe of some runs of as many images at once."""
    size = predictors[0].card.preprocessing.size
    images = np.zeros((predictors[0].batch, size, size, 3), np.uint8)
    seconds = time_interleaved(
        {n: partial(run_stages, one.stages(()), images) for n, one in enumerate(predictors)}, _PROBE
    )
    return predictors[min(seconds, key=lambda n: median(seconds[n]))]


def _engine_for(folder: Path, kind: Kind, wish: EngineWish) -> str:
    """The engine that runs a kind of graph: the one that is asked for, or the first choice here.

    Raises:
        DeploymentError: the one that is asked for does not run such graphs.
    """
    if wish == "auto":
        return own_engine(kind)
    if wish not in ENGINES_FOR[kind]:
        msg = f"{folder}: holds a graph for {kind}, which {wish} does not run; export it for {wish}"
        raise DeploymentError(msg)
    return wish


def own_engine(kind: Kind) -> str:
    """The engine that runs a kind of graph here: the first choice that is installed."""
    return next(filter(find_spec, ENGINES_FOR[kind]), ENGINES_FOR[kind][-1])


def _load_exported(
    folder: Path, sums: Mapping[str, str], card: Card, name: str, *, threads: int, mode: Mode
) -> Predictor:
    """Load an exported model.

    A graph that resizes answers one image at a time for latency in either mode, because images that
    come together may have different sizes.

    Raises:
        WeightsError: a file is damaged.
        DeploymentError: the engine is not installed, or refuses the graph.
    """
    exported, how = cast(ExportInfo, card.exported), card.preprocessing
    if exported.kind == "torch":
        return _rebuilt(folder, sums, card, BATCH[mode])
    resizes = exported.resize is not None
    options = {
        "size": ANY if resizes else how.size,
        "threads": threads,
        "precision": exported.precision,
        "mode": "latency" if resizes else mode,
    }
    stages: dict[str, _CheckedStage] = {}
    for stage in exported.stages:
        files = [read_file(folder, file, sums) for file in file_names(exported, stage)]
        with _refusals_reported(folder):
            refuse_foreign(exported.kind, files[0])
            engine = ENGINE_TYPES[name](*files, **options)
        stages[stage] = _CheckedStage(engine, stage, len(card.classes), folder)
    prepare = partial(resizable, preprocessing=how) if resizes else how.fit
    batch = BATCH["latency" if resizes else mode]
    all_stages = partial(_all_stages, card.architecture.name, stages)
    return Predictor(card, all_stages, prepare, batch, engine=name)


def _rebuilt(folder: Path, sums: Mapping[str, str], card: Card, batch: int) -> Predictor:
    """Build the network of a torch export from its architecture; no program is read.

    Raises:
        WeightsError: the file is damaged.
        DeploymentError: it is a program, as earlier versions wrote it.
    """
    if "main.pt2" in sums:
        msg = f"{folder}: holds a torch program, which can run any code when it is read; "
        msg += "export the model again"
        raise DeploymentError(msg)
    from inceptionkit.evaluation.classifier import Classifier, network_of

    whole = replace(card, architecture=replace(card.architecture, exits=()), exit_policy=None)
    (name,) = file_names(cast(ExportInfo, card.exported), "main")
    model = network_of(whole, read_tensors(folder, whole, sums, name))
    classifier = Classifier(card, model, batch)
    only = classifier.stages(())
    classifier.stages = partial(_all_stages, card.architecture.name, only)
    return classifier


@dataclass(frozen=True, slots=True)
class _CheckedStage:
    """A stage from a file: what goes wrong in its engine is said of the folder it came from."""

    engine: Engine
    name: str
    classes: int
    folder: Path

    def __call__(
        self, x: NDArray[Any], temperature: float
    ) -> tuple[NDArray[np.float32], NDArray[Any]]:
        with _refusals_reported(self.folder):
            results = self.engine(x)
        wanted = {PROBABILITIES} if self.name == "main" else {PROBABILITIES, FEATURES_OUT}
        shape = (len(x), self.classes)
        if wanted <= results.keys() and results[PROBABILITIES].shape == shape:
            return run_stage(lambda _: results, x, temperature)
        msg = (
            f"{self.folder}: the graph of {self.name} does not give {' and '.join(sorted(wanted))} "
            f"for {self.classes} classes; export it again"
        )
        raise DeploymentError(msg)


@contextmanager
def _refusals_reported(folder: Path) -> Iterator[None]:
    """Say it of the folder if an engine lacks an operator, or the graph is none."""
    try:
        yield
    except _engine_errors() as error:
        # the last line: before it OpenVINO names its own sources
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        msg = f"{folder}: the engine cannot run it ({reason}); export it again"
        raise DeploymentError(msg) from error


def _engine_errors() -> tuple[type[Exception], ...]:
    """What OpenVINO and torch raise, and all that ONNX Runtime does, which has no common base."""
    native = sys.modules.get("onnxruntime.capi.onnxruntime_pybind11_state")
    kinds = vars(native).values() if native else ()
    own = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception))
    return (RuntimeError, *own)


def _all_stages(name: str, stages: Stages, exits: tuple[str, ...]) -> Stages:
    """The stages that were exported, as long as they end at these exits."""
    missing = [exit_ for exit_ in exits if exit_ not in stages]
    if missing:
        msg = f"{name}: was not exported with exit {missing[0]!r}; export it again with --exits"
        raise DeploymentError(msg)
    return stages
