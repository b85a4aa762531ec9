"""A run that trains a detector, from wherever it stands to its end."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, perf_counter

import torch

from inceptionkit.data.types import Unusable
from inceptionkit.detection.division import DividedSet
from inceptionkit.detection.metrics.summary import score
from inceptionkit.detection.shared.network import DetectorNet
from inceptionkit.detection.shared.predict import SharedDetector
from inceptionkit.detection.shared.record import DetectRecord
from inceptionkit.detection.shared.scoring import detect_all, number_of
from inceptionkit.detection.shared.training import (
    DetectConfig,
    DetectState,
    StepEnded,
    TrainBoxes,
    epoch_steps,
    kept_epoch,
    new_state,
    time_steps,
)
from inceptionkit.errors import RecipeError
from inceptionkit.files import flush, write_json
from inceptionkit.progress import Listener, Progress
from inceptionkit.text import percent
from inceptionkit.training.autotune import candidates
from inceptionkit.training.budget import Epochs, Speed, Time, first_plan, next_plan
from inceptionkit.training.checkpoint import restore_into, save_state
from inceptionkit.training.execution import Execution, describe, fastest
from inceptionkit.training.pace import Pace
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.process import StopRequest, stop_signals, stopped
from inceptionkit.training.run.record import FILE
from inceptionkit.training.schedule import Plan, active_plan, progress

CHECKS = 10  # times that a run is scored on val
SAVE_SECONDS = 120.0  # between checkpoints inside a long epoch


@dataclass(slots=True)
class DetectSession:
    """A run and what it works with."""

    folder: Path
    record: DetectRecord  # frozen: `decide` replaces it
    sets: DividedSet
    train: TrainBoxes
    listener: Listener
    start_time: float  # `monotonic()` at the start, moved back by what earlier sessions took
    unusable: Sequence[Unusable] = ()  # images

    def seconds(self) -> float:
        """How long the run takes so far, earlier sessions included."""
        return monotonic() - self.start_time

    def decide(self, record: DetectRecord, *reasons: str) -> None:
        """Write a decision to run.json, from then on follow it, and say why."""
        write_json(self.folder / FILE, record.to_json())
        self.record = record
        for reason in reasons:
            self.listener.say(reason)

    def config(self, execution: Execution) -> DetectConfig:
        """What the run computes."""
        record = self.record
        return DetectConfig(
            design=record.design,
            classes=len(record.data["classes"]),
            recipe=record.recipe,
            execution=execution,
            preprocessing=record.preprocessing,
            train=self.train,
            seed=record.request.seed,
        )

    def detector(self, average: DetectorNet) -> SharedDetector:
        """An averaged network as it finds objects: everywhere, in every region."""
        record = self.record
        classes = tuple(record.data["classes"])
        return SharedDetector(average, classes, record.preprocessing)


def run_training(session: DetectSession) -> tuple[DetectConfig, DetectState]:
    """Train from the newest checkpoint on, to the last step.

    Raises:
        Interrupted: asked to stop; the state is saved.
        WriteError: a file cannot be written; what was saved is whole.
    """
    resumed = bool(session.record.plans)
    execution = session.record.execution or _decide_execution(session)
    torch.set_num_threads(execution.threads)
    config = session.config(execution)
    state = new_state(config)
    if session.record.start is not None:
        _start_from(session, state)
    if resumed:
        state = _restored(session, state)
    session.start_time -= state.seconds
    state.plans.extend(session.record.plans)
    if not state.plans:
        _add_plan(session, config, state, _first_plan(session, config, state))
    folders.keep_steps(session.folder, state.step)
    _train_and_save(session, config, state)
    return config, state


def _decide_execution(session: DetectSession) -> Execution:
    record = session.record
    device, threads = record.request.device or "cpu", record.threads
    known = session.config(Execution(device=device, threads=threads))
    trials = time_steps(known, candidates(device, threads, record.request.precision))
    chosen = fastest(trials).execution
    session.decide(replace(record, probe=trials, execution=chosen), describe(chosen, trials))
    return chosen


@torch.no_grad()
def _start_from(session: DetectSession, state: DetectState) -> None:
    """Give the trunk, before its first step, weights that another run has trained."""
    start, net = session.record.start, session.record.design.net
    tensors = {} if start is None else start.tensors(net)
    for model in (state.model, state.average):
        for name, value in model.state_dict().items():
            if name in tensors:
                value.copy_(torch.from_numpy(tensors[name]))


def _restored(session: DetectSession, state: DetectState) -> DetectState:
    """The state of the newest checkpoint; the first one where there is none."""
    restored = restore_into(session.folder / folders.CHECKPOINTS, state)
    for complaint in restored.complaints:
        session.listener.say(complaint)
    if restored.found is None:
        session.listener.say("no checkpoint was saved: the run begins again")
    return restored.state


def _first_plan(session: DetectSession, config: DetectConfig, state: DetectState) -> Plan:
    """How long the run will be.

    Raises:
        RecipeError: the budget is too small for an epoch, or is one of work.
    """
    record = session.record
    step = next(t.step_seconds for t in record.probe if t.execution == config.execution)
    match record.budget:
        case Time() as budget:
            images = session.sets.val[: min(4, len(session.sets.val))]
            began = perf_counter()
            detect_all(session.detector(state.average), images)
            per_image = (perf_counter() - began) / len(images)
            left = budget.seconds - session.seconds()
            return first_plan(
                budget,
                _speed(session, step, per_image, CHECKS),
                left,
                batch=config.batch,
                steps_per_epoch=config.steps_per_epoch,
            )
        case Epochs(epochs):
            return Plan(
                step=0,
                steps=epochs * config.steps_per_epoch,
                progress=0.0,
                images_per_second=config.batch / step,
                seconds_left=None,
                why="as asked for",
                steps_per_epoch=config.steps_per_epoch,
            )
        case _:
            msg = "a detector's budget is a time or a number of epochs, such as 10min or 30epochs"
            raise RecipeError(msg)


def _speed(session: DetectSession, step: float, per_image: float, checks: int) -> Speed:
    """What planning needs; scoring val now and then counts as part of the end.

    Val is scored again at the end, to choose what the exits answer.
    """
    images = (checks + 3) * len(session.sets.val) + 2 * len(session.sets.scored[1])
    return Speed(step=step, evaluation=0.0, scored=per_image * images)


def _add_plan(session: DetectSession, config: DetectConfig, state: DetectState, plan: Plan) -> None:
    """Write a plan down, then let it be followed."""
    plan = replace(plan, steps_per_epoch=config.steps_per_epoch)
    left = "" if plan.seconds_left is None else f", {plan.seconds_left:.0f} s left"
    why = (
        f"plan: {plan.steps / config.steps_per_epoch:.1f} epochs, {plan.steps:,} steps of "
        f"{config.batch} images at {plan.images_per_second:,.1f} images/s{left} ({plan.why})"
    )
    session.decide(replace(session.record, plans=(*session.record.plans, plan)), why)
    state.plans.append(plan)


def _train_and_save(session: DetectSession, config: DetectConfig, state: DetectState) -> None:
    """Train until the plans are fulfilled, saving on the way.

    Raises:
        Interrupted: asked to stop; the state is saved.
    """
    step = config.batch / active_plan(state.plans, state.step).images_per_second
    pace = Pace(_speed(session, step, 0.0, 0), monotonic(), step)
    with stop_signals(StopRequest()) as request:
        while state.step < state.plans[-1].steps:
            began, first, saved = perf_counter(), state.step, monotonic()
            for event in epoch_steps(config, state):
                pace.end_step(monotonic())
                _report(session, config, state, event, (perf_counter() - began, first))
                last = (
                    state.step % config.steps_per_epoch == 0 or state.step == state.plans[-1].steps
                )
                due = request.stop_requested or monotonic() - saved > SAVE_SECONDS
                if due and not last:  # after the last step, the epoch is logged first
                    _save(session, state)
                    saved = monotonic()
                    _stop_if_asked(session, state, request)
            rate = (state.step - first) * config.batch / (perf_counter() - began)
            per_image = _end_epoch(session, config, state, rate)
            pace.now = monotonic()
            _plan_again(session, config, state, pace, per_image)
            _save(session, state)
            _stop_if_asked(session, state, request)


def _stop_if_asked(session: DetectSession, state: DetectState, request: StopRequest) -> None:
    if request.stop_requested:
        raise stopped(session.folder, f"after step {state.step:,}")


def _plan_again(
    session: DetectSession,
    config: DetectConfig,
    state: DetectState,
    pace: Pace,
    per_image: float | None,
) -> None:
    """Plan the rest of a time budget again, from what steps and scoring took so far."""
    budget = session.record.budget
    if not isinstance(budget, Time) or state.step >= state.plans[-1].steps:
        return
    left = budget.seconds - session.seconds()
    known = [row["seconds_per_scored"] for row in state.rows if row["seconds_per_scored"]]
    each = per_image or (known[-1] if known else 0.0)
    ahead = CHECKS - math.floor(CHECKS * progress(state.plans, state.step))
    speed = _speed(session, pace.step(left), each or pace.known.step / config.batch, ahead)
    plan = next_plan(
        state.plans,
        budget,
        speed,
        left,
        step=state.step,
        batch=config.batch,
        steps_per_epoch=config.steps_per_epoch,
    )
    if plan is not None:
        _add_plan(session, config, state, plan)


def _end_epoch(
    session: DetectSession, config: DetectConfig, state: DetectState, rate: float
) -> float | None:
    """Log an epoch; score val where a tenth of the run has ended, and keep the best average.

    Returns:
        Seconds that scoring an image took; None where none was scored.
    """
    before, now = (
        math.floor(CHECKS * progress(state.plans, max(0, step)))
        for step in (state.step - config.steps_per_epoch, state.step)
    )
    steps = (state.step - 1) % config.steps_per_epoch + 1
    scores, per_image = None, None
    if now > before:
        began = perf_counter()
        val = session.sets.val
        average = session.detector(state.average)
        found = detect_all(average, val, session.listener, "scoring val")
        scores = score(val.images, found, val.classes)
        per_image = (perf_counter() - began) / len(val)
    row = {
        "epoch": len(state.rows) + 1,
        "step": state.step,
        "train_loss": state.loss_sum / steps,
        "val_map50": None if scores is None else number_of(scores.map50),
        "val_map": None if scores is None else number_of(scores.coco.ap),
        "images_per_second": rate,
        "seconds_per_scored": per_image,
        "seconds": session.seconds(),
    }
    state.rows.append(row)
    state.loss_sum = 0.0
    folders.write_rows(session.folder / folders.LOG, state.rows)
    if scores is not None and kept_epoch(state.rows) == len(state.rows):
        state.best = copy.deepcopy(state.average)
    if scores is not None:
        session.listener.say(
            f"epoch {len(state.rows)}: train loss {row['train_loss']:.3f}, on val mAP at IoU 0.5 "
            f"{percent(scores.map50)}"
        )
    return per_image


def _save(session: DetectSession, state: DetectState) -> None:
    state.seconds = session.seconds()
    flush(session.folder / folders.STEPS)
    save_state(session.folder / folders.CHECKPOINTS, state)


def _report(
    session: DetectSession,
    config: DetectConfig,
    state: DetectState,
    event: StepEnded,
    since: tuple[float, int],
) -> None:
    """Write a step to log.jsonl, and report progress."""
    folders.add_step(
        session.folder,
        {"step": event.step, "loss": event.loss, **event.parts, "lr": event.lr,
         "gradient_norm": event.norm},
    )  # fmt: skip
    seconds, first = since
    rate, total = (event.step - first) / seconds, state.plans[-1].steps
    session.listener.progress(
        Progress(
            what="training",
            done=event.step,
            total=total,
            unit="steps",
            per_second=rate,
            seconds_left=(total - event.step) / rate,
            note=f"epoch {event.step / config.steps_per_epoch:.1f}, loss {event.loss:.3f}",
        )
    )
