"""When to stop at an exit, and the work it costs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.derive import NetCost
from inceptionkit.errors import RecipeError
from inceptionkit.model import Card, ExitPolicy, Gate
from inceptionkit.model.exit_policy import Measure
from inceptionkit.spec import Net, ordered_exits

_TINY = np.float32(1e-30)  # a probability below it adds nothing to an entropy


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


def parse_early_exit(policy: AnyPolicy | str | float | None) -> AnyPolicy | None:
    """Read when to stop at an exit: a policy, "stored", a confidence, or None for never.

    >>> parse_early_exit("0.9"), parse_early_exit("stored")
    (StopWhenSure(probability=0.9), StopAsStored())

    Raises:
        RecipeError: it is none of these.
    """
    if policy == "stored":
        return StopAsStored()
    if isinstance(policy, str | int | float):
        try:
            return StopWhenSure(float(policy))
        except ValueError:
            msg = f"--early-exit takes a probability from 0 to 1, or nothing, got {policy!r}"
            raise RecipeError(msg) from None
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
            entropy = -(probabilities * np.log(np.maximum(probabilities, _TINY))).sum(1)
            blind = np.log(probabilities.shape[1])
            return np.asarray(np.clip(1 - entropy / blind, 0.0, 1.0), np.float32)


def exit_index(
    confidences: NDArray[np.floating], thresholds: Sequence[float | None]
) -> NDArray[np.int64]:
    """Number of the exit that answers each image by the same rule; main's is the last.

    Args:
        confidences: (exits, images), in trunk order.
        thresholds: of each exit; None where it is not computed.
    """
    found = np.full(confidences.shape[1], len(thresholds))
    for number, threshold in reversed([*enumerate(thresholds)]):
        if threshold is not None:
            found[confidences[number] >= threshold] = number
    return found


@dataclass(frozen=True, slots=True, eq=False)
class ExitMacs:
    """Where the MACs of a network lie, for an image that leaves early."""

    names: tuple[str, ...]  # of the exits in trunk order
    reach: NDArray[np.int64]  # (exits + 1,) to get there, no exit's head counted
    head: NDArray[np.int64]  # (exits + 1,) of each exit's head; main's counts in `reach`

    @classmethod
    def of(cls, net_cost: NetCost) -> ExitMacs:
        """Those of a network."""
        heads = [row.own.macs for row in net_cost.exits]
        whole = [row.macs_to_here for row in net_cost.exits]
        return cls(
            names=tuple(row.exit.name for row in net_cost.exits),
            reach=np.array([*np.subtract(whole, heads), net_cost.without_exits.macs], np.int64),
            head=np.array([*heads, 0], np.int64),
        )

    def spent(self, computed: Collection[str] | None = None) -> NDArray[np.int64]:
        """(exits + 1,) MACs of an image that leaves there: the heads that it passes are counted.

        Args:
            computed: exits whose heads are computed on the way; all if None.
        """
        counts = [computed is None or name in computed for name in (*self.names, "main")]
        total: NDArray[np.int64] = self.reach + np.cumsum(self.head * counts)
        return total
