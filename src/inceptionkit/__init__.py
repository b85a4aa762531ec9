"""A folder of images in; a small, fast, explained classifier of the Inception family out.

>>> import inceptionkit
>>> inceptionkit.cost(inceptionkit.architecture("googlenet")).answer.params
6998552
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from inceptionkit.catalog import architecture
from inceptionkit.derive import cost
from inceptionkit.errors import InceptionError

if TYPE_CHECKING:
    from inceptionkit.api.compare import compare
    from inceptionkit.api.design import design
    from inceptionkit.api.explain import explain
    from inceptionkit.api.load import load
    from inceptionkit.api.prune import prune
    from inceptionkit.api.resume import resume
    from inceptionkit.api.train import train
    from inceptionkit.evaluation.classifier import Classifier
    from inceptionkit.evaluation.crop_table import evaluate_crops
    from inceptionkit.evaluation.early_exit import RunToTheEnd, StopAsStored, StopWhenSure
    from inceptionkit.evaluation.evaluate import evaluate
    from inceptionkit.evaluation.exits.study import evaluate_exits
    from inceptionkit.evaluation.predictor import Prediction
    from inceptionkit.model import ExitPolicy
    from inceptionkit.network import build

__version__ = "0.1.0"

__all__ = [
    "Classifier",
    "ExitPolicy",
    "InceptionError",
    "Prediction",
    "RunToTheEnd",
    "StopAsStored",
    "StopWhenSure",
    "architecture",
    "build",
    "compare",
    "cost",
    "design",
    "evaluate",
    "evaluate_crops",
    "evaluate_exits",
    "explain",
    "load",
    "prune",
    "resume",
    "train",
]

TORCH_NEEDED = {
    "Classifier": "inceptionkit.evaluation.classifier",
    "ExitPolicy": "inceptionkit.model",
    "Prediction": "inceptionkit.evaluation.predictor",
    "RunToTheEnd": "inceptionkit.evaluation.early_exit",
    "StopAsStored": "inceptionkit.evaluation.early_exit",
    "StopWhenSure": "inceptionkit.evaluation.early_exit",
    "build": "inceptionkit.network",
    "compare": "inceptionkit.api.compare",
    "design": "inceptionkit.api.design",
    "evaluate": "inceptionkit.evaluation.evaluate",
    "evaluate_crops": "inceptionkit.evaluation.crop_table",
    "evaluate_exits": "inceptionkit.evaluation.exits.study",
    "explain": "inceptionkit.api.explain",
    "load": "inceptionkit.api.load",
    "prune": "inceptionkit.api.prune",
    "resume": "inceptionkit.api.resume",
    "train": "inceptionkit.api.train",
}  # imported when first used: torch takes more than a second


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Import what needs torch when it is asked for."""
    if name in TORCH_NEEDED:
        return getattr(import_module(TORCH_NEEDED[name]), name)
    msg = f"module 'inceptionkit' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    """List what is public."""
    return sorted([*globals(), *__all__])
