"""`resume`: go on where a run stopped."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from inceptionkit.api.train import run_to_the_end
from inceptionkit.data.loading.sets import open_and_split
from inceptionkit.machine import cores
from inceptionkit.network.device import check_device
from inceptionkit.progress import Listener, Silence
from inceptionkit.training.distributed import processes, take_gpu
from inceptionkit.training.run.finish import Finished
from inceptionkit.training.run.record import read_record
from inceptionkit.training.run.start import check_changed, resume_run
from inceptionkit.training.run.tensorboard import check_tracking


def resume(
    run: str | Path,
    *,
    allow_changed: bool = False,
    workers: int | None = None,
    listener: Listener | None = None,
    start_time: float | None = None,
) -> Finished:
    """Go on with an interrupted run; one that has ended is only scored and reported again.

    The run ends with the same weights as if it had not been interrupted.

    Args:
        run: folder of the run.
        allow_changed: go on with images that are not those the run began with; then it does not end
            as if it had not been interrupted.
        workers: how many images are decoded at once; one for each core if None.
        listener: hears how far it is.
        start_time: `time.monotonic()` when the command started, for a time budget.

    Raises:
        RunError: there is no run, or the images changed since and that is not allowed, or their
            classes did.
        DataError: the images are gone.
        RecipeError: the run's device is not there; it writes TensorBoard events, and their package
            is not installed; or there are more processes than images in an update.
        Interrupted: asked to stop again; the state is saved.
    """
    start_time = monotonic() if start_time is None else start_time
    folder = Path(run)
    record = read_record(folder)
    if record.track:
        check_tracking()
    take_gpu(record.device)
    check_device(record.device)
    opened = open_and_split(record.data["address"], seed=record.seed)
    check_changed(folder, record, opened.dataset, allowed=allow_changed)
    with processes(record.device) as group:
        heard = (listener or Silence()) if group.first else Silence()
        count = workers or cores()
        session = resume_run(folder, record, opened, group, heard, start_time, workers=count)
        return run_to_the_end(session)
