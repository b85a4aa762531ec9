"""Following a run from wherever it stands to its end: what `train` and `resume` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from math import isfinite
from time import monotonic
from typing import Any

import torch

from inceptionkit.data.loading.sets import balance
from inceptionkit.data.types import Unusable
from inceptionkit.errors import RecipeError, RunError
from inceptionkit.files import flush
from inceptionkit.progress import Progress
from inceptionkit.spec import with_input
from inceptionkit.training.checkpoint import restore, save_state
from inceptionkit.training.execution import Execution, Trial, candidates, choose
from inceptionkit.training.loop import EpochEnded, Event, Stepped
from inceptionkit.training.loop import train as updates
from inceptionkit.training.lr_finder import find_rate
from inceptionkit.training.memory import free_bytes, parts_that_fit
from inceptionkit.training.probe import probe
from inceptionkit.training.process_settings import tuned
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.disk_errors import resumable
from inceptionkit.training.run.finish import Finished, finish
from inceptionkit.training.run.planning import add_plan, plan_run, replan
from inceptionkit.training.run.record import trial_from_json
from inceptionkit.training.run.run import Run
from inceptionkit.training.run.signals import listening, stoppable, stopped
from inceptionkit.training.run.tensorboard import tracked
from inceptionkit.training.state import Job, State, adopt

SAVE_EVERY = 120.0  # seconds between checkpoints inside a long epoch
TOLD_EVERY = 0.2  # seconds between reports of progress


def follow(run: Run) -> Finished:
    """Train from the newest checkpoint on, then score, save and report.

    Raises:
        Interrupted: asked to stop; the state is saved.
        RunError: the disk does not take a file; what was saved is whole.
    """
    with tuned(), stoppable(run.folder), resumable(run.folder):
        job = decide_execution(run)
        torch.set_num_threads(job.execution.threads)
        state = begin(run, job)
        run.began = run.began - state.seconds
        state.network = run.processes.wrap(state.model, job.execution.device)
        if run.record.find_rate and run.record.found_rate is None:
            job = with_found_rate(run, job, state)
        if not run.record.plans:
            add_plan(run, job, plan_run(run, job, state))
        if run.processes.first:
            folders.keep_steps(run.folder, state.step)
        run_tracked(run, job, state)
        return finish(run, job, state)


def begin(run: Run, job: Job) -> State:
    """The state of the newest checkpoint; where there is none, the first one of the run.

    Raises:
        RunError: there is none, and the run has ended: it would be computed anew.
    """
    restored = restore(folders.make(run.folder) / folders.CHECKPOINTS, job)
    for complaint in restored.complaints:
        run.listener.say(complaint)
    if restored.found is None and run.record.result is not None:
        msg = f"{run.folder}: the run has ended, and no checkpoint is left to score; its model and "
        raise RunError(msg + "report are as they were, or train again in another folder")
    if restored.found is None and run.record.plans:
        run.listener.say("no checkpoint was saved: the run begins again")
    if restored.found is None and run.record.start is not None:
        adopt(restored.state, run.record.start.tensors(job.net))
    return restored.state


def with_found_rate(run: Run, job: Job, state: State) -> Job:
    """The job with a learning rate that a sweep found; run.json says it before it is used."""
    sweep = find_rate(job, state)
    recipe = replace(job.recipe, lr=float(f"{sweep.rate * job.recipe.lr_batch / job.batch:.3g}"))
    why = f"lr={recipe.lr:g}: a sweep of {len(sweep.rates)} updates found it"
    run.record.recipe, run.record.found_rate = recipe, recipe.lr
    run.record.reasons.append(why)
    run.write_record()
    run.listener.say(why)
    return replace(job, recipe=recipe)


def run_tracked(run: Run, job: Job, state: State) -> None:
    """Train, and write TensorBoard events where they are wanted."""
    if not (run.record.track and run.processes.first):
        run_updates(run, job, state)
        return
    untold, told = run.listener, state.rows[-1]["step"] if state.rows else 0
    try:
        with tracked(run.folder, told, untold) as run.listener:
            run_updates(run, job, state)
    finally:
        run.listener = untold


def decide_execution(run: Run) -> Job:
    """The job, computed as run.json says, or as a probe finds best and run.json then says."""
    record = run.record
    train, weights = balance(record.recipe.balance, run.ready.train, len(run.dataset.classes))

    def job(execution: Execution) -> Job:
        return Job(
            net=record.net,
            recipe=record.recipe,
            execution=execution,
            preprocessing=record.preprocessing,
            train=train,
            val=run.ready.val,
            seed=record.seed,
            class_weights=None if weights is None else weights.to(record.device, execution.dtype),
            processes=run.processes,
        )

    if record.execution is None:
        ways = candidates(record.device, record.threads, record.precision)
        free = run.processes.told(free_bytes(record.device))
        predicted = parts_that_fit(
            with_input(record.net, job(ways[0]).crop_side),
            -(-job(ways[0]).batch // run.processes.count),
            itemsize=ways[0].dtype.itemsize,
            at_least=record.recipe.accumulate,
            free_bytes=2 * free if ways[0].late else free,  # there it is tried, perhaps in bf16
        )
        in_parts(run, predicted)
        trials = probed(run, job, ways)
        told = run.processes.told([asdict(trial) for trial in trials])
        record.probe = [trial_from_json(trial) for trial in told]
        record.execution = choose(record.probe).execution
        run.write_record()
        run.listener.say(record.arithmetic())
    return job(record.execution)


def probed(run: Run, job: Callable[[Execution], Job], ways: Sequence[Execution]) -> list[Trial]:
    """What the probe measures; on a GPU, in twice as many parts as long as memory is short.

    Raises:
        RecipeError: not even one image at a time fits into the memory.
    """
    while True:
        trials = fitting(job(ways[0]), ways)
        if not any(run.processes.any(not trials)):  # one may have less memory than the others
            return trials
        parts = 2 * run.record.recipe.accumulate
        if parts > run.record.recipe.batch:
            msg = f"one image does not fit into the memory of {run.record.device}; "
            msg += "choose a smaller --input, or another --arch"
            raise RecipeError(msg)
        in_parts(run, parts)


def fitting(job: Job, ways: Sequence[Execution]) -> list[Trial]:
    """What the probe measures; nothing where memory is short."""
    try:
        return probe(job, ways)
    except torch.OutOfMemoryError:
        return []


def in_parts(run: Run, parts: int) -> None:
    """Compute each batch in so many parts, and say why; the batch itself stays."""
    record = run.record
    if parts == record.recipe.accumulate:
        return
    record.recipe = replace(record.recipe, accumulate=parts)
    why = f"accumulate={parts}: a larger part of the batch does not fit into memory"
    record.reasons.append(why)
    run.listener.say(why)


def run_updates(run: Run, job: Job, state: State) -> None:
    """Train until the plans are fulfilled, saving on the way.

    Raises:
        Interrupted: asked to stop; the state is saved.
    """
    saved, pace = monotonic(), Pace(run, job)
    with listening() as stopping:
        for event in updates(job, state, run.record.plans):
            write_log(run, job, state, event)
            if isinstance(event, Stepped):
                pace.tell(event)
            due = isinstance(event, EpochEnded) or monotonic() - saved > SAVE_EVERY
            asked, due = run.processes.any(stopping.asked, due)
            if not (asked or due):
                continue
            if isinstance(event, Stepped) and not event.whole:
                state.hold = True
                continue
            save(run, state)
            saved = monotonic()
            if asked:
                raise stopped(run.folder, f"after update {state.step:,}")
    if state.best is not None and state.step < run.record.plans[-1].steps:
        run.listener.say(
            f"stopped after {len(state.rows)} epochs: val loss has not fallen for "
            f"{job.recipe.patience}; the best epoch's average is kept"
        )


def logged(event: Stepped) -> dict[str, Any]:
    """A line of log.jsonl."""
    line = {"step": event.step, "loss": event.loss, "lr": event.lr}
    return line | ({"gradient_norm": event.norm} if isfinite(event.norm) else {})


def write_log(run: Run, job: Job, state: State, event: Event) -> None:
    """Log an update or an epoch; after an epoch, plan anew where that is due."""
    match event:
        case Stepped():
            if event.logged and run.processes.first:
                folders.add_step(run.folder, logged(event))
        case EpochEnded():
            state.rows[-1]["seconds"] = run.seconds()
            state.rows = run.processes.told(state.rows)
            replan(run, job, state)
            if run.processes.first:
                folders.write_rows(run.folder / folders.LOG, state.rows)
            run.listener.epoch(state.rows[-1])


def save(run: Run, state: State) -> None:
    """Write a checkpoint; it does not depend on the number of processes."""
    state.seconds = run.seconds()
    found = run.processes.all_told([asdict(one) for one in run.ready.train.unusable()])
    if run.processes.first:
        folders.add_unusable(run.folder, [Unusable(**one) for one in found])
        flush(run.folder / folders.STEPS)  # the checkpoint counts on its lines
        save_state(run.folder / folders.CHECKPOINTS, state)
    state.hold = False


class Pace:
    """Tells progress, not too often."""

    def __init__(self, run: Run, job: Job) -> None:
        self.run, self.job = run, job
        self.told = 0.0
        self.start: tuple[float, int] | None = None  # time and number of the first update

    def tell(self, event: Stepped) -> None:
        """Tell the listener how far the run is."""
        now = monotonic()
        begin, first = self.start = self.start or (now, event.step)
        if now - self.told < TOLD_EVERY:
            return
        self.told = now
        rate = (event.step - first) / (now - begin) if event.step > first else None
        total = self.run.record.plans[-1].steps
        self.run.listener.progress(
            Progress(
                what="training",
                done=event.step,
                total=total,
                per_second=rate and rate * self.job.batch,
                seconds_left=rate and (total - event.step) / rate,
                note=f"epoch {event.step / self.job.steps_per_epoch:.1f}, loss {event.loss:.3f}",
            )
        )
