"""When to stop at an exit."""

from __future__ import annotations

from dataclasses import dataclass

from inception.errors import RecipeError


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


Policy = RunToTheEnd | StopWhenSure
