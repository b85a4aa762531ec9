"""Images into rows of a table: what a model says of each, or why it cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from inceptionkit.evaluation.early_exit import AnyPolicy, gated, of_model
from inceptionkit.evaluation.predictor import Pixels, Predictor, Stages, run_stages
from inceptionkit.model import ExitPolicy
from inceptionkit.preprocess import UnusableImage, as_rgb

ANSWER_COLUMNS = ("label", "probability", "exit", "error")

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowMaker:
    """A model that is run as an exit policy says.

    Attributes:
        predictor: the model.
        policy: when to stop at an exit; never if None.
        stages: the network, cut where the policy may stop.
    """

    predictor: Predictor
    policy: ExitPolicy | None
    stages: Stages

    def prepare(self, image: object) -> Pixels | str:
        """An image as the network takes it, or why it cannot be used.

        Args:
            image: as `as_rgb` takes it.
        """
        try:
            depth = self.predictor.card.preprocessing.depth
            return self.predictor.prepare(as_rgb(image, depth))
        except UnusableImage as error:
            return error.reason

    def rows(self, prepared: Sequence[Pixels | str]) -> list[Row]:
        """A row for each image, all run at once.

        Args:
            prepared: what `prepare` gave.

        Raises:
            WeightsError: the model gives no number.
        """
        usable = [one for one in prepared if not isinstance(one, str)]
        answers = iter(self._answers(usable))
        return [_row(error=one) if isinstance(one, str) else next(answers) for one in prepared]

    def _answers(self, images: Sequence[Pixels]) -> list[Row]:
        if not images:
            return []
        names, classes = list(self.stages), self.predictor.card.classes
        probabilities, numbers = run_stages(self.stages, np.stack(images), self.policy)
        best = probabilities.argmax(axis=1).tolist()
        return [
            _row(label=classes[i], probability=float(shares[i]), exit=names[number])
            for i, shares, number in zip(best, probabilities, numbers.tolist(), strict=True)
        ]


def row_maker(predictor: Predictor, policy: AnyPolicy | None, where: str) -> RowMaker:
    """Cut a network where a policy may stop.

    Args:
        predictor: the model.
        policy: when to stop at an exit; never if None.
        where: the model lies, for messages.

    Raises:
        RecipeError: the stored policy is asked for, and the model has none.
    """
    rules = gated(of_model(policy, predictor.card, where), predictor.card.architecture)
    exits = tuple(gate.exit for gate in rules.gates)
    return RowMaker(predictor, rules if exits else None, predictor.stages(exits))


def _row(**found: Any) -> Row:  # noqa: ANN401 - of a table
    return dict.fromkeys(ANSWER_COLUMNS) | found
