"""When to stop at an exit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.errors import RecipeError
from inceptionkit.model import Card, ExitPolicy, Gate
from inceptionkit.model.exit_policy import Measure
from inceptionkit.spec import Net, ordered_exits

TINY = np.float32(1e-30)  # a probability below it adds nothing to an entropy


@dataclass(frozen=True, slots=True)
class RunToTheEnd:
    """Always answer with the main classifier."""


@dataclass(frozen=True, slots=True)
class StopWhenSure:
    """Answer with the first exit whose best class has at least this probability."""

    probability: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:
            msg = f"an exit's probability must lie between 0 and 1, got {self.probability:g}"
            raise RecipeError(msg)


@dataclass(frozen=True, slots=True)
class StopAsStored:
    """Follow the exit policy that is stored with the model."""


Policy: TypeAlias = RunToTheEnd | StopWhenSure | ExitPolicy
AnyPolicy: TypeAlias = Policy | StopAsStored


def of_model(policy: AnyPolicy | None, card: Card, where: str = "the model") -> Policy:
    """What is asked of a model: nothing means to run to the end.

    Raises:
        RecipeError: the stored policy is asked for and there is none.
    """
    match policy:
        case None:
            return RunToTheEnd()
        case StopAsStored():
            if card.exit_policy is None:
                msg = (
                    f"{where}: no exit policy is stored with it; choose one with "
                    "`inceptionkit evaluate MODEL DATA --exits --store`, or give a probability"
                )
                raise RecipeError(msg)
            return card.exit_policy
        case _:
            return policy


def gated(policy: Policy, net: Net) -> ExitPolicy:
    """Any policy as gates of the exits of `net`.

    Raises:
        WeightsError: `net` lacks an exit that the policy names.
    """
    match policy:
        case RunToTheEnd():
            return ExitPolicy()
        case StopWhenSure(enough):
            gates = (Gate(exit=e.name, confidence=enough) for e in ordered_exits(net))
            return ExitPolicy(gates=tuple(gates))
        case ExitPolicy():
            policy.check(net)
            return policy


def confidence(probabilities: NDArray[np.float32], measure: Measure) -> NDArray[np.float32]:
    """How sure each answer is, from 0 to 1.

    Args:
        probabilities: (images, classes).
        measure: what sure means; entropy is that of BranchyNet, turned so that 1 is certain.

    Returns:
        (images,)

    Sources:
        Teerapittayanon et al. 2016, arXiv:1709.01686, section 3.3 (entropy).
    """
    match measure:
        case "probability":
            return np.asarray(probabilities.max(1), np.float32)
        case "margin":
            second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
            return np.asarray(first - second, np.float32)
        case "entropy":
            entropy = -(probabilities * np.log(np.maximum(probabilities, TINY))).sum(1)
            blind = np.log(probabilities.shape[1])
            return np.asarray(np.clip(1 - entropy / blind, 0.0, 1.0), np.float32)
