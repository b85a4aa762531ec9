"""`evaluate`: a model on labeled images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from inceptionkit import records
from inceptionkit.data import DataAddress, open_dataset
from inceptionkit.data.loading.unkept import ScoredImages
from inceptionkit.derive import cost
from inceptionkit.evaluation.calibration import brier_score, calibration_error, reliability
from inceptionkit.evaluation.classifier import Classifier, load
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.evaluation.early_exit import AnyPolicy, ExitMacs, Policy, of_model
from inceptionkit.evaluation.figures import result_figure
from inceptionkit.evaluation.held_out import load_scored, test_samples
from inceptionkit.evaluation.inference import Answers, predict_all_exits, predict_with_early_exit
from inceptionkit.evaluation.metrics import (
    ClassScore,
    Confusion,
    class_scores,
    confusion,
    log_loss,
    top_k,
)
from inceptionkit.progress import Listener, Progress, Silence
from inceptionkit.results import table
from inceptionkit.spec import Net
from inceptionkit.text import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """How often answers are right, and how well they know it. Shares are from 0 to 1."""

    images: int
    top1: float
    top1_interval: tuple[float, float]  # of 95 %
    top5: float | None  # None with five classes or fewer
    log_loss: float  # nats
    brier: float
    calibration_error: float
    classes: tuple[ClassScore, ...]
    confusion: Confusion  # (classes, classes), rows true


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitUse:
    """How one exit was used."""

    top1: float | None  # of the images it answered; without a policy, of all
    macs: int  # spent on an image that it answers
    share: float  # of the images


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """What a model is worth on some images."""

    scores: Scores
    which: str  # images these are
    unusable: int  # images that could not be read
    exits: Mapping[str, ExitUse]  # trunk order, main last; empty where many crops are averaged
    mean_macs: float  # of an image
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The keys that `evaluate --json` promises."""
        parts = [(self.scores, f) for f in fields(Scores)] + [(self, f) for f in fields(self)]
        hidden = ("scores", "confusion")
        values = {f.name: getattr(of, f.name) for of, f in parts if f.name not in hidden}
        return cast(dict[str, Any], records.to_json(values))

    def table(self) -> str:
        """The classes, as HTML."""
        heads = ("class", "images", "precision", "recall", "F1")
        rows = (
            (r.name, f"{r.images:,}", *map(percent, (r.precision, r.recall, r.f1)))
            for r in self.scores.classes
        )
        top1 = f"top-1 {percent(self.scores.top1)} on {self.scores.images:,} images"
        return f"<p>{escape(top1)}</p>{table(heads, rows)}"

    def plot(self) -> Figure:
        """The confusion matrix.

        Raises:
            RunError: matplotlib is not installed.
        """
        names = [row.name for row in self.scores.classes]
        return result_figure((), self.scores.confusion, names)


def evaluate(
    model: str | Path,
    data: DataAddress,
    *,
    policy: AnyPolicy | None = None,
    listener: Listener | None = None,
) -> Evaluation:
    """Score a model on the test images of `data`; on all of them if it is not divided.

    Args:
        model: folder of a model or of a run.
        data: labeled images; their classes are matched to the model's by name.
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
    resolved = None if policy is None else of_model(policy, classifier.card, str(model))
    dataset = open_dataset(data)
    selection = test_samples([classifier.card], dataset, listener, keep=True)
    listener.say(f"scoring {len(selection.indices):,} images: {selection.why}")
    scored = load_scored(classifier.card, dataset, selection, listener)
    probabilities, exits = run(classifier, scored, resolved, listener)
    return Evaluation(
        scores=score(probabilities, scored.labels.numpy(), classifier.card.classes),
        which=selection.why,
        unusable=len(selection.indices) - len(scored),
        exits=exits,
        mean_macs=sum(used.macs * used.share for used in exits.values()),
        seconds=monotonic() - began,
    )


def score(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], classes: tuple[str, ...]
) -> Scores:
    """Score answers as a whole and class by class.

    Args:
        probabilities: (images, classes).
        labels: (images,) class numbers.
        classes: their names.

    Raises:
        DataError: there are no images.
    """
    matrix = confusion(probabilities.argmax(1), labels, len(classes))
    top1 = float(np.trace(matrix)) / max(1, len(labels))
    return Scores(
        images=len(labels),
        top1=top1,
        top1_interval=wilson(top1, len(labels)),
        top5=top_k(probabilities, labels, 5) if len(classes) > 5 else None,
        log_loss=cast(float, log_loss(probabilities, labels)),
        brier=cast(float, brier_score(probabilities, labels)),
        calibration_error=cast(float, calibration_error(reliability(probabilities, labels))),
        classes=class_scores(matrix, classes),
        confusion=matrix,
    )


def run(
    classifier: Classifier, scored: ScoredImages, policy: Policy | None, listener: Listener
) -> tuple[NDArray[np.float32], dict[str, ExitUse]]:
    """Run every exit on every image or, with a policy, each image only as far as it needs.

    Returns:
        (images, classes) probabilities of the answers, and the use of each exit.
    """
    labels, net = scored.labels.numpy(), classifier.card.architecture
    if policy is not None:
        early = predict_with_early_exit(
            classifier.model, scored.pixels, classifier.card.preprocessing, policy
        )
        return early.probabilities, exit_uses(net, early, labels)
    net_cost = cost(net)
    macs = {row.exit.name: row.macs_to_here for row in net_cost.exits}
    macs["main"] = net_cost.without_exits.macs

    def tick(done: int) -> None:
        listener.progress(Progress(what="scoring", done=done, total=len(scored)))

    of_exits = predict_all_exits(
        classifier.model, scored.pixels, classifier.card.preprocessing, tick=tick
    )
    return of_exits["main"], {
        name: ExitUse(top1=top_k(p, labels, 1), macs=macs[name], share=float(name == "main"))
        for name, p in of_exits.items()
    }


def exit_uses(net: Net, early: Answers, labels: NDArray[np.int64]) -> dict[str, ExitUse]:
    """How a policy used each exit that it computes."""
    macs = ExitMacs.of(cost(net))
    macs_at = dict(zip((*macs.names, "main"), macs.spent(early.names).tolist(), strict=True))
    uses = {}
    for number, name in enumerate(early.names):
        own = early.exits == number
        top1 = top_k(early.probabilities[own], labels[own], 1)
        uses[name] = ExitUse(top1=top1, macs=macs_at[name], share=early.shares[name])
    return uses
