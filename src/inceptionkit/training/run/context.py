"""A run: what it works with, and what it decides before its first step, all of it written down."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from time import monotonic

import numpy as np

from inceptionkit.data import Dataset
from inceptionkit.data.loading.in_memory import TrainImages
from inceptionkit.data.loading.sets import LoadedSets, balance
from inceptionkit.data.loading.streaming import Stream
from inceptionkit.errors import TrainingError
from inceptionkit.files import write_json
from inceptionkit.machine import busy_elsewhere
from inceptionkit.model.seen import NOTHING, Seen
from inceptionkit.progress import Listener, Progress
from inceptionkit.records import to_json
from inceptionkit.text import percent
from inceptionkit.training.autotune import PROBE_SHARE, ProbeLimits, autotune
from inceptionkit.training.budget import Epochs, Time
from inceptionkit.training.checkpoint import checkpoints
from inceptionkit.training.defaults import vary_more
from inceptionkit.training.distributed import Processes
from inceptionkit.training.execution import Execution, fastest
from inceptionkit.training.heads import fit_heads, linear_heads
from inceptionkit.training.lr_finder import find_lr
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.planning import CROWDED
from inceptionkit.training.run.record import FILE, Record
from inceptionkit.training.run.tracking import ID_FILE, Logger
from inceptionkit.training.schedule import Plan
from inceptionkit.training.state import TrainConfig, TrainState, make_optimizer
from inceptionkit.training.updates import with_lr

FITTED_ON, FITTING_SHARE = 20_000, 0.08  # images at most, and share of the time left at most


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
    plan: str = ""  # the last, in words
    crowded: bool = False  # whether other processes kept the machine busy during the probe
    logger: Logger | None = None  # to a tracker, while it trains and until it ends

    def close(self) -> None:
        """Let the tracker write what it has not written yet."""
        if self.logger is not None:
            self.logger.close()
        self.logger = None

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
            write_json(self.folder / FILE, to_json(record))
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


def decide_execution(session: Session) -> None:
    """Let a probe find the fastest execution, and in how many parts a batch fits into memory."""
    record = session.record
    known = Execution(device=record.request.device or "cpu", threads=record.threads)
    config, start, others = session.config(known), monotonic(), busy_elsewhere()
    budget = record.budget
    limits = ProbeLimits(
        seconds=PROBE_SHARE * budget.seconds if isinstance(budget, Time) else inf,
        steps=budget.epochs * config.steps_per_epoch if isinstance(budget, Epochs) else None,
        tick=lambda done, total: session.listener.progress(
            Progress(what="probing", done=done, total=total + 1, note="which precision is fastest")
        ),
    )
    parts, trials = autotune(config, record.request.precision, limits)
    session.crowded = busy_elsewhere() - others > CROWDED * (monotonic() - start)
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
    tried = "" if len(trials) == 1 else f", fastest of {len(trials)} ways to compute"
    step = 1e3 * min(trial.step_seconds for trial in trials if trial.execution == chosen)
    session.decide(record, *reasons, f"precision: {chosen}: {step:.0f} ms a step{tried}")


def fit_new_heads(session: Session, config: TrainConfig, state: TrainState) -> None:
    """Fit the new classifiers on features of the weights that the run starts from, in seconds."""
    record, count = session.record, session.record.fitted_on
    if record.start is None or record.start.same_classes:
        return
    if count is None:
        count = min(FITTED_ON, config.batch * config.steps_per_epoch)
        if isinstance(record.budget, Time):  # a pass forward costs a third of a step
            each = min(t.step_seconds for t in record.probe) / config.batch / 3
            left = record.budget.seconds - session.seconds()
            count = min(count, int(FITTING_SHARE * left / each))
        count = session.processes.broadcast_json(count)
        session.decide(replace(record, fitted_on=count))
    if not linear_heads(state.model) or count < len(session.dataset.classes):
        return

    def tick(done: int, every: int) -> None:
        session.listener.progress(Progress(what="computing features", done=done, total=every))

    found = fit_heads(config, state, count, tick)
    scores = ", ".join(f"{name} {percent(top1)}" for name, top1 in found.items())
    why = f"classifiers fitted on the features of {count:,} images: val top-1 {scores}"
    top1 = None
    if config.recipe.patience is None and "main" in found:  # else the best epoch is kept anyway
        top1, state.best = found["main"], copy.deepcopy(state.average)
    session.decide(replace(session.record, fitted_top1=top1), why)


def decide_lr(session: Session, config: TrainConfig, state: TrainState) -> None:
    """Let a range test choose the learning rate."""
    record, sweep = session.record, find_lr(config, state)
    lr = float(f"{sweep.rate * config.recipe.optimizer.lr_batch / config.batch:.3g}")
    why = f"lr={lr:g}: chosen by a range test of {len(sweep.rates)} steps"
    recipe = replace(record.recipe, optimizer=with_lr(record.recipe.optimizer, lr))
    made = make_optimizer(state.model, recipe)
    for group, new in zip(state.optimizer.param_groups, made.param_groups, strict=True):
        group["share"] = new["share"]  # rounded as in a resumed run
    reasons = (*record.reasons, why)
    session.decide(replace(record, recipe=recipe, found_lr=lr, reasons=reasons), why)


def decide_variation(session: Session, config: TrainConfig, plan: Plan) -> TrainConfig:
    """Let a long run vary its images more, if that suits them."""
    epochs, images = plan.steps / config.steps_per_epoch, len(session.ready.train)
    settings = session.record.request.settings
    recipe, why = vary_more(session.record.recipe, settings, epochs=epochs, images=images)
    reasons = (*session.record.reasons, *why)
    session.decide(replace(session.record, recipe=recipe, reasons=reasons), *why)
    return replace(config, recipe=recipe)


def begin_again(session: Session, error: TrainingError) -> None:
    """Let a run whose loss exploded begin again, with a tenth of the learning rate.

    What it wrote is removed first: a run that is lost here explodes again, and comes here again.
    """
    record, folder = session.record, session.folder
    session.close()
    if session.processes.rank == 0:
        for path in checkpoints(folder / folders.CHECKPOINTS):
            path.unlink()
        folders.keep_steps(folder, 0)
        for name in (folders.LOG, ID_FILE):
            (folder / name).unlink(missing_ok=True)
    session.processes.barrier()
    lr = float(f"{record.recipe.optimizer.lr / 10:.3g}")
    recipe = replace(record.recipe, optimizer=with_lr(record.recipe.optimizer, lr))
    what = str(error).partition(";")[0]
    why = f"lr={lr:g}: the run restarts with a tenth of the learning rate, because {what}"
    session.plan, reasons = "", (*record.reasons, why)
    session.decide(replace(record, recipe=recipe, plans=(), restarted=True, reasons=reasons), why)
