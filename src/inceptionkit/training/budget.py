"""Budgets: what the user says a run may cost, and how many updates that allows."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from inceptionkit.derive import cost
from inceptionkit.errors import RecipeError
from inceptionkit.spec import Net
from inceptionkit.text import round_up
from inceptionkit.training.schedule import Plan, progress

_UNITS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600}  # seconds
LARGEST = 1e100  # of any unit: what follows from a budget must not leave the range of floats
ENDING = 3.0  # seconds for the model folder, the report and leaving, beside scoring images
_SLACK = 0.01  # share of the budget that a plan does not spend
_TAIL = 0.01  # share of the budget in which a schedule comes down when time has run out
_WORTH_A_PLAN = 0.05  # share of the updates left by which the length must change for a new plan,
LEAST = 0.002  # and at least this share of all of them


@dataclass(frozen=True, slots=True)
class Time:
    """The whole command may take this long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Epochs:
    """The training images are seen this many times."""

    epochs: int


@dataclass(frozen=True, slots=True)
class Work:
    """The updates may take this many floating-point operations, as `flop_per_image` counts."""

    flop: float


Budget = Time | Epochs | Work


def parse_budget(text: str) -> Budget:
    """Read "10min", "90s", "1.5h", "2e15flop" or "30epochs".

    >>> parse_budget("10min")
    Time(seconds=600.0)
    >>> parse_budget("30epochs")
    Epochs(epochs=30)

    Raises:
        RecipeError: it is none of these, or nothing, or no number that can be reckoned with.
    """
    match = re.fullmatch(
        r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]+)|(\d+(?:\.\d+)?e\+?\d{1,2})\s*(flop)",
        text.strip().lower(),
    )
    amount, unit = (float(match[1] or match[3]), match[2] or match[4]) if match else (0.0, "")
    if amount >= LARGEST:
        msg = f"a budget must be smaller than {LARGEST:g}, got one of {len(text)} characters; "
        raise RecipeError(msg + "write it like 10min, 90s, 1.5h, 2e15flop or 30epochs")
    if unit in _UNITS and amount > 0:
        return Time(amount * _UNITS[unit])
    if unit in {"epoch", "epochs"} and amount >= 1 and amount == int(amount):
        return Epochs(int(amount))
    if unit == "flop" and amount > 0:
        return Work(amount)
    msg = f"a budget is written like 10min, 90s, 1.5h, 2e15flop or 30epochs, got {text!r}"
    raise RecipeError(msg)


