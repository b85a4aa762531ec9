"""An exit policy that keeps what it promises: designed on some images, and shown on others.

Sources:
    Angelopoulos et al. 2021, arXiv:2110.01052: Learn then Test, with fixed-sequence testing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from inceptionkit.derive import NetCost
from inceptionkit.errors import RecipeError
from inceptionkit.evaluation.bounds import (
    enough_images,
    fewest_images,
    is_below,
    is_rare,
    loses_little,
)
from inceptionkit.evaluation.calibration import fit_temperature
from inceptionkit.evaluation.early_exit import exit_index
from inceptionkit.evaluation.exits import tuning as tune
from inceptionkit.evaluation.exits.goals import Goal, MaxMeanMacs, MaxTop1Drop, MinTop1, choose
from inceptionkit.evaluation.exits.tuning import ExitStatistics, Thresholds
from inceptionkit.model import ExitPolicy
from inceptionkit.model.exit_policy import Measure
from inceptionkit.text import percent, quantity, whole_percent

_PARTS = 4  # one of them designs a policy, the others show what it loses
_DOUBTS = np.geomspace(1e-3, 10.0, 60)  # of a designed policy's: from strict to loose
_PLAIN = 0.9  # confidence of all exits alike, where none pays on the images that design
_STEP = 0.001  # in which goals are proposed


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A policy, and what there was to choose from."""

    policy: ExitPolicy
    statistics: ExitStatistics  # of all images that chose, at the policy's temperatures


