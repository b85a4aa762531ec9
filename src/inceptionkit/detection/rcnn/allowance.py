"""How a budget of time is divided: what is not training is measured, and set aside.

Before the first training, a search in some images of val says how long searching will take at
least. As soon as there is a classifier, it says how long it takes for the regions of an image. From
then on trainings get what hard negatives, boxes and scores leave. Every image that is due is scored
all the same; the run says by how much it will be late.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from inceptionkit.detection.proposals import candidates
from inceptionkit.detection.rcnn.detector import RcnnDetector
from inceptionkit.detection.rcnn.images import checked
from inceptionkit.detection.rcnn.mining import LOOKED_AT, taught
from inceptionkit.detection.rcnn.model import assemble
from inceptionkit.detection.rcnn.start import RcnnRun
from inceptionkit.detection.types import Boxes, Pixels
from inceptionkit.errors import RecipeError
from inceptionkit.evaluation.classifier import load
from inceptionkit.model.folder import CARD
from inceptionkit.text import duration
from inceptionkit.training.budget import ENDING, Time, parse_budget

EACH_ROUND = "8epochs"
"""Budget of each training where none is given."""

ONE_EPOCH = "1epochs"
"""Budget of a training for which no time is left."""

_LEAST_SHARE = 0.1  # of what a training gets where all get the same
_TRAINING = 0.75  # share of the time left that trainings may take at most
_MEASURED = 3  # images of val
_SHOWN = 0.25  # share of the proposals that may show an object, from which boxes are learned
_MORE = 1.1  # of what was measured is set aside
_LATE = 0.01  # share of the budget by which a run may be late without a word


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that an image takes."""

    search: float  # until its regions are proposed
    regions: float = 0.0  # that one classifier takes for them; 0 while there is none


class Allowance:
    """Divides the budget of a run."""

    def __init__(self, run: RcnnRun) -> None:
        self._run = run
        self._budget = run.request.budget or EACH_ROUND
        self._limit = parse_budget(self._budget)
        self._pace: Pace | None = None

    def training(self, number: int, at: int) -> str:
        """The budget of one training.

        Args:
            number: of the round, from 1.
            at: number of the classifier, from 0.

        Raises:
            RecipeError: no time is left for the first one.
        """
        run = self._run
        if not isinstance(self._limit, Time):
            return self._budget
        if self._pace is None or not self._pace.regions:
            first = _first(run)
            if self._pace is None or first is not None:
                self._pace = measured(run, first)
                if first is not None:
                    self._explain(self._limit, needed(run, self._pace, number))
        trainings = (run.request.rounds - number) * run.request.ensemble
        trainings += run.request.ensemble - at
        return share(run, self._limit, trainings, needed(run, self._pace, number))

    def _explain(self, limit: Time, seconds: float) -> None:
        late = self._run.seconds() + seconds - limit.seconds
        says = f"hard negatives, boxes and scores take about {duration(seconds)} after the training"
        if late > 0:
            says += (
                f"; every image is scored all the same, so the run ends {duration(late)} or more "
                f"after --budget {self._budget}: next time give fewer --proposals or more time"
            )
        self._run.listener.say(says)

    def end(self) -> None:
        """Say by how much the run is late, if it is."""
        if isinstance(self._limit, Time):
            late = self._run.seconds() - self._limit.seconds
            if late > _LATE * self._limit.seconds:
                says = f"the run took {duration(late)} longer than --budget {self._budget}"
                self._run.listener.say(says)


def measured(run: RcnnRun, detector: RcnnDetector | None) -> Pace:
    """The pace on some images of val, whose regions are searched again for it.

    Args:
        run: with the images.
        detector: of one classifier; None while there is none.
    """
    images = checked(run.data.val)[:_MEASURED]
    began, looked_at = perf_counter(), list[tuple[Pixels, Boxes]]()
    for image in images:
        pixels = image.pixels()
        looked_at.append((pixels, candidates(pixels, run.how.search, run.proposer)))
    search, began = (perf_counter() - began) / len(images), perf_counter()
    if detector is None:
        return Pace(search)
    for pixels, boxes in looked_at:
        detector.scores(pixels, boxes)
    return Pace(search, (perf_counter() - began) / len(images))


def needed(run: RcnnRun, pace: Pace, number: int) -> float:
    """Seconds of everything but training, after the trainings of round `number`."""
    of_all, train = run.request.ensemble * pace.regions, run.data.train.images
    mined = (run.request.rounds - number) * len(train) * of_all
    mined *= min(1.0, LOOKED_AT / run.how.proposals)
    fitted = 0.0 if run.request.no_regression else _SHOWN * pace.regions * len(taught(train))
    scored = len(checked(run.data.val)) + len(run.data.scored[1])
    return ENDING + _MORE * (mined + fitted + scored * (pace.search + of_all))


def share(run: RcnnRun, limit: Time, trainings: int, rest: float) -> str:
    """The budget of the next of some trainings.

    Args:
        run: knows how long it has taken.
        limit: of the whole command.
        trainings: that are still to do.
        rest: seconds that everything else takes.

    Raises:
        RecipeError: no time is left for the first training.
    """
    every = run.request.rounds * run.request.ensemble
    left = limit.seconds - run.seconds()
    each = min(_TRAINING * left, left - rest) / trainings
    begun = trainings < every or run.earlier_seconds > 0
    if begun and each < _LEAST_SHARE * _TRAINING * limit.seconds / every:
        return ONE_EPOCH  # what has begun ends all the same
    if each < 1:
        msg = (
            f"--budget {run.request.budget} leaves no time for {trainings} trainings: searching "
            f"and scoring images takes about {duration(rest)} of it; give more, fewer --rounds, or "
        )
        raise RecipeError(msg + "a smaller --ensemble")
    return f"{each:.1f}s"


def _first(run: RcnnRun) -> RcnnDetector | None:
    """A detector of the first classifier; None while that is not trained."""
    folder = run.folder / "round-1" / "classifier-1"
    if not (folder / "model" / CARD).is_file():
        return None
    return assemble(run.classes, (load(folder, device=run.device),), run.how)
