"""`resume`: an interrupted run to its end."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

from inceptionkit.arguments import LISTENER, MOVED_DATA, WORKERS
from inceptionkit.display import SHOWN
from inceptionkit.options import Argument, Option, verb
from inceptionkit.progress import Listener, Silence

if TYPE_CHECKING:
    from inceptionkit.training.run.finish import TrainResult


@dataclass(frozen=True)
class ResumeRequest:
    """Which run to resume."""

    run: Annotated[str | Path, Argument("Folder of the run.", "RUN")]
    _: KW_ONLY
    data: Annotated[str | Path | None, MOVED_DATA] = None
    allow_changed: Annotated[
        bool, Option("Resume although the images changed; the result is then another one.")
    ] = False
    workers: Annotated[int | None, WORKERS] = None
    listener: Annotated[Listener | None, LISTENER] = SHOWN


@verb(ResumeRequest)
def resume(request: ResumeRequest) -> TrainResult:  # noqa: C901, PLR0915 - decisions in their order
    """Resume an interrupted run. The result is identical to an uninterrupted one.

    Of a run that has ended nothing is changed; its result is reported.

    Raises:
        RunError: there is no run, another process works on it, or the images changed since and that
            is not allowed, or their classes did.
        DataError: the images are gone, and `data` does not say where they are.
        RecipeError: the run's device or its tracker is not there; or there are more processes than
            images in a step.
        Interrupted: asked to stop again; the state is saved.
    """
    start_time = monotonic()  # a time budget covers the whole command
    from inceptionkit.addresses import SECRETS
    from inceptionkit.api.train import run_to_the_end
    from inceptionkit.data.loading.sets import open_and_split
    from inceptionkit.errors import DataError, RunError
    from inceptionkit.machine import cores, launched
    from inceptionkit.network.build import check_device
    from inceptionkit.training.distributed import processes, take_gpu
    from inceptionkit.training.run import folder as folders
    from inceptionkit.training.run.finish import ended
    from inceptionkit.training.run.record import read_record
    from inceptionkit.training.run.start import check_changed, resume_run
    from inceptionkit.training.run.tracking import check_tracking

    folder = Path(request.run)
    record = read_record(folder)
    if record.result is not None and not launched():
        (request.listener or Silence()).say(f"{folder}: the run has ended; nothing is changed")
        return ended(folder, record.result)
    device = record.request.device or "cpu"
    if record.request.track:
        check_tracking(record.request.track)
    if launched():
        take_gpu(device)
    check_device(device)
    address = record.data["address"] if request.data is None else request.data
    if record.data.get("secret") and request.data is None and address not in SECRETS:
        msg = (
            f"{folder}: its images are at {record.data['address']}, and the password or signature "
            "is not kept; give the whole address again with --data"
        )
        raise RunError(msg)
    try:
        source = replace(record.source, address=address)
        opened = open_and_split(source, seed=record.request.split_seed)
    except DataError as error:
        if request.data is not None:
            raise
        msg = f"{error}; if the images moved, say with --data where they are now"
        raise DataError(msg) from error
    allowed = request.allow_changed
    check_changed(folder, record, opened.dataset, allowed=allowed)
    with processes(device) as group:
        listener = (request.listener or Silence()) if group.rank == 0 else Silence()
        count = request.workers or cores()
        if group.rank == 0:
            folders.take(folder)
        try:
            session = resume_run(
                folder, record, opened, group, listener, start_time, workers=count, allowed=allowed
            )
            if request.data is not None:
                data = session.record.data.copy()
                data["address"], data["secret"] = opened.address, opened.address in SECRETS
                why = f"the images are at {opened.address} now"
                session.decide(replace(session.record, data=data), why)
            return run_to_the_end(session)
        finally:
            folders.release(folder)
