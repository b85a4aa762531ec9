"""`evaluate --exits`: choosing an exit policy, and what it saves on images that did not choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inceptionkit import records
from inceptionkit.data import DataAddress, open_dataset
from inceptionkit.data.loading.unkept import ScoredImages, ScoredPixels
from inceptionkit.derive import cost
from inceptionkit.errors import WeightsError
from inceptionkit.evaluation.classifier import Classifier, load
from inceptionkit.evaluation.confidence import Paired, paired
from inceptionkit.evaluation.early_exit import Policy, RunToTheEnd
from inceptionkit.evaluation.evaluate import Evaluation, ExitUse, exit_uses, score
from inceptionkit.evaluation.exits import tuning as tune
from inceptionkit.evaluation.exits.goals import Goal, MaxTop1Drop, is_met
from inceptionkit.evaluation.exits.promise import Choice, choose_policy
from inceptionkit.evaluation.exits.tuning import ExitStatistics, Point
from inceptionkit.evaluation.held_out import load_scored, tuning_and_test_samples
from inceptionkit.evaluation.inference import predict_all_exits, predict_with_early_exit
from inceptionkit.model import ExitPolicy, Gate, write_policy
from inceptionkit.model.exit_policy import Measure
from inceptionkit.progress import Listener, Silence
from inceptionkit.timing import TimingBudget, time_interleaved

_TIMED_IMAGES = 128  # images whose answers are timed together
_TIMED_ALONE = 32  # images that are timed one by one
_TURNS = TimingBudget(least=1, most=7, seconds=8.0)
_CURVE_POINTS = 16  # points of the curve that are kept, of those that were found
DEFAULT_GOAL = MaxTop1Drop(0.01)  # the goal unless another is given: a few hundred images do
DEFAULT_MEASURE: Measure = "probability"  # of confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyExit(ExitUse):
    """How a policy used one exit."""

    confidence: float | None  # from which it answers; None of main
    temperature: float
    ms: float  # an image, in a batch


@dataclass(frozen=True, slots=True, kw_only=True)
class MainCost:
    """Running every image to the end."""

    top1: float
    macs: int  # an image
    ms: float  # an image, in a batch
    ms_alone: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """The most that the exits could save: each image leaves at the first exit that is right."""

    top1: float
    mean_macs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Another policy, on the scored images and on those that chose."""

    top1: float
    mean_macs: float
    thresholds: Mapping[str, float | None]  # None where the exit is not computed
    tuning_top1: float
    tuning_mean_macs: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExitStudy:
    """A policy, and what it does on images that did not choose it."""

    evaluation: Evaluation
    goal: Goal
    policy: ExitPolicy
    exits: Mapping[str, PolicyExit]
    main: MainCost
    ms: float  # of an image, in a batch
    ms_alone: float
    against_main: Paired  # main is the first of the two
    kept: bool  # whether the goal is met on the scored images too
    oracle: Oracle
    curve: tuple[CurvePoint, ...]  # the cheapest first
    stored: Path | None  # the `model.json` that now holds the policy
    gains: NDArray[np.int64]  # (images,) 1 where the policy alone is right, -1 where main alone is

    def to_json(self) -> dict[str, Any]:
        """The keys that `evaluate --exits --json` promises."""
        hidden = {"evaluation", "goal", "stored", "gains"}
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in hidden}
        values["times_fewer_macs"] = self.main.macs / self.evaluation.mean_macs
        values["times_faster"] = self.main.ms / self.ms
        values["times_faster_alone"] = self.main.ms_alone / self.ms_alone
        return self.evaluation.to_json() | cast(dict[str, Any], records.to_json(values))


