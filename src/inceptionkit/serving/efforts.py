"""How much of a network answers: all of it, as the exit policy says, or up to the first exit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from inceptionkit.evaluation.early_exit import StopWhenSure, gated
from inceptionkit.evaluation.predictor import Predictor, run_stages
from inceptionkit.model import Card, ExitPolicy, Gate
from inceptionkit.spec import ordered_exits
from inceptionkit.timing import TimingBudget, time_interleaved

EffortName: TypeAlias = Literal["fast", "balanced", "full"]
EFFORTS: tuple[EffortName, ...] = get_args(EffortName)
_SURE = 0.9  # confidence that stops where no policy is stored
_STORED = "stored policy"  # beside the names of exits
_TIMING = TimingBudget(least=5, most=5)


@dataclass(frozen=True, slots=True, eq=False)
class Effort:
    """Where a network may stop.

    Attributes:
        policy: when; None for never.
        seconds: that one image takes which no exit before the last of them answers, alone.
    """

    policy: ExitPolicy | None
    seconds: float = 0.0

    @property
    def exits(self) -> tuple[str, ...]:
        """Where the network is cut."""
        return tuple(gate.exit for gate in self.policy.gates) if self.policy else ()


@dataclass(frozen=True, slots=True)
class Efforts:
    """What a model can be asked for.

    Attributes:
        named: by name; a model without exits has the same one under each.
        at: one that stops at each exit, and at "main", for requests with a time limit.
    """

    named: Mapping[EffortName, Effort]
    at: Mapping[str, Effort]

    def within(self, seconds: float) -> Effort:
        """The effort that goes furthest within a time; the first exit if none does."""
        ordered = list(self.at.values())
        return next((e for e in reversed(ordered) if e.seconds <= seconds), ordered[0])


@dataclass(frozen=True, slots=True, eq=False)
class Deadline:
    """A moment until which an image is to be answered: how far the network goes is decided late.

    Attributes:
        efforts: of the model.
        until: the moment, by `perf_counter`.
    """

    efforts: Efforts
    until: float

    def effort(self, images: int = 1) -> Effort:
        """What can be answered in the time that is left.

        Args:
            images: that are run at once, each of which is supposed to take as long as one alone.
        """
        return self.efforts.within((self.until - perf_counter()) / images)


def efforts_of(predictor: Predictor, timed: Efforts | None = None) -> Efforts:
    """Cut the network for every effort, and time each: what comes later starts warm.

    Args:
        predictor: the model.
        timed: of a model that takes as long, whose times are taken; None to time this one.

    Raises:
        DeploymentError: the engine cannot run it.
    """
    exits = exits_of(predictor.card)
    at = {name: ExitPolicy(gates=(Gate(exit=name, confidence=0.0),)) for name in exits}
    policies: dict[str, ExitPolicy | None] = {**at, "main": None}
    policies[_STORED] = _stored(predictor.card) if exits else None
    image, several = grey(predictor), min(2, predictor.batch)
    runs = {}
    for name, policy in policies.items():
        stages = predictor.stages(Effort(policy).exits)
        never = None if name == _STORED else policy  # the longest that it takes
        run_stages(stages, np.repeat(image, several, axis=0), never)  # engines compile for batches
        runs[name] = partial(run_stages, stages, image, never)
    run_every_exit(predictor, np.repeat(image, several, axis=0))
    if timed is None:
        seconds = {name: median(took) for name, took in time_interleaved(runs, _TIMING).items()}
    else:
        every = {**timed.at, _STORED: timed.named["balanced"]}
        seconds = {name: effort.seconds for name, effort in every.items()}
    made = {name: Effort(policies[name], seconds[name]) for name in policies}
    balanced = made.pop(_STORED)
    named: dict[EffortName, Effort] = {
        "fast": made[exits[0] if exits else "main"],
        "balanced": balanced if exits else made["main"],
        "full": made["main"],
    }
    return Efforts(named, made)


def exits_of(card: Card) -> tuple[str, ...]:
    """The exits that can answer, in the order of the trunk: an export may have none of them."""
    every = tuple(exit_.name for exit_ in ordered_exits(card.architecture))
    cut = every if card.exported is None else card.exported.stages
    return tuple(name for name in every if name in cut)


def _stored(card: Card) -> ExitPolicy:
    return card.exit_policy or gated(StopWhenSure(_SURE), card.architecture)


def grey(predictor: Predictor) -> NDArray[np.uint8]:
    """One image, to time a network with: (1, height, width, 3)."""
    size = predictor.card.preprocessing.size
    return predictor.prepare(np.full((size, size, 3), 127, np.uint8))[None]


@dataclass(frozen=True, slots=True)
class ExitAnswer:
    """What one classifier says of one image.

    Attributes:
        exit: its name; "main" for the last.
        probabilities: (classes,).
        ms: from the beginning of the network to it; of several images at once, the share of each.
    """

    exit: str
    probabilities: NDArray[np.float32]
    ms: float


def run_effort(
    predictor: Predictor, images: NDArray[np.uint8], effort: Effort
) -> list[tuple[ExitAnswer, ...]]:
    """Answer a batch: for each image the one classifier that answered."""
    start = perf_counter()
    stages = predictor.stages(effort.exits)
    names = list(stages)
    probabilities, numbers = run_stages(stages, images, effort.policy)
    ms = 1e3 * (perf_counter() - start) / len(images)
    return [
        (ExitAnswer(names[number], row, ms),)
        for row, number in zip(probabilities, numbers.tolist(), strict=True)
    ]


def run_every_exit(predictor: Predictor, images: NDArray[np.uint8]) -> list[tuple[ExitAnswer, ...]]:
    """Answer a batch with every classifier, in the order of the trunk, "main" last."""
    exits = exits_of(predictor.card)
    policy = predictor.card.exit_policy or ExitPolicy()
    temperatures = {gate.exit: gate.temperature for gate in policy.gates}
    temperatures["main"] = policy.temperature
    start, x, found = perf_counter(), images, []
    features: Any = x
    for name, run in predictor.stages(exits).items():
        probabilities, features = run(features, temperatures.get(name, 1.0))
        ms = 1e3 * (perf_counter() - start) / len(images)
        found.append([ExitAnswer(name, row, ms) for row in probabilities])
    return list(zip(*found, strict=True))
