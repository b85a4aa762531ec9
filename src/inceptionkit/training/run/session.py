"""A run that goes on, from wherever it stands to its last step: what `train` and `resume` share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import isfinite, log
from time import monotonic

import torch

from inceptionkit.data.types import Unusable
from inceptionkit.errors import RecipeError, RunError, TrainingError
from inceptionkit.files import flush, write_whole
from inceptionkit.model.seen import SEEN
from inceptionkit.progress import Progress
from inceptionkit.text import duration
from inceptionkit.training.budget import ENDING, Time
from inceptionkit.training.checkpoint import restore, save_state
from inceptionkit.training.defaults import LONG
from inceptionkit.training.execution import Execution
from inceptionkit.training.health import is_early
from inceptionkit.training.loop import EpochEnded, StepEnded, train
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.context import (
    Session,
    begin_again,
    decide_execution,
    decide_lr,
    decide_variation,
    fit_new_heads,
)
from inceptionkit.training.run.planning import (
    Replanner,
    plan_for_others,
    plan_run,
    replanner,
)
from inceptionkit.training.run.process import StopRequest, stop_signals, stopped
from inceptionkit.training.run.tracking import Logger, TrackerName, open_tracker
from inceptionkit.training.schedule import Plan, active_plan
from inceptionkit.training.state import TrainConfig, TrainState, load_initial_weights, new_state
from inceptionkit.training.updates import slower

SAVE_SECONDS = 120.0  # between checkpoints inside a long epoch
_EXPLODED = 5.0  # times the loss of guessing: noise and hard images stay below
PROGRESS_SECONDS = 0.2  # between reports of progress


def run_training(  # noqa: C901, PLR0912 - decisions in their order
    session: Session,
) -> tuple[TrainConfig, TrainState]:
    """Train from the newest checkpoint on, to the last step.

    What is left open is decided first, each decision written before it is followed.

    Raises:
        Interrupted: asked to stop; the state is saved.
        WriteError: a file cannot be written; what was saved is whole.
    """
    resumed = bool(session.record.plans)  # a plan is written down before the first step
    if session.record.execution is None:
        decide_execution(session)
    execution = session.record.execution or Execution()
    torch.set_num_threads(execution.threads)
    config = session.config(execution)
    state = _restored(session, config) if resumed else None
    if state is None:
        state = new_state(config)
        if session.record.start is not None:
            load_initial_weights(state, session.record.start.tensors(config.net))
            fit_new_heads(session, config, state)
    session.start_time -= state.seconds
    if session.processes.count > 1:
        state.network = session.processes.wrap(state.model, execution.device)
    if session.record.request.find_lr and session.record.found_lr is None:
        decide_lr(session, config, state)
        config = replace(config, recipe=session.record.recipe)
    state.plans.extend(plan.scaled(config.steps_per_epoch) for plan in session.record.plans)
    if state.plans and session.record.plans[-1] != state.plans[-1]:
        _add_plan(session, config, state, plan_for_others(session.record, state))
    if not state.plans:
        scored = len(session.ready.test) or len(session.ready.val)
        plan = plan_run(session.record, config, state, session.seconds, scored=scored)
        if plan.steps >= LONG * config.steps_per_epoch:
            config = decide_variation(session, config, plan)
        _add_plan(session, config, state, plan)
    if resumed and (later := active_plan(state.plans, state.step).execution) is not None:
        torch.set_num_threads(later.threads)
    if resumed and session.processes.rank == 0:
        folders.keep_steps(session.folder, state.step)
    try:
        _train_and_save(session, config, state)
    except TrainingError as error:
        if session.record.restarted or not is_early(config, state):
            raise
        begin_again(session, error)
        try:
            return run_training(session)
        except RecipeError:  # too little is left of the time
            raise error from None
    return config, state


def _add_plan(session: Session, config: TrainConfig, state: TrainState, plan: Plan) -> None:
    """Write a plan down, then let it be followed; later ones show beside the progress."""
    plan = replace(plan, steps_per_epoch=config.steps_per_epoch)
    left = "" if plan.seconds_left is None else f", {duration(plan.seconds_left)} left"
    why = (
        f"plan: {plan.steps / config.steps_per_epoch:.1f} epochs, {plan.steps:,} steps of "
        f"{config.batch} images at {plan.images_per_second:,.0f} images/s{left} ({plan.why})"
    )
    record = replace(session.record, plans=(*session.record.plans, plan))
    session.decide(record, *([] if session.plan else [why]))
    session.plan = why
    state.plans.append(plan)


def _restored(session: Session, config: TrainConfig) -> TrainState | None:
    """The state of the newest checkpoint; None where there is none.

    Raises:
        RunError: there is none, and the run has ended: it would be computed again.
    """
    folder, record = session.folder, session.record
    restored = restore(folder / folders.CHECKPOINTS, config)
    for complaint in restored.complaints:
        session.listener.say(complaint)
    if restored.found is not None:
        return restored.state
    if record.result is not None:
        msg = f"{folder}: the run has ended, and no checkpoint is left to score; its model and "
        raise RunError(msg + "report are as they were, or train again in another folder")
    session.listener.say("no checkpoint was saved: the run begins again")
    return None


def _train_and_save(  # noqa: C901 - what may happen between two steps
    session: Session, config: TrainConfig, state: TrainState
) -> None:
    """Train until the plans are fulfilled, saving on the way.

    Raises:
        Interrupted: asked to stop; the state is saved.
    """
    report, saved, group = _StepReporter(session, config, state), monotonic(), session.processes
    budget = session.record.budget
    planner = _planner(session, config, state) if isinstance(budget, Time) else None
    if session.record.request.track is not None and group.rank == 0:
        session.logger = _logger(session, session.record.request.track, state)
    with stop_signals(StopRequest()) as request:
        for event in train(config, state):
            if planner is None and isinstance(event, EpochEnded) and group.count == 1:
                planner = _planner(session, config, state)
            stop, again = request.stop_requested, planner is not None and planner.due(event, state)
            due = not isinstance(event, StepEnded) or monotonic() - saved > SAVE_SECONDS
            stop, due, again = group.any(stop, due, again)
            if planner is not None and again and (plan := planner.plan(state)):
                _add_plan(session, config, state, plan)
            if isinstance(event, StepEnded):
                report(event)
            else:
                _end_epoch(session, state)
            if not (stop or due):
                continue
            if isinstance(event, StepEnded) and not event.whole:
                state.hold = True
                continue
            _save(session, state)
            saved = monotonic()
            if stop:
                raise stopped(session.folder, f"after step {state.step:,}")
    if state.best is not None and session.record.fitted_top1 is not None:
        session.listener.say(
            "no epoch was as good on val as the classifiers fitted at first: those weights are kept"
        )
    elif state.best is not None and state.step < state.plans[-1].steps:
        session.listener.say(
            f"stopped after {len(state.rows)} epochs: val loss has not fallen for "
            f"{config.recipe.patience}; the best epoch's average is kept"
        )


def _planner(session: Session, config: TrainConfig, state: TrainState) -> Replanner:
    """What plans the rest of the run again; of one without a time budget only how it computes."""
    record = session.record
    execution = active_plan(state.plans, state.step).execution or config.execution
    return replanner(
        *(record.budget, record, config, state, session.start_time),
        scored=len(session.ready.scored),
        crowded=session.crowded or execution.threads < record.threads,
    )


def _logger(session: Session, track: TrackerName, state: TrainState) -> Logger:
    """What logs the run to its tracker."""
    step = state.rows[-1]["step"] if state.rows else 0
    return Logger(open_tracker(track, session.folder, session.record, step), session.folder, step)


def _end_epoch(session: Session, state: TrainState) -> None:
    """Log an epoch."""
    state.rows[-1]["seconds"] = session.seconds()
    state.rows = session.processes.broadcast_json(state.rows)
    if session.processes.rank == 0:
        folders.write_rows(session.folder / folders.LOG, state.rows)
    session.listener.epoch(state.rows[-1])
    fitted = session.record.fitted_top1
    if fitted is not None and state.rows[-1]["val_top1"] >= fitted:
        state.best = None  # what was trained is as good as what was only fitted, or better
    if session.logger is not None:
        session.logger.log_epoch(state.rows[-1])


def _save(session: Session, state: TrainState) -> None:
    """Write a checkpoint; it does not depend on the number of processes."""
    state.seconds = session.seconds()
    found = session.processes.gather_json([asdict(one) for one in session.ready.train.unusable()])
    seen = session.all_seen()
    if session.processes.rank == 0:
        write_whole(session.folder / SEEN, seen.to_bytes())
        folders.add_unusable(session.folder, [Unusable(**one) for one in found])
        flush(session.folder / folders.STEPS)  # the checkpoint counts on its lines
        save_state(session.folder / folders.CHECKPOINTS, state)
    state.hold = False


@dataclass(slots=True)
class _StepReporter:
    """Writes steps to log.jsonl, and reports progress to the listener, not too often."""

    session: Session
    config: TrainConfig
    state: TrainState
    reported: float = 0.0  # when, last
    first: tuple[float, int] | None = None  # when the first step was reported, and which it was

    def __call__(self, event: StepEnded) -> None:
        """Write and report a step.

        Raises:
            TrainingError: the loss explodes in the warm-up.
        """
        session, config, state = self.session, self.config, self.state
        exits = sum(config.exit_weights.values())
        guessing = log(len(session.dataset.classes)) * (1.0 + exits)
        if event.loss > _EXPLODED * guessing and is_early(config, state):
            msg = (
                f"the loss exploded to {event.loss:.3g} at step {event.step} (learning rate "
                f"{event.lr:.3g}); start again with {slower(config.recipe.optimizer)}"
            )
            raise TrainingError(msg)
        if event.logged and session.processes.rank == 0:
            line = {"step": event.step, "loss": event.loss, "lr": event.lr}
            norm = {"gradient_norm": event.norm} if isfinite(event.norm) else {}
            folders.add_step(session.folder, line | norm)
        now = monotonic()
        start, first = self.first = self.first or (now, event.step)
        ends = state.step % config.steps_per_epoch == 0 or state.step == state.plans[-1].steps
        if now - self.reported < PROGRESS_SECONDS and not ends:
            return
        self.reported = now
        rate = (event.step - first) / (now - start) if event.step > first else None
        total = state.plans[-1].steps
        left = (total - event.step) / rate if rate else None
        ending = ENDING + (state.rows[-1]["evaluation_seconds"] if state.rows else 0.0)
        session.listener.progress(
            Progress(
                what="training",
                done=event.step,
                total=total,
                per_second=rate and rate * config.batch,
                seconds_left=left,
                whole_left=None if left is None else left + ending,
                note=f"epoch {event.step / config.steps_per_epoch:.1f}, "
                + ("scoring val" if ends else f"loss {event.loss:.3f}"),
                plan=session.plan,
            )
        )
