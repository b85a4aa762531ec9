"""A model run by an engine: stage after stage, only as far as an image needs. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.engines import Engine
from inceptionkit.deployment.graph import ONWARD, PROBABILITIES
from inceptionkit.deployment.resize import resizable
from inceptionkit.evaluation.calibration import tempered
from inceptionkit.evaluation.early_exit import Policy, gated, run_stages
from inceptionkit.evaluation.predictor import Predictor
from inceptionkit.model import Card

Stages: TypeAlias = Mapping[str, Engine]  # exit, or "main" -> from the stage before up to there
Cut: TypeAlias = Callable[[tuple[str, ...]], Stages]  # the stages that end at these exits, and main


class Deployed(Predictor):
    """A model in an engine.

    Attributes:
        card: what the model folder says of it.
        cut: gives the stages for the exits that a policy uses.
    """

    def __init__(self, card: Card, cut: Cut, batch: int = 1) -> None:
        super().__init__(card, batch)
        self.cut = cut

    def prepare(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the graph takes; one that resizes by itself takes images of any size.

        Raises:
            UnusableImage: it cannot resize one with such sides.
        """
        exported = self.card.exported
        if exported is None or exported.resize is None:
            return super().prepare(pixels)
        return resizable(pixels, self.card.preprocessing)

    def answers(
        self, fitted: NDArray[np.uint8], policy: Policy
    ) -> tuple[NDArray[np.float32], Sequence[str]]:
        """Answer each image of a batch; what lies beyond its exit does not run for it.

        Args:
            fitted: (batch, height, width, 3), as `prepare` leaves them.
            policy: when to stop at an exit.

        Returns:
            (batch, classes), and who answered each: an exit, or "main".

        Raises:
            DeploymentError: the policy uses an exit at which the exported model is not cut.
        """
        rules = gated(policy, self.card.architecture)
        stages = self.cut(tuple(gate.exit for gate in rules.gates))
        runs = {name: partial(_scored, engine) for name, engine in stages.items()}
        found, numbers = run_stages(runs, fitted, rules, lambda x, kept: x[kept])
        names = list(runs)
        return found, [names[number] for number in numbers]

    def every_stage(self, fitted: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Probabilities (batch, classes) that the classifier of each stage gives every image."""
        found: dict[str, NDArray[np.float32]] = {}
        x: NDArray[Any] = fitted
        for name, stage in self.cut(()).items():
            results = stage(x)
            found[name], x = results[PROBABILITIES], results.get(ONWARD, x)
        return found


def _scored(
    engine: Engine, x: NDArray[Any], temperature: float
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    results = engine(x)
    return tempered(results[PROBABILITIES], temperature), results.get(ONWARD, x)
