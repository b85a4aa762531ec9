"""How fast a run goes: a running estimate that one busy moment does not move.

A step that takes far longer than the others counts as `_CLIP` of them, so that a slow machine is
believed gradually. A fast one is believed after a few steps: a plan for a machine slower than it is
would end the run early.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from statistics import fmean, median, median_low

from inceptionkit.training.budget import Speed

_WINDOW = 0.1  # share of the time left: steps of the last so many seconds count
_FEWEST, _MOST = 5, 4096  # steps that count
_CLIP = 3.0  # times the usual: longer steps count as long as this
_RECOVERED, _FASTER = 3, 0.5  # so many steps, each in less than this share of the usual time
_FAR = 1.5  # times as long as expected, or as short: far from it
_CHECKED = 0.03  # share of the time, or of the steps, left after which the plan is checked again


@dataclass(slots=True)
class Pace:
    """What the steps and the ends of epochs took.

    Attributes:
        known: what was measured before, or what the last plan supposed.
        now: seconds of the run.
        expected: seconds of a step, as the last probe measured.
    """

    known: Speed
    now: float
    expected: float
    _steps: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST))  # newest first
    _evaluations: deque[float] = field(default_factory=lambda: deque(maxlen=3))  # in steps
    _strayed: float | None = None  # when steps were first found far from what was expected
    _checked: tuple[float, float] = (-inf, -inf)  # seconds and step when the plan was last checked

    def expect(self, step: float, now: float) -> None:
        """Take note of what a probe measured; straying counts from here."""
        self.expected, self.now, self._strayed = step, now, None

    def end_step(self, now: float, cost: float = 1.0) -> None:
        """Take note of a step that ended, which costs so much beside one at the end of the run."""
        self._steps.appendleft((now - self.now) / cost)
        self.now = now

    def end_epoch(self, now: float, left: float) -> None:
        """Take note of what followed the last step of an epoch: scoring, saving."""
        took = (now - self.now) / self.step(left)
        usual = median_low(self._evaluations or (self.known.evaluation / self.known.step,))
        self._evaluations.append(min(took, _CLIP * usual) if usual else took)
        self.now = now

    def due(self, left: float, *, step: int, steps: int) -> bool:
        """Whether to check the plan again, with so much time left and `step` of `steps` done."""
        seconds, before = self._checked
        early = self.now - seconds < _CHECKED * left and step - before < _CHECKED * (steps - step)
        if early or len(self._steps) < _FEWEST:
            return False
        self._checked = self.now, step
        return True

    def strayed(self, left: float) -> float:
        """For how many seconds steps have been far slower or faster than expected."""
        if 1 / _FAR < self.step(left) / self.expected < _FAR:
            self._strayed = None
        elif self._strayed is None:
            self._strayed = self.now
        return 0.0 if self._strayed is None else self.now - self._strayed

    def step(self, left: float) -> float:
        """Seconds of a step at the end of the run, from those of the last steps."""
        recent, total = list[float](), 0.0
        for seconds in self._steps:
            if total >= _WINDOW * left and len(recent) >= _FEWEST:
                break
            recent.append(seconds)
            total += seconds
        if len(recent) < _FEWEST:
            return self.known.step
        usual, newest = median(recent), max(islice(recent, _RECOVERED))
        if newest < _FASTER * usual:
            return newest
        return fmean(min(seconds, _CLIP * usual) for seconds in recent)

    def speed(self, left: float) -> Speed:
        """What is expected of the rest of the run, with so many seconds left."""
        step, known = self.step(left), self.known
        slower = min(_CLIP, step / known.step)  # also of what is to come when a busy moment is over
        evaluation = known.evaluation * slower
        if self._evaluations:
            evaluation = median_low(self._evaluations) * known.step * slower
            slower = evaluation / known.evaluation if known.evaluation else slower
        return Speed(step=step, evaluation=evaluation, scored=known.scored * slower)
