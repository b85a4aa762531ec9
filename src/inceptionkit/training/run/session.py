"""A run that goes on, from wherever it stands to its last step: what `train` and `resume` share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from math import isfinite
from pathlib import Path
from time import monotonic

import numpy as np
import torch

from inceptionkit.data import Dataset
from inceptionkit.data.loading.in_memory import TrainImages
from inceptionkit.data.loading.sets import LoadedSets, balance
from inceptionkit.data.loading.streaming import Stream
from inceptionkit.data.types import Unusable
from inceptionkit.errors import RunError
from inceptionkit.files import flush, write_json, write_whole
from inceptionkit.model.seen import NOTHING, SEEN, Seen
from inceptionkit.progress import Listener, Progress
from inceptionkit.training.autotune import autotune
from inceptionkit.training.budget import Time
from inceptionkit.training.checkpoint import restore, save_state
from inceptionkit.training.distributed import Processes
from inceptionkit.training.execution import Execution, describe, fastest
from inceptionkit.training.loop import StepEnded, train
from inceptionkit.training.lr_finder import find_lr
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.planning import plan_for_others, plan_run, replanner
from inceptionkit.training.run.process import catch_stop_signals, stopped
from inceptionkit.training.run.record import FILE, Record
from inceptionkit.training.run.tensorboard import EventWriter
from inceptionkit.training.schedule import Plan, active_plan
from inceptionkit.training.state import TrainConfig, TrainState, load_initial_weights, new_state

SAVE_SECONDS = 120.0  # between checkpoints inside a long epoch
PROGRESS_SECONDS = 0.2  # between reports of progress
WORTH_SAYING = 0.1  # share by which a run's length must change before a plan is said again


@dataclass(slots=True)
class Session:
    """A run and what it works with."""

    folder: Path
    record: Record  # frozen: `decide` replaces it
    dataset: Dataset
    ready: LoadedSets  # the images, in memory or read as the run goes on
    listener: Listener
    start_time: float  # `monotonic()` at the start, moved back by what earlier sessions took
    processes: Processes  # the first one writes
    seen: Seen = NOTHING  # images, before this session
    planned: int = 0  # steps of the last plan that the listener heard of

    def seconds(self) -> float:
        """How long the run takes so far, earlier sessions included."""
        return monotonic() - self.start_time

    def all_seen(self) -> Seen:
        """The images that the model has seen by now, in every process."""
        trained = self.ready.train.hashes
        if self.processes.count > 1 and isinstance(self.ready.train, Stream):
            trained = np.array(self.processes.gather_json(trained.ravel().tolist()), np.uint64)
        return self.seen | Seen.of(trained, self.ready.val.hashes)

    def decide(self, record: Record, *reasons: str) -> None:
        """Write a decision to run.json, from then on follow it, and say why."""
        if self.processes.rank == 0:
            write_json(self.folder / FILE, record.to_json())
        self.record = record
        for reason in reasons:
            self.listener.say(reason)

    def config(self, execution: Execution) -> TrainConfig:
        """What the run computes."""
        record = self.record
        images: TrainImages = self.ready.train
        weights = None
        if record.recipe.batching.balance != "none":
            images, weights = balance(
                record.recipe.batching.balance, self.ready.train, len(self.dataset.classes)
            )
        return TrainConfig(
            net=record.architecture,
            recipe=record.recipe,
            execution=execution,
            preprocessing=record.preprocessing,
            train=images,
            val=self.ready.val,
            seed=record.request.seed,
            class_weights=weights,
            processes=self.processes,
        )


def run_training(  # noqa: C901 - decisions in their order
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
        _decide_execution(session)
    execution = session.record.execution or Execution()
    torch.set_num_threads(execution.threads)
    config = session.config(execution)
    state = _restored(session, config) if resumed else None
    if state is None:
        state = new_state(config)
        if session.record.start is not None:
            load_initial_weights(state, session.record.start.tensors(config.net))
    session.start_time -= state.seconds
    if session.processes.count > 1:
        state.network = session.processes.wrap(state.model, execution.device)
    if session.record.request.find_lr and session.record.found_lr is None:
        _decide_lr(session, config, state)
        config = replace(config, recipe=session.record.recipe)
    state.plans.extend(plan.scaled(config.steps_per_epoch) for plan in session.record.plans)
    if state.plans and session.record.plans[-1] != state.plans[-1]:
        _add_plan(session, config, state, plan_for_others(session.record, state))
    if not state.plans:
        scored = len(session.ready.test) or len(session.ready.val)
        plan = plan_run(session.record, config, state, session.seconds, scored=scored)
        _add_plan(session, config, state, plan)
    if resumed and (later := active_plan(state.plans, state.step).execution) is not None:
        torch.set_num_threads(later.threads)
    if resumed and session.processes.rank == 0:
        folders.keep_steps(session.folder, state.step)
    _train_and_save(session, config, state)
    return config, state


def _decide_execution(session: Session) -> None:
    """Let a probe find the fastest execution, and in how many parts a batch fits into memory."""
    record = session.record
    known = Execution(device=record.request.device or "cpu", threads=record.threads)
    parts, trials = autotune(session.config(known), record.request.precision)
    chosen = fastest(trials).execution
    reasons = []
    if parts != record.recipe.batching.grad_accum:
        reasons.append(f"grad_accum={parts}: a larger part of the batch does not fit into memory")
    batching = replace(record.recipe.batching, grad_accum=parts)
    record = replace(
        record,
        recipe=replace(record.recipe, batching=batching),
        reasons=(*record.reasons, *reasons),
        probe=trials,
        execution=chosen,
    )
    session.decide(record, *reasons, describe(chosen, trials))


def _decide_lr(session: Session, config: TrainConfig, state: TrainState) -> None:
    """Let a range test choose the learning rate."""
    record, sweep = session.record, find_lr(config, state)
    lr = float(f"{sweep.rate * config.recipe.optimizer.lr_batch / config.batch:.3g}")
    why = f"lr={lr:g}: chosen by a range test of {len(sweep.rates)} steps"
    recipe = replace(record.recipe, optimizer=replace(record.recipe.optimizer, lr=lr))
    reasons = (*record.reasons, why)
    session.decide(replace(record, recipe=recipe, found_lr=lr, reasons=reasons), why)


def _add_plan(session: Session, config: TrainConfig, state: TrainState, plan: Plan) -> None:
    """Write a plan down, then let it be followed; small changes are not announced."""
    plan = replace(plan, steps_per_epoch=config.steps_per_epoch)
    left = "" if plan.seconds_left is None else f", {plan.seconds_left:.0f} s left"
    why = (
        f"plan: {plan.steps / config.steps_per_epoch:.1f} epochs, {plan.steps:,} steps of "
        f"{config.batch} images at {plan.images_per_second:,.0f} images/s{left} ({plan.why})"
    )
    new = abs(plan.steps - session.planned) > WORTH_SAYING * session.planned
    new |= bool(state.plans) and plan.execution != state.plans[-1].execution
    record = replace(session.record, plans=(*session.record.plans, plan))
    session.decide(record, *([why] if new else []))
    session.planned = plan.steps if new else session.planned
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


def _train_and_save(session: Session, config: TrainConfig, state: TrainState) -> None:
    """Train until the plans are fulfilled, saving on the way.

    Raises:
        Interrupted: asked to stop; the state is saved.
    """
    tracked = session.record.request.track and session.processes.rank == 0
    last_epoch = state.rows[-1]["step"] if state.rows else 0
    report, saved, group = _step_reporter(session, config, state), monotonic(), session.processes
    budget, ready = session.record.budget, session.ready
    planner = (
        replanner(
            budget, session.record, config, state, session.start_time, scored=len(ready.scored)
        )
        if isinstance(budget, Time)
        else None
    )
    with (
        closing(EventWriter(session.folder, last_epoch)) if tracked else nullcontext() as events,
        catch_stop_signals() as request,
    ):
        for event in train(config, state):
            stop, again = request.stop_requested, planner is not None and planner.due(event, state)
            due = not isinstance(event, StepEnded) or monotonic() - saved > SAVE_SECONDS
            stop, due, again = group.any(stop, due, again)
            if planner is not None and again and (plan := planner.plan(state)):
                _add_plan(session, config, state, plan)
            if isinstance(event, StepEnded):
                report(event)
            else:
                _end_epoch(session, state, events)
            if not (stop or due):
                continue
            if isinstance(event, StepEnded) and not event.whole:
                state.hold = True
                continue
            _save(session, state)
            saved = monotonic()
            if stop:
                raise stopped(session.folder, f"after step {state.step:,}")
    if state.best is not None and state.step < state.plans[-1].steps:
        session.listener.say(
            f"stopped after {len(state.rows)} epochs: val loss has not fallen for "
            f"{config.recipe.patience}; the best epoch's average is kept"
        )


def _end_epoch(session: Session, state: TrainState, events: EventWriter | None) -> None:
    """Log an epoch."""
    state.rows[-1]["seconds"] = session.seconds()
    state.rows = session.processes.broadcast_json(state.rows)
    if session.processes.rank == 0:
        folders.write_rows(session.folder / folders.LOG, state.rows)
    session.listener.epoch(state.rows[-1])
    if events is not None:
        events.write_epoch(state.rows[-1])


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


def _step_reporter(
    session: Session, config: TrainConfig, state: TrainState
) -> Callable[[StepEnded], None]:
    """Writes steps to log.jsonl, and reports progress to the listener, not too often."""
    reported, start, first, writes = 0.0, 0.0, 0, session.processes.rank == 0

    def report(event: StepEnded) -> None:
        nonlocal reported, start, first
        if event.logged and writes:
            line = {"step": event.step, "loss": event.loss, "lr": event.lr}
            norm = {"gradient_norm": event.norm} if isfinite(event.norm) else {}
            folders.add_step(session.folder, line | norm)
        now = monotonic()
        if not first:
            start, first = now, event.step
        if now - reported < PROGRESS_SECONDS:
            return
        reported = now
        rate = (event.step - first) / (now - start) if event.step > first else None
        total = state.plans[-1].steps
        session.listener.progress(
            Progress(
                what="training",
                done=event.step,
                total=total,
                per_second=rate and rate * config.batch,
                seconds_left=rate and (total - event.step) / rate,
                note=f"epoch {event.step / config.steps_per_epoch:.1f}, loss {event.loss:.3f}",
            )
        )

    return report
