"""How a run computes, and how fast that was measured to be; a record is read without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_BF16_SPEEDUP = 1.1  # bf16 rounds: it must be this much faster than the best fp32

Precision = Literal["fp32", "bf16", "fp16", "fp64"]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Pinned in run.json: a resumed run computes the same way or not at all."""

    precision: Precision = "fp32"
    channels_last: bool = True
    device: str = "cpu"
    threads: int = 1

    def __str__(self) -> str:
        layout = "channels_last" if self.channels_last else "channels_first"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.precision}, {layout}" + ("" if self.device != "cpu" else f", {threads}")


@dataclass(frozen=True, slots=True)
class Trial:
    """What the probe measured for one candidate."""

    execution: Execution
    step_seconds: float  # median of a step

    def __str__(self) -> str:
        return f"{self.execution} {1e3 * self.step_seconds:.0f} ms"


def fastest(trials: Sequence[Trial]) -> Trial:
    """The fastest; bf16 only where it is clearly faster than fp32."""
    seconds = [
        trial.step_seconds * (_BF16_SPEEDUP if trial.execution.precision == "bf16" else 1.0)
        for trial in trials
    ]
    return trials[seconds.index(min(seconds))]


def describe(execution: Execution | None, probe: Sequence[Trial]) -> str:
    """How a run computes and why, in words."""
    tried = "; ".join(map(str, probe))
    return f"precision: {execution or 'not chosen yet'} (time per step: {tried})"
