"""A folder of images in; a small, fast, explained classifier of the Inception family out.

>>> import inceptionkit
>>> inceptionkit.cost(inceptionkit.architecture("googlenet")).without_exits.params
6998552
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from inceptionkit.errors import InceptionError, MissingTorchError

if TYPE_CHECKING:
    from inceptionkit.api.bench import bench
    from inceptionkit.api.check import check
    from inceptionkit.api.compare import compare
    from inceptionkit.api.convert import convert
    from inceptionkit.api.describe import architectures, describe
    from inceptionkit.api.design import design
    from inceptionkit.api.detect_check import detect_check
    from inceptionkit.api.detect_evaluate import detect_evaluate
    from inceptionkit.api.detect_explain import detect_explain
    from inceptionkit.api.detect_export import detect_export
    from inceptionkit.api.detect_predict import detect_predict
    from inceptionkit.api.detect_rcnn import detect_rcnn
    from inceptionkit.api.detect_train import detect_resume, detect_train
    from inceptionkit.api.embed import embed
    from inceptionkit.api.evaluate import evaluate
    from inceptionkit.api.explain import explain
    from inceptionkit.api.export import export
    from inceptionkit.api.load import load
    from inceptionkit.api.predict import predict
    from inceptionkit.api.prune import prune
    from inceptionkit.api.recipes import recipes
    from inceptionkit.api.report import report
    from inceptionkit.api.resume import resume
    from inceptionkit.api.serve import serve
    from inceptionkit.api.train import train
    from inceptionkit.catalog import architecture
    from inceptionkit.derive.cost import cost
    from inceptionkit.evaluation.classifier import Classifier
    from inceptionkit.evaluation.early_exit import RunToTheEnd, StopAsStored, StopWhenSure
    from inceptionkit.evaluation.predictor import Prediction
    from inceptionkit.model import ExitPolicy
    from inceptionkit.network.build import build

__version__ = "0.1.0"

for _switch in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ.setdefault(_switch, "1")  # read when a library is imported; later is too late

__all__ = [
    "Classifier",
    "ExitPolicy",
    "InceptionError",
    "Prediction",
    "RunToTheEnd",
    "StopAsStored",
    "StopWhenSure",
    "architecture",
    "architectures",
    "bench",
    "build",
    "check",
    "compare",
    "convert",
    "cost",
    "describe",
    "design",
    "detect_check",
    "detect_evaluate",
    "detect_explain",
    "detect_export",
    "detect_predict",
    "detect_rcnn",
    "detect_resume",
    "detect_train",
    "embed",
    "evaluate",
    "explain",
    "export",
    "load",
    "predict",
    "prune",
    "recipes",
    "report",
    "resume",
    "serve",
    "train",
]

_HOMES = {
    "Classifier": "evaluation.classifier",
    "ExitPolicy": "model",
    "Prediction": "evaluation.predictor",
    "RunToTheEnd": "evaluation.early_exit",
    "StopAsStored": "evaluation.early_exit",
    "StopWhenSure": "evaluation.early_exit",
    "architecture": "catalog",
    "architectures": "api.describe",
    "build": "network",
    "cost": "derive.cost",
    "detect_resume": "api.detect_train",
}  # all other names are verbs; each is imported when first used, for torch takes a second


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in __all__:
        msg = f"module 'inceptionkit' has no attribute {name!r}"
        raise AttributeError(msg)
    try:
        home = import_module(f"inceptionkit.{_HOMES.get(name, f'api.{name}')}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingTorchError(name) from error
    globals()[name] = getattr(home, name)
    return globals()[name]


for _verb in ("convert", "report"):  # packages have these names, too: once loaded, they make room
    import_module(f"inceptionkit.{_verb}")
    globals()[_verb] = getattr(import_module(f"inceptionkit.api.{_verb}"), _verb)


def __dir__() -> list[str]:
    return __all__
