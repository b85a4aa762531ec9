"""`evaluate --exits`: choosing an exit policy, and what it saves on images that did not choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit import records
from inceptionkit.data import open_dataset
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.derive import cost
from inceptionkit.errors import WeightsError
from inceptionkit.evaluation.classifier import Classifier, load
from inceptionkit.evaluation.confidence import paired
from inceptionkit.evaluation.early_exit import Policy, RunToTheEnd
from inceptionkit.evaluation.evaluate import Evaluation, evaluation, quality, used_exits
from inceptionkit.evaluation.exits import tuning as tune
from inceptionkit.evaluation.exits.goals import Goal, Lose, choose
from inceptionkit.evaluation.exits.tuning import Judged, Point
from inceptionkit.evaluation.held_out import choosing_samples, load_scored
from inceptionkit.evaluation.inference import Answers, predict_all_exits, predict_with_early_exit
from inceptionkit.model import ExitPolicy, Gate, write_policy
from inceptionkit.model.exit_policy import Measure
from inceptionkit.progress import Listener, Silence
from inceptionkit.timing import TimingBudget, time_interleaved

TIMED = 128  # images whose answers are timed together
ALONE = 32  # images that are timed one by one
TURNS = TimingBudget(least=1, most=7, seconds=8.0)
CURVE = 16  # points of the curve that are kept, of those that were found
CAUTIOUS = Lose(0.002)  # the goal unless another is given
SURE: Measure = "probability"  # what sure means unless it is said


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExitStudy:
    """A policy, and what it does."""

    evaluation: Evaluation  # of the policy, on images that did not choose it
    policy: ExitPolicy
    stored: Path | None  # the `model.json` that now holds it
    gains: NDArray[np.int64]  # (images,) 1 where the policy alone is right, -1 where main alone is


def evaluate_exits(
    model: str | Path,
    data: str | Path,
    *,
    goal: Goal = CAUTIOUS,
    measure: Measure = SURE,
    store: bool = False,
    listener: Listener | None = None,
) -> ExitStudy:
    """Choose an exit policy on some images and measure it on others.

    Args:
        model: folder of a model or of a run.
        data: labelled images. Val chooses and test scores; where there is one set alone, one half
            chooses and the other scores.
        goal: what the policy is wanted for.
        measure: what sure means.
        store: whether to keep the policy in the model's `model.json`.
        listener: hears how far it is.

    Raises:
        WeightsError: there is no model, it has no exits, or there is no such measure.
        DataError: as `evaluate` raises.
        RecipeError: no policy meets the goal; the best there is is told.
    """
    listener = listener or Silence()
    began = monotonic()
    sure = ExitPolicy(measure=measure).measure  # refuses a measure that there is not
    classifier = load(model)
    need_exits(classifier, str(model))
    dataset = open_dataset(data)
    choosing, scoring = choosing_samples(classifier.card, dataset)
    listener.say(f"choosing on {len(choosing.indices):,} images: {choosing.why}")
    chooser = load_scored(classifier.card, dataset, choosing, listener)
    choice = chosen(heard(classifier, chooser, sure), goal, sure, choosing.why)
    listener.say(f"scoring {len(scoring.indices):,} images: {scoring.why}")
    scored = load_scored(classifier.card, dataset, scoring, listener)
    result = {
        "images": len(scored),
        "which": scoring.why,
        "unusable": len(scoring.indices) - len(scored),
    }
    labels, how = scored.labels.numpy(), classifier.card.preprocessing
    early = predict_with_early_exit(classifier.model, scored.pixels, how, choice.policy)
    late = predict_with_early_exit(classifier.model, scored.pixels, how, RunToTheEnd())
    result |= quality(early.probabilities, labels)
    result |= savings(classifier, scored, choice.policy, early)
    result |= against_main(early, late, labels)
    result |= curve(choice, heard(classifier, scored, sure, choice.temperatures))
    result |= {"policy": records.to_json(choice.policy), "seconds": monotonic() - began}
    return ExitStudy(
        evaluation=evaluation(result, early.probabilities, labels, classifier.card.classes),
        policy=choice.policy,
        stored=write_policy(Path(model), choice.policy) if store else None,
        gains=gains(early, late, labels),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A policy, and what there was to choose from."""

    policy: ExitPolicy
    points: tuple[Point, ...]  # the cheapest first
    temperatures: tuple[float, ...]  # of all exits and main, whether the policy uses them or not


def chosen(judged: Judged, goal: Goal, measure: Measure, which: str) -> Choice:
    """Choose the policy that meets a goal best.

    Args:
        judged: what every exit says of the images that choose.
        goal: what is wanted.
        measure: that `judged` was made with.
        which: what images these are, for the policy's origin.

    Raises:
        RecipeError: no policy meets the goal.
    """
    points = tune.frontier(judged)
    main = tune.outcome(judged, (None,) * len(judged.macs.names))
    best = choose(points, goal, main)
    origin = {
        "goal": {type(goal).__name__: next(iter(asdict(goal).values()))},
        "which": which,
        "images": judged.right.shape[1],
        "top1": best.top1,
        "expected_top1": best.expected,
        "mean_macs": best.mean_macs,
        "main_top1": main.top1,
    }
    policy = replace(tune.policy(judged, best, measure), origin=origin)
    return Choice(policy=policy, points=points, temperatures=judged.temperatures)


