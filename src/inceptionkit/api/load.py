"""`load`: a model of any kind, in the best engine there is. Torch only where it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, get_args

from inceptionkit.convert.registry import read_weights
from inceptionkit.deployment.engines import BATCH, Mode
from inceptionkit.deployment.files import load_exported
from inceptionkit.deployment.in_memory import ENGINES, deployed, fastest, here
from inceptionkit.errors import UnknownNameError, did_you_mean
from inceptionkit.evaluation.predictor import Predictor
from inceptionkit.machine import cores
from inceptionkit.model import model_folder, read_card

if TYPE_CHECKING:
    from inceptionkit.evaluation.classifier import Classifier

Wish: TypeAlias = Literal["auto", "openvino", "onnxruntime", "torch"]
WISHES: tuple[Wish, ...] = get_args(Wish)
MODES: tuple[Mode, ...] = get_args(Mode)
Name = TypeVar("Name", bound=str)


def load(
    path: str | Path,
    *,
    engine: str = "auto",
    threads: int | None = None,
    mode: str = "latency",
) -> Predictor:
    """Load a model.

    Args:
        path: of a model folder, a run folder, an exported model or a weights file; or the id of
            released weights, such as "torchvision/googlenet".
        engine: what computes: "openvino", "onnxruntime", "torch", or "auto", the fastest of the
            first two that is installed, found by a short probe, else torch. An exported model
            takes its kind's own engine without a probe, so that the first answer is soon there.
        threads: of OpenVINO or ONNX Runtime; every core that this process may use if None. torch
            has its own, `torch.set_num_threads`.
        mode: "latency" answers every image as soon as it can; "throughput" gets through most
            images a second: `predict` answers 32 at once, and OpenVINO divides them among streams.
            An exported model that resizes answers one at a time in either.

    Raises:
        WeightsError: there is no model, or it is damaged.
        DeploymentError: the engine is not installed, or cannot run the model.
        UnknownNameError: there is no such engine, or no such mode.
    """
    wish = one_of(engine, WISHES, "engine")
    tuned = one_of(mode, MODES, "mode")
    count = threads or cores()
    if Path(path).is_dir() and read_card(model_folder(Path(path)))[0].exported is not None:
        name = None if wish == "auto" else wish
        return load_exported(Path(path), threads=count, mode=tuned, name=name)
    names = tuple(name for name in ENGINES if name == wish) or here()
    if wish == "torch" or not names:
        return in_torch(path, BATCH[tuned])
    card, tensors = read_weights(path)
    ways = {name: deployed(card, tensors, name, threads=count, mode=tuned) for name in names}
    return ways[fastest(ways) if len(ways) > 1 else names[0]]


def one_of(name: str, known: tuple[Name, ...], what: str) -> Name:
    """The one of these names that is asked for.

    Raises:
        UnknownNameError: it is none of them.
    """
    for one in known:
        if one == name:
            return one
    msg = f"no {what} {name!r}; {did_you_mean(name, known)}"
    raise UnknownNameError(msg)


def in_torch(path: str | Path, batch: int) -> Classifier:
    """The model as a torch module."""
    from inceptionkit.evaluation.classifier import load as torch_load

    return torch_load(path, batch)
