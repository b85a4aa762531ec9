"""A model of any kind, in the best engine there is. Torch only where it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from inceptionkit.convert.registry import read_weights
from inceptionkit.deployment.engines import BATCH, Mode
from inceptionkit.deployment.files import load_exported
from inceptionkit.deployment.in_memory import ENGINES, deployed, fastest, here
from inceptionkit.evaluation.predictor import Predictor
from inceptionkit.machine import cores
from inceptionkit.model import model_folder, read_card

if TYPE_CHECKING:
    from inceptionkit.evaluation.classifier import Classifier

Wish: TypeAlias = Literal["auto", "openvino", "onnxruntime", "torch"]


def load_predictor(
    path: str | Path, *, engine: Wish = "auto", threads: int | None = None, mode: Mode = "latency"
) -> Predictor:
    """Load a model as `inceptionkit.load` does.

    Raises:
        WeightsError: there is no model, or it is damaged.
        DeploymentError: the engine is not installed, or cannot run the model.
        UnknownNameError: no released weights have that id.
    """
    count = threads or cores()
    if Path(path).is_dir() and read_card(model_folder(Path(path)))[0].exported is not None:
        name = None if engine == "auto" else engine
        return load_exported(Path(path), threads=count, mode=mode, name=name)
    names = tuple(name for name in ENGINES if name == engine) or here()
    if engine == "torch" or not names:
        return in_torch(path, BATCH[mode])
    card, tensors = read_weights(path)
    ways = {name: deployed(card, tensors, name, threads=count, mode=mode) for name in names}
    return ways[fastest(ways) if len(ways) > 1 else names[0]]


def in_torch(path: str | Path, batch: int) -> Classifier:
    """The model as a torch module."""
    from inceptionkit.evaluation.classifier import load as torch_load

    return torch_load(path, batch)
