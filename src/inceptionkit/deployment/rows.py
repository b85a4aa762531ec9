"""Images into rows of a table: what a model says of each, or why it cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from inceptionkit.evaluation.answer import UNSURE_BELOW
from inceptionkit.evaluation.early_exit import AnyPolicy, gated, of_model
from inceptionkit.evaluation.predictor import Pixels, Predictor, Stages, run_stages
from inceptionkit.model import ExitPolicy
from inceptionkit.preprocess import UnusableImage, as_rgb

Row: TypeAlias = dict[str, Any]


def answer_columns(top: int) -> tuple[str, ...]:
    """Columns of an answer with that many labels, the most probable first.

    >>> answer_columns(2)
    ('label', 'probability', 'label2', 'probability2', 'exit', 'unsure', 'error')
    """
    numbers = ["", *range(2, top + 1)]
    pairs = [(f"label{number}", f"probability{number}") for number in numbers]
    return (*(name for pair in pairs for name in pair), "exit", "unsure", "error")


ANSWER_COLUMNS = ("label", "probability", "exit", "error")
"""Columns of `inceptionkit.batch`, whose schema has no more."""


@dataclass(frozen=True, slots=True)
class RowMaker:
    """A model that is run as an exit policy says.

    Attributes:
        predictor: the model.
        policy: when to stop at an exit; never if None.
        stages: the network, cut where the policy may stop.
        top: labels of an answer.
        unsure_below: confidence below which an answer is unsure.
    """

    predictor: Predictor
    policy: ExitPolicy | None
    stages: Stages
    top: int = 1
    unsure_below: float = UNSURE_BELOW

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a row."""
        return answer_columns(self.top)

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
        empty = dict.fromkeys(self.columns)
        return [
            empty | {"error": one} if isinstance(one, str) else next(answers) for one in prepared
        ]

    def _answers(self, images: Sequence[Pixels]) -> list[Row]:
        if not images:
            return []
        names, classes, columns = list(self.stages), self.predictor.card.classes, self.columns
        probabilities, numbers = run_stages(self.stages, np.stack(images), self.policy)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, : self.top].tolist()
        rows = []
        for order, shares, number in zip(best, probabilities, numbers.tolist(), strict=True):
            labels = [value for i in order for value in (classes[i], float(shares[i]))]
            unsure = labels[1] < self.unsure_below
            rows.append(dict(zip(columns, [*labels, names[number], unsure, None], strict=True)))
        return rows


def row_maker(
    predictor: Predictor,
    policy: AnyPolicy | None,
    where: str,
    top: int = 1,
    unsure_below: float = UNSURE_BELOW,
) -> RowMaker:
    """Cut a network where a policy may stop.

    Args:
        predictor: the model.
        policy: when to stop at an exit; never if None.
        where: the model lies, for messages.
        top: labels of an answer; no more than there are classes.
        unsure_below: confidence below which an answer is unsure.

    Raises:
        RecipeError: the stored policy is asked for, and the model has none.
    """
    rules = gated(of_model(policy, predictor.card, where), predictor.card.architecture)
    exits = tuple(gate.exit for gate in rules.gates)
    top = min(top, len(predictor.card.classes))
    stages = predictor.stages(exits)
    return RowMaker(predictor, rules if exits else None, stages, top, unsure_below)