def time_limit(text: str) -> float | None:
    """Seconds that a budget allows a command; None where it is none of time, or not valid."""
    try:
        budget = parse_budget(text)
    except RecipeError:  # the verb says so
        return None
    return budget.seconds if isinstance(budget, Time) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What was measured, in seconds."""

    step: float  # one update
    evaluation: float  # one pass over the validation images
    scored: float  # scoring what is scored at the end

    @property
    def ending(self) -> float:
        """What follows training: scoring, saving, the report."""
        return ENDING + self.scored


def affordable(speed: Speed, usable: float, *, done: int, steps_per_epoch: int) -> int:
    """Updates in all, `done` ones included, in so many seconds of training.

    Every epoch begun ends with an evaluation.
    """
    begun = done % steps_per_epoch
    usable += begun * speed.step  # as if the epoch began now
    epoch = steps_per_epoch * speed.step + speed.evaluation
    whole = int(usable // epoch) if usable > 0 else 0
    rest = usable - whole * epoch - speed.evaluation
    part = min(steps_per_epoch - 1, int(rest / speed.step)) if rest > 0 else 0
    return max(done, done - begun + whole * steps_per_epoch + part)


def usable_seconds(budget: Time, speed: Speed, seconds_left: float) -> float:
    """Of the time left, what training may take: a small share of the budget stays unspent."""
    return seconds_left - speed.ending - _SLACK * budget.seconds


def first_plan(
    budget: Time, speed: Speed, seconds_left: float, *, batch: int, steps_per_epoch: int
) -> Plan:
    """Plan a run before its first update.

    Args:
        budget: of the whole command.
        speed: what the probe measured.
        seconds_left: of the budget, now that the images are read.
        batch: images in an update.
        steps_per_epoch: updates.

    Raises:
        RecipeError: the budget does not reach one epoch; the smallest that does is named.
    """
    usable = usable_seconds(budget, speed, seconds_left)
    steps = affordable(speed, usable, done=0, steps_per_epoch=steps_per_epoch)
    if steps < steps_per_epoch:
        epoch = steps_per_epoch * speed.step + speed.evaluation
        begun = budget.seconds - seconds_left
        smallest = math.ceil((begun + speed.ending + epoch) / (1.0 - _SLACK))
        msg = (
            f"the budget of {budget.seconds:g}s is too small for one epoch: it takes {epoch:.1f} "
            f"s, starting took {begun:.0f} s, scoring and saving take {speed.ending:.0f} s; the "
            f"smallest that is not is {smallest}s"
        )
        raise RecipeError(msg)
    return Plan(
        step=0,
        steps=steps,
        progress=0.0,
        images_per_second=batch / speed.step,
        seconds_left=seconds_left,
        why="speed measured by the probe",
    )


def check_budget(
    budget: Budget, net: Net, *, images: int, batch: int, fastest: Callable[[], float]
) -> None:
    """Refuse a budget that this machine cannot keep, before an image is read.

    Args:
        budget: of the run.
        net: at the size of the training crops.
        images: to train with.
        batch: images of an update.
        fastest: gives floating-point operations a second, which training does not reach.

    Raises:
        RecipeError: it is too small for one epoch, whatever the probe will say.
    """
    flop, batch = flop_per_image(net), min(batch, images)
    if isinstance(budget, Work):
        per_epoch = images // batch
        work_plan(budget, flop, batch=batch, steps_per_epoch=per_epoch, speed=math.inf)
    elif isinstance(budget, Time):
        least = ENDING + images * flop / fastest()
        if least > budget.seconds:
            msg = (
                f"the budget of {budget.seconds:g}s is too small for one epoch: {images:,} images, "
                f"scoring and saving take at least {least:.3g} s here; give more time, a smaller "
                "--input, or a --cost limit"
            )
            raise RecipeError(msg)


def flop_per_image(net: Net) -> int:
    """Floating-point operations of training on one image, by convention.

    A multiply-accumulate is two operations; the backward pass takes twice the forward pass, once
    for the inputs and once for the weights. So 2 x 3 x MACs, exits included. Norms, pooling,
    activations, augmentation, the optimizer and scoring are not counted.
    """
    return 2 * 3 * cost(net).with_exits.macs


def work_plan(work: Work, flop: float, *, batch: int, steps_per_epoch: int, speed: float) -> Plan:
    """Plan a run that may take so much work.

    Args:
        work: the budget.
        flop: floating-point operations of training on one image.
        batch: images in an update.
        steps_per_epoch: updates.
        speed: images per second.

    Raises:
        RecipeError: it does not reach one epoch; the smallest that does is named.
    """
    update = flop * batch
    steps = int(work.flop // update)
    if steps < steps_per_epoch:
        least = steps_per_epoch * update
        smallest = f"{round_up(least):g}".replace("+", "")
        msg = (
            f"the budget of {work.flop:.6g}flop is too small for one epoch of {least:.4g} "
            f"floating-point operations; the smallest possible budget is {smallest}flop"
        )
        raise RecipeError(msg)
    why = f"an update takes {update:.3g} floating-point operations"
    return Plan(
        step=0, steps=steps, progress=0.0, images_per_second=speed, seconds_left=None, why=why
    )


def next_plan(  # noqa: PLR0913 - what was planned, what is known
    plans: list[Plan],
    budget: Time,
    speed: Speed,
    seconds_left: float,
    *,
    step: int,
    batch: int,
    steps_per_epoch: int,
) -> Plan | None:
    """Plan the rest of the run again after `step` updates; None if the last plan still holds.

    What is left of the schedule is never followed in one step: where time has run out, as after
    the machine slept, a short tail remains.
    """
    last = plans[-1]
    usable = usable_seconds(budget, speed, seconds_left)
    steps = affordable(speed, usable, done=step, steps_per_epoch=steps_per_epoch)
    tail = math.ceil(_TAIL * budget.seconds / speed.step)
    steps = max(steps, min(step + tail, last.steps))
    worth = max(_WORTH_A_PLAN * (last.steps - step), LEAST * last.steps)
    if step >= last.steps or abs(steps - last.steps) <= worth:
        return None
    slower = "slower" if steps < last.steps else "faster"
    return replace(
        last,
        step=step,
        steps=steps,
        progress=progress(plans, step),
        images_per_second=batch / speed.step,
        seconds_left=seconds_left,
        why=f"the machine is {slower} than the last plan supposed",
    )
