"""`train`: a run from its first decision to its report."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from inceptionkit.errors import RecipeError
from inceptionkit.options import verb
from inceptionkit.progress import Progress, Silence
from inceptionkit.training.run.request import TrainRequest, resolve

if TYPE_CHECKING:
    from inceptionkit.training.run.context import Session
    from inceptionkit.training.run.finish import TrainResult


@verb(TrainRequest)
def train(request: TrainRequest) -> TrainResult:  # noqa: C901 - checks in their order
    """Train a classifier on your images, measure it, and write a report.

    Where torchrun started several processes they compute the run together, and a command that is
    given again resumes its run.

    Raises:
        DataError, RecipeError, UnknownNameError, SpecError, WeightsError: a request that cannot be
            met; nothing was trained.
        RunError: the run folder cannot be written.
        TrainingError: the run cannot go on; the last checkpoint is whole.
        Interrupted: asked to stop; the state is saved.
    """
    start_time = monotonic()  # a time budget covers the whole command
    from inceptionkit.data.loading.sets import open_and_split
    from inceptionkit.data.types import Source
    from inceptionkit.machine import cores, facts, launched
    from inceptionkit.network.build import check_device, named_device
    from inceptionkit.training.autotune import check_precision
    from inceptionkit.training.distributed import SINGLE_PROCESS, processes, take_gpu
    from inceptionkit.training.run import folder as folders
    from inceptionkit.training.run.start import start_run
    from inceptionkit.training.run.tracking import check_tracking

    device = named_device(request.device)
    if several := launched():
        take_gpu(device)
    workers, machine = request.workers or cores(), facts()
    if request.device is not None:
        check_device(device)
    if request.precision != "auto":
        check_precision(request.precision, device)
    if request.track:
        check_tracking(request.track)
    asked = resolve(request, device, workers, machine)
    folder = None if request.out is None else Path(request.out)
    new = folder is None or not folder.exists()
    if folder is not None and not new and not several:
        folders.require_empty(folder)
    with processes(device) if several else nullcontext(SINGLE_PROCESS) as group:
        listener = (request.listener or Silence()) if group.rank == 0 else Silence()
        columns = (request.image_column, request.label_column)
        source = Source(request.data, request.classes, *columns)
        opened = open_and_split(source, seed=request.split_seed)
        session = start_run(request, asked, opened, group, listener, start_time)
        try:
            return run_to_the_end(session)
        except RecipeError:  # a budget too small for one epoch: nothing is worth keeping
            if group.rank == 0 and not session.record.plans:
                folders.empty(session.folder)
                if new:
                    session.folder.rmdir()
            raise
        finally:
            folders.release(session.folder)


def run_to_the_end(session: Session) -> TrainResult:
    """Train, score, write the model and the page and, last, the result.

    Raises:
        Interrupted: asked to stop; the state is saved.
        RunError: a file cannot be written; what was saved is whole.
    """
    from inceptionkit.report.run_page import write_report
    from inceptionkit.training.run.finish import end, finish
    from inceptionkit.training.run.process import explain_how_to_resume, fast_cpu_settings
    from inceptionkit.training.run.session import run_training

    with fast_cpu_settings(), explain_how_to_resume(session.folder), closing(session):
        config, state = run_training(session)
        result = finish(session, config, state)
        if session.processes.rank == 0:
            drawing = Progress(what="report", done=0, total=0, note="drawing its pictures")
            session.listener.progress(drawing)
            write_report(session.folder, session.record, result, session.dataset)
        if session.logger is not None:
            session.logger.finish(result)
        return end(session, result)
