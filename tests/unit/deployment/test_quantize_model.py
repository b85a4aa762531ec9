"""Which images set the ranges of 8-bit numbers."""

import numpy as np

from inceptionkit.deployment.quantize_model import calibrating
from inceptionkit.evaluation.held_out import Drawn


def drawn(*indices: int) -> Drawn:
    return Drawn(np.array(indices, np.int64), "drawn here")


def test_neither_what_judges_nor_what_scores_sets_ranges() -> None:
    found = calibrating(8, drawn(0, 1), drawn(5, 7))

    assert found.tolist() == [2, 3, 4, 6]


def test_where_all_images_judge_or_score_those_that_score_set_the_ranges() -> None:
    found = calibrating(4, drawn(0, 3), drawn(1, 2))

    assert found.tolist() == [1, 2]
