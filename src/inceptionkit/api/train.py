"""`train`: a run from its first decision to its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from inceptionkit.errors import RecipeError
from inceptionkit.machine import cores
from inceptionkit.network.device import check_device, default_device
from inceptionkit.progress import Listener, Silence
from inceptionkit.report.run_page import write_report
from inceptionkit.spec import Net
from inceptionkit.training.autotune import check_precision
from inceptionkit.training.distributed import processes, take_gpu
from inceptionkit.training.process_settings import fast_cpu_settings
from inceptionkit.training.recipe import Recipe
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.finish import Finished, end, finish
from inceptionkit.training.run.request import (
    Asked,
    check_asked,
    check_seed,
    wanted_budget,
    wanted_recipe,
)
from inceptionkit.training.run.session import Session, run_training
from inceptionkit.training.run.signals import explain_how_to_resume
from inceptionkit.training.run.start import start_run
from inceptionkit.training.run.tensorboard import check_tracking


def train(  # noqa: PLR0913 - the options of the verb, each with its default
    data: str | Path,
    *,
    architecture: str | Net | None = None,
    input: int | None = None,  # noqa: A002 - the command line's word
    model: str | Path | None = None,
    cost: str | Sequence[str] = (),
    exits: Sequence[str] | None = None,
    pooled_exits: bool = False,
    recipe: str | Recipe | None = None,
    budget: str | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    settings: Sequence[str] = (),
    precision: str = "auto",
    device: str | None = None,
    strict: bool = False,
    workers: int | None = None,
    balance: str = "auto",
    find_lr: bool = False,
    track: bool = False,
    listener: Listener | None = None,
    start_time: float | None = None,
) -> Finished:
    """Train a classifier on labelled images, score it, and write a run folder.

    Where torchrun started several processes they compute the run together, and a command that is
    given again goes on with its run.

    Args:
        data: "digits", a folder of class folders, a manifest, or shards, here or at an address.
        architecture: name in the catalog, or a spec; chosen from the images if None.
        input: side of the square input, pixels; chosen from the images if None.
        model: folder of a model or a run, weights file, or id of released weights, whose weights,
            architecture and preprocessing to start from; if it has other classes than the images,
            every classifier is drawn anew.
        cost: what the answer to one image may cost, one or more of "300MMAC", "2Mparams", "8MiB"
            of activations, "30ms" measured here; the architecture is scaled to it.
        exits: blocks of the trunk after which exits stand; those of the architecture if None.
        pooled_exits: whether exits average over the whole grid, so that any input serves; those of
            a scaled architecture do.
        recipe: name of one that ships, path of a JSON file, or a recipe; if None "finetune" where
            there is a `model`, else "modern".
        budget: what training may cost: "10min" for the whole command, "2e15flop", "30epochs".
        epochs: passes over the training images, where there is no budget.
        batch: images in an update; the recipe's if None.
        seed: of the division into sets, the first weights, and every random draw.
        out: folder of the run; the next number under `runs/` if None.
        settings: of the recipe, as "key=value".
        precision: "auto", "fp32", "bf16", on GPUs "fp16", or "fp64".
        device: "cpu", "cuda", ...; a GPU if there is one.
        strict: whether an unusable image is an error.
        workers: how many images are decoded at once; one for each core if None. No result depends
            on it.
        balance: "none", "loss" (mistakes in small classes weigh more), "sample" (each class comes
            equally often), or "auto": what suits the sizes of the classes, or what a recipe says
            that is not ours.
        find_lr: whether a sweep of some updates chooses the learning rate.
        track: whether to write TensorBoard events too; needs the package tensorboard.
        listener: hears what is decided and how far it is.
        start_time: `time.monotonic()` when the command started, for a time budget.

    Raises:
        DataError, RecipeError, UnknownNameError, SpecError, WeightsError: a request that cannot be
            met; nothing was trained.
        RunError: the run folder cannot be written.
        TrainingError: the run cannot go on; the last checkpoint is whole.
        Interrupted: asked to stop; the state is saved.
    """
    start_time = monotonic() if start_time is None else start_time
    device = device or default_device()
    take_gpu(device)
    check_device(device)
    check_precision(precision, device)
    check_seed(seed)
    if track:
        check_tracking()
    costs = [cost] if isinstance(cost, str) else cost
    asked = Asked(
        data=data,
        architecture=architecture,
        input=input,
        model=model,
        costs=costs,
        exits=exits,
        pooled_exits=pooled_exits,
        recipe=wanted_recipe(recipe, model),
        settings=[
            *settings,
            *([] if batch is None else [f"batch={batch}"]),
            *([] if balance == "auto" else [f"balance={balance}"]),
        ],
        budget=wanted_budget(budget, epochs),
        seed=seed,
        precision=precision,
        device=device,
        strict=strict,
        workers=workers or cores(),
        find_lr=find_lr,
        track=track,
    )
    check_asked(asked)
    folder = None if out is None else Path(out)
    new = folder is None or not folder.exists()
    with processes(device) as group:
        heard = (listener or Silence()) if group.first else Silence()
        session = start_run(asked, folder, group, heard, start_time)
        try:
            return run_to_the_end(session)
        except RecipeError:  # a budget too small for one epoch: nothing is worth keeping
            if group.first and not session.record.plans:
                folders.empty(session.folder)
                if new:
                    session.folder.rmdir()
            raise


def run_to_the_end(session: Session) -> Finished:
    """Train, score, write the model and the page and, last, the result.

    Raises:
        Interrupted: asked to stop; the state is saved.
        RunError: a file cannot be written; what was saved is whole.
    """
    with fast_cpu_settings(), explain_how_to_resume(session.folder):
        config, state = run_training(session)
        result = finish(session, config, state)
        if session.processes.first:
            write_report(session.folder, session.record, result, session.dataset)
        return end(session, result)
