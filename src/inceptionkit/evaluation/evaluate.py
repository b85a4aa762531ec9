"""`evaluate`: a model on labelled images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import open_dataset
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.derive import cost
from inceptionkit.evaluation.calibration import brier_score, calibration_error, reliability
from inceptionkit.evaluation.classifier import Classifier, load
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.evaluation.early_exit import AnyPolicy, ExitMacs, Policy, of_model
from inceptionkit.evaluation.held_out import load_scored, scored_samples
from inceptionkit.evaluation.inference import Answers, predict_all_exits, predict_with_early_exit
from inceptionkit.evaluation.metrics import ClassScore, class_scores, confusion, log_loss, top_k
from inceptionkit.progress import Listener, Progress, Silence
from inceptionkit.results import table
from inceptionkit.spec import Net


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model is worth on some images."""

    result: dict[str, Any]  # the keys that `evaluate --json` promises, and more
    classes: tuple[ClassScore, ...]
    confusion: NDArray[np.int64]  # (classes, classes), rows true

    def table(self) -> str:
        """The classes, as HTML."""
        heads = ("class", "images", "precision", "recall", "F1")
        return table(heads, ((r.name, r.images, r.precision, r.recall, r.f1) for r in self.classes))


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    policy: AnyPolicy | None = None,
    listener: Listener | None = None,
) -> Evaluation:
    """Score a model on the test images of `data`; on all of them if it is not divided.

    Args:
        model: folder of a model or of a run.
        data: labelled images; their classes are matched to the model's by name.
        policy: when to stop at an exit. The result is then that of early exit; without it that of
            the main classifier, with every exit's beside it.
        listener: hears how far it is.

    Raises:
        WeightsError: there is no model, or it is damaged.
        DataError: the images have a class that the model does not know, or none is usable.
        RecipeError: the stored policy is asked for, and the model has none.
    """
    listener = listener or Silence()
    began = monotonic()
    classifier = load(model)
    asked = None if policy is None else of_model(policy, classifier.card, str(model))
    dataset = open_dataset(data)
    drawn = scored_samples(classifier.card, dataset)
    listener.say(f"scoring {len(drawn.indices):,} images: {drawn.why}")
    scored = load_scored(classifier.card, dataset, drawn, listener)
    found = run(classifier, scored, asked, listener)
    unusable = len(drawn.indices) - len(scored)
    result = {
        "images": len(scored),
        "which": drawn.why,
        "unusable": unusable,
        **quality(found.answers, scored.labels.numpy()),
        "exits": {name: asdict(used) for name, used in found.exits.items()},
        "mean_macs": sum(used.macs * used.share for used in found.exits.values()),
        "seconds": monotonic() - began,
    }
    return evaluation(result, found.answers, scored.labels.numpy(), classifier.card.classes)


def evaluation(
    result: dict[str, Any],
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
) -> Evaluation:
    """Add the classes, one by one, to a result."""
    matrix = confusion(probabilities.argmax(1), labels, len(classes))
    rows = class_scores(matrix, classes)
    return Evaluation(result | {"classes": [asdict(row) for row in rows]}, rows, matrix)


def quality(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Any]:
    """How often answers are right, and how well they know it."""
    right = probabilities.argmax(1) == labels
    return {
        "top1": top_k(probabilities, labels, 1),
        "top1_interval": list(wilson(float(right.mean()) if len(right) else 0.0, len(right))),
        "top5": top_k(probabilities, labels, 5) if probabilities.shape[1] > 5 else None,
        "log_loss": log_loss(probabilities, labels),
        "brier": brier_score(probabilities, labels),
        "calibration_error": calibration_error(reliability(probabilities, labels)),
    }


@dataclass(frozen=True, slots=True)
class Used:
    """How one exit was used."""

    top1: float | None  # of the images it answered; without a policy, of all
    macs: int  # spent on an image that it answers
    share: float  # of the images


@dataclass(frozen=True, slots=True)
class Found:
    """What running the model gave."""

    answers: NDArray[np.float32]  # (images, classes)
    exits: dict[str, Used]  # trunk order, main last


def run(classifier: Classifier, scored: Images, policy: Policy | None, listener: Listener) -> Found:
    """Run every exit on every image or, with a policy, each image only as far as it needs."""
    labels, net = scored.labels.numpy(), classifier.card.architecture
    if policy is not None:
        given = predict_with_early_exit(
            classifier.model, scored.pixels, classifier.card.preprocessing, policy
        )
        return Found(given.probabilities, used_exits(net, given, labels))
    priced = cost(net)
    macs = {row.exit.name: row.macs_to_here for row in priced.exits} | {"main": priced.answer.macs}

    def tick(done: int) -> None:
        listener.progress(Progress(what="scoring", done=done, total=len(scored)))

    found = predict_all_exits(
        classifier.model, scored.pixels, classifier.card.preprocessing, tick=tick
    )
    rows = {
        name: Used(top_k(p, labels, 1), macs[name], float(name == "main"))
        for name, p in found.items()
    }
    return Found(found["main"], rows)


def used_exits(net: Net, given: Answers, labels: NDArray[np.int64]) -> dict[str, Used]:
    """How a policy used each exit that it computes."""
    macs = ExitMacs.of(cost(net))
    spent = dict(zip((*macs.names, "main"), macs.spent(given.names).tolist(), strict=True))
    rows = {}
    for number, name in enumerate(given.names):
        own = given.exits == number
        top1 = top_k(given.probabilities[own], labels[own], 1)
        rows[name] = Used(top1, spent[name], given.shares[name])
    return rows