def evaluate_exits(
    model: str | Path,
    data: DataAddress,
    *,
    goal: Goal = DEFAULT_GOAL,
    measure: Measure = DEFAULT_MEASURE,
    store: bool = False,
    listener: Listener | None = None,
) -> ExitStudy:
    """Choose an exit policy on some images and measure it on others.

    Args:
        model: folder of a model or of a run.
        data: labeled images. Val chooses and test scores; where there is one set alone, one half
            chooses and the other scores.
        goal: what the policy is wanted for, and at which confidence level it is promised.
        measure: of confidence.
        store: whether to keep the policy in the model's `model.json`; one that does not meet the
            goal on the scored images is not kept.
        listener: hears how far it is.

    Raises:
        WeightsError: there is no model, it has no exits, or there is no such measure.
        DataError: as `evaluate` raises.
        RecipeError: no policy can be promised to meet the goal; the message says what would do.
    """
    listener = listener or Silence()
    began = monotonic()
    ExitPolicy(measure=measure)  # refuses an unknown measure
    classifier = load(model)
    _need_exits(classifier, str(model))
    dataset = open_dataset(data)
    tuning, scoring = tuning_and_test_samples(classifier.card, dataset, listener)
    listener.say(f"choosing on {len(tuning.indices):,} images: {tuning.why}")
    chooser = load_scored(classifier.card, dataset, tuning, listener)
    architecture, how = classifier.card.architecture, classifier.card.preprocessing
    of_exits = predict_all_exits(classifier.model, chooser.pixels, how)
    choice = choose_policy(of_exits, chooser.labels.numpy(), cost(architecture), goal, measure)
    policy = replace(choice.policy, origin={**choice.policy.origin, "which": tuning.why})
    listener.say(f"scoring {len(scoring.indices):,} images: {scoring.why}")
    scored = load_scored(classifier.card, dataset, scoring, listener)
    labels = scored.labels.numpy()
    early = predict_with_early_exit(classifier.model, scored.pixels, how, policy)
    late = predict_with_early_exit(classifier.model, scored.pixels, how, RunToTheEnd())
    right = early.probabilities.argmax(1) == labels
    main_right = late.probabilities.argmax(1) == labels
    statistics = tune.collect(
        predict_all_exits(classifier.model, scored.pixels, how),
        labels,
        cost(architecture),
        measure,
        choice.statistics.temperatures,
    )
    ms, ms_alone = milliseconds(classifier, scored, policy)
    exits = _policy_exits(exit_uses(architecture, early, labels), policy, ms)
    mean_macs = sum(use.macs * use.share for use in exits.values())
    main_top1 = float(main_right.mean())
    kept = is_met(goal, top1=float(right.mean()), mean_macs=mean_macs, main_top1=main_top1)
    best = tune.oracle(statistics)
    return ExitStudy(
        evaluation=Evaluation(
            scores=score(early.probabilities, labels, classifier.card.classes),
            which=scoring.why,
            unusable=len(scoring.indices) - len(scored),
            exits=exits,
            mean_macs=mean_macs,
            seconds=monotonic() - began,
        ),
        goal=goal,
        policy=policy,
        exits=exits,
        main=MainCost(
            top1=main_top1,
            macs=cost(architecture).without_exits.macs,
            ms=ms["main"],
            ms_alone=ms_alone["main"],
        ),
        ms=ms["policy"],
        ms_alone=ms_alone["policy"],
        against_main=paired(main_right, right),
        kept=kept,
        oracle=Oracle(top1=best.top1, mean_macs=best.mean_macs),
        curve=curve(choice, statistics),
        stored=write_policy(Path(model), policy) if store and kept else None,
        gains=right.astype(np.int64) - main_right.astype(np.int64),
    )


def _need_exits(classifier: Classifier, model: str) -> None:
    """Refuse a network that can only run to the end.

    Raises:
        WeightsError: it has no exits.
    """
    if not classifier.card.architecture.exits:
        msg = (
            f"{model}: its network has no exits; train one with `inceptionkit train --exits BLOCK`"
        )
        raise WeightsError(msg)


def _policy_exits(
    uses: Mapping[str, ExitUse], policy: ExitPolicy, ms: Mapping[str, float]
) -> dict[str, PolicyExit]:
    """Add each exit's threshold, temperature and time to its use."""
    gates = {gate.exit: gate for gate in policy.gates}
    return {
        name: PolicyExit(
            **asdict(use),
            confidence=gates[name].confidence if name in gates else None,
            temperature=gates[name].temperature if name in gates else policy.temperature,
            ms=ms[name],
        )
        for name, use in uses.items()
    }


def milliseconds(
    classifier: Classifier, scored: ScoredImages, policy: ExitPolicy
) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds an image of the policy, of each exit, and of main: in a batch, and alone."""
    policies: dict[str, Policy] = {"policy": policy, "main": RunToTheEnd()}
    for gate in policy.gates:
        policies[gate.exit] = ExitPolicy(gates=(Gate(exit=gate.exit, confidence=0.0),))
    together = timed(
        classifier, spread(scored.pixels, _TIMED_IMAGES), policies, batch=_TIMED_IMAGES
    )
    two = {name: policies[name] for name in ("policy", "main")}
    return together, timed(classifier, spread(scored.pixels, _TIMED_ALONE), two, batch=1)


def timed(
    classifier: Classifier, pixels: Tensor, policies: dict[str, Policy], batch: int
) -> dict[str, float]:
    """Milliseconds an image of each policy."""
    how = classifier.card.preprocessing

    def run(policy: Policy) -> None:
        predict_with_early_exit(classifier.model, pixels, how, policy, batch=batch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    seconds = time_interleaved({name: partial(run, policies[name]) for name in policies}, _TURNS)
    return {name: 1e3 * median(each) / len(pixels) for name, each in seconds.items()}


def spread(pixels: ScoredPixels, most: int) -> Tensor:
    """At most so many images, from all over the set: it may be sorted by class."""
    step = -(-len(pixels) // most)
    return torch.cat(list(pixels[::step].split(most)))


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most `_CURVE_POINTS` points, first and last among them, evenly far in cost."""
    if len(points) <= _CURVE_POINTS:
        return list(points)
    low, high = points[0].mean_macs, points[-1].mean_macs
    kept = [points[0]]
    for number in range(1, _CURVE_POINTS):
        wanted = low + (high - low) * number / (_CURVE_POINTS - 1)
        nearest = min(points, key=lambda p: abs(p.mean_macs - wanted))
        if nearest is not kept[-1]:
            kept.append(nearest)
    return kept


def curve(choice: Choice, statistics: ExitStatistics) -> tuple[CurvePoint, ...]:
    """What the policies of the frontier do on the scored images."""
    points = []
    for point in thinned(tune.frontier(choice.statistics)):
        here = tune.outcome(statistics, point.thresholds)
        points.append(
            CurvePoint(
                top1=here.top1,
                mean_macs=here.mean_macs,
                thresholds=dict(zip(statistics.macs.names, point.thresholds, strict=True)),
                tuning_top1=point.top1,
                tuning_mean_macs=point.mean_macs,
            )
        )
    return tuple(sorted(points, key=lambda point: (point.mean_macs, point.top1)))