def choose_policy(
    probabilities: Mapping[str, NDArray[np.float32]],
    labels: NDArray[np.int64],
    net_cost: NetCost,
    goal: Goal,
    measure: Measure,
) -> Choice:
    """Choose the policy that promises most, and can be trusted to keep it.

    A quarter of the images, drawn at random, fits the temperatures and designs a policy for the
    goal. The others decide how strict its thresholds must be. A path of policies leads from one
    that hardly ever stops to one that often does, and is followed as long as each policy is shown
    to meet the goal. The images that show it have not chosen the path. So a policy that does not
    meet the goal is chosen with a probability of at most 1 - `goal.level`.

    Args:
        probabilities: exit name -> (images, classes), in trunk order, "main" last.
        labels: (images,) class numbers.
        net_cost: cost of the network.
        goal: what is wanted, and at which confidence level.
        measure: of confidence.

    Raises:
        RecipeError: no policy can be promised to meet the goal; the message says how many images
            would do, or which goal.
    """
    order = np.random.default_rng(len(labels)).permutation(len(labels))
    design, others = np.split(order, [len(labels) // _PARTS])
    _need_images(goal, len(others))
    temperatures = [fit_temperature(p[design], labels[design]) for p in probabilities.values()]
    every = tune.collect(probabilities, labels, net_cost, measure, temperatures)
    shown = every.of(others)
    thresholds = _followed(_path(every.of(design), goal), shown, goal)
    found = tune.outcome(shown, thresholds)
    lost, gained = _counts(shown, thresholds)
    origin = {
        "goal": {type(goal).__name__: next(iter(asdict(goal).values()))},
        "confidence_level": goal.level,
        "images": len(labels),
        "shown_on": len(others),
        "only_main": lost,
        "only_policy": gained,
        "top1": found.top1,
        "mean_macs": found.mean_macs,
        "main_top1": float(shown.right[-1].mean()),
    }
    return Choice(
        policy=replace(tune.policy(every, found, measure), origin=origin),
        statistics=every,
    )


def images_for(shown_on: int) -> int:
    """Images of which so many are left when a quarter designs.

    >>> images_for(230)
    306
    """
    return max(_PARTS, shown_on + (shown_on - 1) // (_PARTS - 1))


def _need_images(goal: Goal, images: int) -> None:
    """Refuse a goal that a policy would not be shown to meet even if it loses nothing.

    Raises:
        RecipeError: there are too few images.
    """
    if isinstance(goal, MaxMeanMacs):
        return
    needed = fewest_images(1 - goal.share if isinstance(goal, MinTop1) else goal.share, goal.level)
    nearest = _nearest(goal, 0, 0, images)
    if needed == inf:
        msg = f"no number of images can promise {_promise(goal)}; use {nearest}"
        raise RecipeError(msg)
    if images < needed or not images:
        msg = (
            f"too few images choose the policy to promise {_promise(goal)}: "
            f"{images_for(int(needed)):,} would do; give more images, or use {nearest}"
        )
        raise RecipeError(msg)


def _path(design: ExitStatistics, goal: Goal) -> list[Thresholds]:
    """Policies in the order in which they are tested, the safest for the goal first."""
    main = tune.outcome(design, (None,) * len(design.macs.names))
    points = (tune.outcome(design, thresholds) for thresholds in tune.candidates(design))
    thresholds = choose(tune.best(points), goal, main).thresholds
    if all(threshold is None for threshold in thresholds):
        if isinstance(goal, MaxMeanMacs):
            return [thresholds]
        thresholds = (_PLAIN,) * len(thresholds)
    doubts = _DOUBTS.tolist()
    if isinstance(goal, MaxMeanMacs):
        doubts = [*(doubt for doubt in reversed(doubts) if doubt > 1), 1.0]
    path = (
        tuple(None if one is None else max(0.0, 1 - doubt * (1 - one)) for one in thresholds)
        for doubt in doubts
    )
    return [*dict.fromkeys(path)]


def _followed(path: Sequence[Thresholds], shown: ExitStatistics, goal: Goal) -> Thresholds:
    """The last policy of the path before the first that is not shown to meet the goal.

    Raises:
        RecipeError: there is none, or none that saves work.
    """
    good = None
    for thresholds in path:
        if not _is_shown(goal, shown, thresholds):
            break
        good = thresholds
    main = shown.macs.reach[-1]
    if good is not None and (
        isinstance(goal, MaxMeanMacs) or tune.outcome(shown, good).mean_macs < main
    ):
        return good
    raise RecipeError(_refusal(goal, shown, thresholds))


def _is_shown(goal: Goal, shown: ExitStatistics, thresholds: Thresholds) -> bool:
    """Whether images show, at the confidence level, that a policy meets the goal on others."""
    match goal:
        case MaxMeanMacs(most=most):
            macs = tune.macs_per_image(shown, thresholds)
            left = macs[exit_index(shown.confidence, thresholds)]
            return is_below(left, (float(macs.min()), float(macs.max())), most, goal.level)
        case MinTop1():
            wrong = round((1 - tune.outcome(shown, thresholds).top1) * shown.right.shape[1])
            return _bears(goal, wrong, 0, shown.right.shape[1])
        case MaxTop1Drop():
            return _bears(goal, *_counts(shown, thresholds), shown.right.shape[1])


def _bears(goal: MinTop1 | MaxTop1Drop, bad: int, good: int, images: int) -> bool:
    """Whether so many bad events, and good ones where they count, show that the goal is met."""
    if isinstance(goal, MinTop1):
        return is_rare(bad, images, 1 - goal.share, goal.level)
    return loses_little(bad, good, images, goal.share, goal.level)


def _counts(shown: ExitStatistics, thresholds: Thresholds) -> tuple[int, int]:
    """Images that main alone gets right, and that the policy alone does."""
    out = exit_index(shown.confidence, thresholds)
    right, main = shown.right[out, np.arange(len(out))], shown.right[-1]
    return int((main & ~right).sum()), int((right & ~main).sum())


def _refusal(goal: Goal, shown: ExitStatistics, thresholds: Thresholds) -> str:
    """Why no policy is chosen, and what would change it."""
    found, images = tune.outcome(shown, thresholds), shown.right.shape[1]
    if isinstance(goal, MaxMeanMacs):
        return (
            f"no policy can promise {_promise(goal)}; the cheapest spends "
            f"{quantity(found.mean_macs, 'MAC', up=True)} on {images:,} images; allow more, or "
            "give more images"
        )
    if found.mean_macs >= shown.macs.reach[-1]:
        return f"no policy that can promise {_promise(goal)} saves work; allow more"
    bad, good = _counts(shown, thresholds)
    what = f"loses {bad:,} and gains {good:,}"
    if isinstance(goal, MinTop1):
        bad, good = round((1 - found.top1) * images), 0
        what = f"gets {bad:,} wrong"
    enough = enough_images(
        lambda count: _bears(goal, ceil(bad * count / images), good * count // images, count),
        images,
    )
    more = "" if enough is None else f"; at this rate about {images_for(enough):,} to choose on do"
    return (
        f"no policy can promise {_promise(goal)}: the most careful one that saves work {what} of "
        f"{images:,} images{more}; give more images, or use {_nearest(goal, bad, good, images)}"
    )


def _nearest(goal: MinTop1 | MaxTop1Drop, bad: int, good: int, images: int) -> str:
    """The goal nearest to this one that such counts would show to be met."""
    low, high = 0, round(1 / _STEP)
    while high - low > 1:
        middle = (low + high) // 2
        share = middle * _STEP
        easier = replace(goal, share=1 - share if isinstance(goal, MinTop1) else share)
        low, high = (low, middle) if _bears(easier, bad, good, images) else (middle, high)
    share = round(high * _STEP, 6)
    return f"--goal {replace(goal, share=1 - share if isinstance(goal, MinTop1) else share)}"


def _promise(goal: Goal) -> str:
    """What is promised, in words."""
    level = f"with {whole_percent(goal.level)} confidence"
    match goal:
        case MaxMeanMacs(most=most):
            return f"at most {quantity(most, 'MAC')} an image {level}"
        case MinTop1(share=share):
            return f"a top-1 of {percent(share)} {level}"
        case MaxTop1Drop(share=share):
            return f"a loss of at most {100 * share:g} points of top-1 {level}"
