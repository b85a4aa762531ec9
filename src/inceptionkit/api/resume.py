"""`resume`: go on where a run stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic

from inceptionkit.api.train import check_processes, counts, facts
from inceptionkit.data import Dataset, split_dataset
from inceptionkit.data.loading.sets import SplitDataset, load_sets, open_and_split
from inceptionkit.data.quality.groups import load_grouped
from inceptionkit.errors import RunError
from inceptionkit.machine import cores
from inceptionkit.progress import Listener, Silence
from inceptionkit.training.distributed import processes, take_gpu
from inceptionkit.training.execution import check_device
from inceptionkit.training.run.finish import Finished
from inceptionkit.training.run.folder import MODEL
from inceptionkit.training.run.record import Record, read_record
from inceptionkit.training.run.run import Run
from inceptionkit.training.run.session import follow
from inceptionkit.training.run.tensorboard import check_tracking


def resume(
    run: str | Path,
    *,
    allow_changed: bool = False,
    workers: int | None = None,
    listener: Listener | None = None,
    began: float | None = None,
) -> Finished:
    """Go on with an interrupted run; one that has ended is only scored and reported again.

    The run ends with the same weights as if it had not been interrupted.

    Args:
        run: folder of the run.
        allow_changed: go on with images that are not those the run began with; then it does not end
            as if it had not been interrupted.
        workers: how many images are decoded at once; one for each core if None.
        listener: hears how far it is.
        began: `time.monotonic()` when the command started, for a time budget.

    Raises:
        RunError: there is no run, or the images changed since and that is not allowed, or their
            classes did.
        DataError: the images are gone.
        RecipeError: the run's device is not there; it writes TensorBoard events, and their package
            is not installed; or there are more processes than images in an update.
        Interrupted: asked to stop again; the state is saved.
    """
    began = monotonic() if began is None else began
    listener = listener or Silence()
    folder = Path(run)
    record = read_record(folder)
    if record.track:
        check_tracking()
    take_gpu(record.device)
    check_device(record.device)
    opened = open_and_split(record.data["address"], seed=record.seed)
    same = opened.dataset.fingerprint() == record.data["fingerprint"]
    if not same:
        check_changed(folder, record, opened.dataset, allowed=allow_changed)
    with processes(record.device) as group:
        heard = listener if group.first else Silence()
        count = workers or cores()
        if same:
            opened = divided_as_before(opened, record)
            ready = load_sets(
                opened, record.preprocessing, workers=count, strict=record.strict, listener=heard
            )
        else:
            opened, ready = load_grouped(
                opened,
                record.preprocessing,
                seed=record.seed,
                workers=count,
                strict=record.strict,
                listener=heard,
            )
            record.data = facts(opened, ready)
            why = f"the images changed after the run began: {opened.sets.rule}"
            record.reasons.append(why)
            heard.say(f"{why}; {counts(opened)}")
        check_processes(record.recipe, len(ready.train), group)
        resumed = Run(folder, record, opened.dataset, ready, heard, began, group)
        if not same:
            resumed.write_record()
        return follow(resumed)


def check_changed(folder: Path, record: Record, dataset: Dataset, *, allowed: bool) -> None:
    """Refuse images that changed, unless that is allowed and they are of the same classes.

    Raises:
        RunError: so it is.
    """
    changed, address = "changed since the run began; put them back as they were", dataset.address
    if list(dataset.classes) != record.data["classes"]:
        start = f" --from {folder}" if (folder / MODEL).is_dir() else ""
        msg = f"{folder}: the classes of the images at {address} {changed}, or start another run "
        raise RunError(msg + f"with: inceptionkit train {address}{start}")
    if not allowed:
        msg = f"{folder}: the images at {address} {changed}, allow it with --allow-changed, or "
        raise RunError(msg + "start another run")


def divided_as_before(opened: SplitDataset, record: Record) -> SplitDataset:
    """The images of a run, with the near-duplicates together that were found when it began."""
    duplicate_groups = record.data.get("duplicate_groups", ())
    sets = split_dataset(opened.dataset, record.seed, duplicate_groups=duplicate_groups)
    return replace(opened, sets=sets, duplicate_groups=duplicate_groups)
