"""Small crops first: an update costs less at the beginning of a run than at its end.

Sources:
    Tan & Le 2021, arXiv:2104.00298, section 4 (progressive learning).
"""

from __future__ import annotations

from inceptionkit.derive import cost
from inceptionkit.spec import with_input
from inceptionkit.training.state import Job


def work(job: Job, share: float) -> float:
    """Cost of an update after a `share` of the schedule; 1 at the end of the run."""
    return 1.0 if share >= job.recipe.small_crops else small_work(job)


def mean_work(job: Job, share: float) -> float:
    """Mean cost of the updates that are left after a `share` of the schedule."""
    if share >= job.recipe.small_crops:
        return 1.0
    small = (job.recipe.small_crops - share) / (1.0 - share)
    return small * small_work(job) + 1.0 - small


def small_work(job: Job) -> float:
    """Multiply-accumulates of a small crop, as a share of those of a large one."""
    small, large = (
        cost(with_input(job.net, job.grown_to(share).crop_side)).everything.macs
        for share in (0.0, 1.0)
    )
    return small / large