def need_exits(classifier: Classifier, model: str) -> None:
    """Refuse a network that can only run to the end.

    Raises:
        WeightsError: it has no exits.
    """
    if not classifier.card.architecture.exits:
        msg = (
            f"{model}: its network has no exits; train one with `inceptionkit train --exits BLOCK`"
        )
        raise WeightsError(msg)


def heard(
    classifier: Classifier,
    images: Images,
    measure: Measure,
    temperatures: Sequence[float] | None = None,
) -> Judged:
    """What every exit says of some images."""
    found = predict_all_exits(classifier.model, images.pixels, classifier.card.preprocessing)
    priced = cost(classifier.card.architecture)
    return tune.judge(found, images.labels.numpy(), priced, measure, temperatures)


def gains(early: Answers, late: Answers, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(images,) 1 where the policy alone is right, -1 where main alone is, else 0."""
    right = [(found.probabilities.argmax(1) == labels).astype(np.int64) for found in (early, late)]
    difference: NDArray[np.int64] = right[0] - right[1]
    return difference


def against_main(early: Answers, late: Answers, labels: NDArray[np.int64]) -> dict[str, Any]:
    """The policy beside main, image by image."""
    first, second = (found.probabilities.argmax(1) == labels for found in (late, early))
    return {"main_top1": float(first.mean()), "against_main": asdict(paired(first, second))}


def savings(
    classifier: Classifier, scored: Images, policy: ExitPolicy, early: Answers
) -> dict[str, Any]:
    """Where images leave, and what a policy spends beside main: work and measured time."""
    net, labels = classifier.card.architecture, scored.labels.numpy()
    ms, alone = milliseconds(classifier, scored, policy)
    gates = {gate.exit: gate for gate in policy.gates}
    rows = used_exits(net, early, labels)
    macs = cost(net).answer.macs
    mean_macs = sum(row.macs * row.share for row in rows.values())
    return {
        "exits": {
            name: asdict(row)
            | {
                "ms": ms[name],
                "confidence": gates[name].confidence if name in gates else None,
                "temperature": gates[name].temperature if name in gates else policy.temperature,
            }
            for name, row in rows.items()
        },
        "mean_macs": mean_macs,
        "times_fewer_macs": macs / mean_macs,
        "ms": ms["policy"],
        "ms_alone": alone["policy"],
        "times_faster": ms["main"] / ms["policy"],
        "times_faster_alone": alone["main"] / alone["policy"],
        "main": {"macs": macs, "ms": ms["main"], "ms_alone": alone["main"]},
    }


def milliseconds(
    classifier: Classifier, scored: Images, policy: ExitPolicy
) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds an image of the policy, of each exit, and of main: in a batch, and alone."""
    ways: dict[str, Policy] = {"policy": policy, "main": RunToTheEnd()}
    for gate in policy.gates:
        ways[gate.exit] = ExitPolicy(gates=(Gate(exit=gate.exit, confidence=0.0),))
    together = timed(classifier, spread(scored.pixels, TIMED), ways, batch=TIMED)
    two = {name: ways[name] for name in ("policy", "main")}
    return together, timed(classifier, spread(scored.pixels, ALONE), two, batch=1)


def timed(
    classifier: Classifier, pixels: Tensor, ways: dict[str, Policy], batch: int
) -> dict[str, float]:
    """Milliseconds an image of each way."""
    how = classifier.card.preprocessing

    def answered(way: Policy) -> None:
        predict_with_early_exit(classifier.model, pixels, how, way, batch=batch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    seconds = time_interleaved({name: partial(answered, ways[name]) for name in ways}, TURNS)
    return {name: 1e3 * median(each) / len(pixels) for name, each in seconds.items()}


def spread(pixels: Tensor, most: int) -> Tensor:
    """At most so many images, from all over the set: it may be sorted by class."""
    step = -(-len(pixels) // most)
    return pixels[::step]


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most `CURVE` points, the first and the last among them, about evenly far in cost."""
    if len(points) <= CURVE:
        return list(points)
    low, high = points[0].mean_macs, points[-1].mean_macs
    kept = [points[0]]
    for number in range(1, CURVE):
        wanted = low + (high - low) * number / (CURVE - 1)
        nearest = min(points, key=lambda p: abs(p.mean_macs - wanted))
        if nearest is not kept[-1]:
            kept.append(nearest)
    return kept


def curve(choice: Choice, judged: Judged) -> dict[str, Any]:
    """What the policies of the frontier do on the scored images, and the most that is possible."""
    best = tune.bound(judged)
    rows: list[dict[str, Any]] = []
    for point in thinned(choice.points):
        found = tune.outcome(judged, point.thresholds)
        rows.append(
            {
                "top1": found.top1,
                "mean_macs": found.mean_macs,
                "thresholds": dict(zip(judged.macs.names, point.thresholds, strict=True)),
                "chosen_on": {"top1": point.top1, "mean_macs": point.mean_macs},
            }
        )
    rows.sort(key=lambda row: (row["mean_macs"], row["top1"]))
    return {"bound": {"top1": best.top1, "mean_macs": best.mean_macs}, "curve": rows}
