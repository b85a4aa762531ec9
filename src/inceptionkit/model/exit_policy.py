"""An exit policy as data: saved with the model, and followed by whatever runs it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from inceptionkit.errors import WeightsError, did_you_mean
from inceptionkit.spec import Net, ordered_exits

Measure: TypeAlias = Literal["probability", "margin", "entropy"]
"""What counts as confidence: the largest probability; its lead over the second largest; or 1 minus
the entropy, relative to that of a uniform guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """When one exit answers."""

    exit: str
    confidence: float  # from which on it answers, 0 to 1, by the policy's measure
    temperature: float = 1.0  # its scores are divided by this before they become probabilities

    def __post_init__(self) -> None:
        if not 0.0 <= self.confidence <= 1.0:
            msg = f"exit {self.exit!r}: confidence must lie between 0 and 1, got {self.confidence}"
            raise WeightsError(msg)
        _check_temperature(f"exit {self.exit!r}", self.temperature)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPolicy:
    """Answer at the first exit that is confident enough; an exit without a gate is not computed."""

    measure: Measure = "probability"
    gates: tuple[Gate, ...] = ()  # in trunk order
    temperature: float = 1.0  # of main
    origin: Mapping[str, Any] = field(default_factory=dict)  # how it was chosen, in JSON types

    def __post_init__(self) -> None:
        measures = get_args(Measure)
        if self.measure not in measures:
            hint = did_you_mean(self.measure, measures)
            msg = f"exit policy: no measure {self.measure!r}; {hint}"
            raise WeightsError(msg)
        _check_temperature("main", self.temperature)
        names = [gate.exit for gate in self.gates]
        if len(set(names)) < len(names):
            msg = f"an exit has two gates, got {', '.join(names)}"
            raise WeightsError(msg)

    def check(self, net: Net) -> None:
        """Refuse exits that `net` has not.

        Raises:
            WeightsError: it lacks one, or has them in another order.
        """
        known = [exit_.name for exit_ in ordered_exits(net)]
        for gate in self.gates:
            if gate.exit not in known:
                hint = did_you_mean(gate.exit, known)
                msg = f"exit policy: {net.name} has no exit {gate.exit!r}; {hint}"
                raise WeightsError(msg)
        if sorted(self.gates, key=lambda gate: known.index(gate.exit)) != list(self.gates):
            msg = f"exit policy: gates must be in the order of the trunk, {', '.join(known)}"
            raise WeightsError(msg)


def _check_temperature(at: str, temperature: float) -> None:
    if not (math.isfinite(temperature) and temperature > 0):
        msg = f"{at}: temperature must be a number above 0, got {temperature!r}"
        raise WeightsError(msg)
