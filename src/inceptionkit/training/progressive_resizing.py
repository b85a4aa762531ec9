"""Small crops first: a step costs less at the beginning of a run than at its end.

Sources:
    Tan & Le 2021, arXiv:2104.00298, section 4 (progressive learning).
"""

from __future__ import annotations

from inceptionkit.derive import cost
from inceptionkit.spec import with_input
from inceptionkit.training.state import TrainConfig


def relative_step_cost(config: TrainConfig, share: float) -> float:
    """Cost of a step after a `share` of the schedule; 1 at the end of the run."""
    if share >= config.recipe.resizing.small_crops:
        return 1.0
    small, large = (
        cost(with_input(config.net, config.at(share).crop_side)).everything.macs
        for share in (0.0, 1.0)
    )
    return small / large


def mean_step_cost(config: TrainConfig, share: float) -> float:
    """Mean cost of the steps that are left after a `share` of the schedule."""
    if share >= config.recipe.resizing.small_crops:
        return 1.0
    small = (config.recipe.resizing.small_crops - share) / (1.0 - share)
    return small * relative_step_cost(config, share) + 1.0 - small
