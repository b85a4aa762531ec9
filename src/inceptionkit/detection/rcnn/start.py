"""Opening a run that trains an R-CNN: what it was asked for, and the images that it can use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

from inceptionkit import records
from inceptionkit.catalog import SUFFIX
from inceptionkit.catalog import find as find_net
from inceptionkit.convert.registry import read_weights
from inceptionkit.detection.division import DividedSet, divide
from inceptionkit.detection.proposals import Proposer
from inceptionkit.detection.rcnn.proposer import (
    PROPOSER,
    copy_proposer,
    load_proposer,
    proposer_folder,
)
from inceptionkit.detection.rcnn.request import DetectRcnnRequest
from inceptionkit.detection.rcnn.settings import RegionSettings
from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.types import DetectionSet
from inceptionkit.errors import InceptionError, RecipeError, RunError
from inceptionkit.files import read_bounded, write_json
from inceptionkit.model.folder import DEFAULT_MODEL, shipped
from inceptionkit.network.build import check_device, named_device
from inceptionkit.options import several
from inceptionkit.progress import Listener, Silence
from inceptionkit.training.budget import parse_budget
from inceptionkit.training.recipe import MODERN, override
from inceptionkit.training.recipes import find
from inceptionkit.training.run import folder as folders

FILE, ELAPSED = folders.RCNN_RUN, "elapsed.json"
RANDOM = "none"
"""What --from takes for random weights."""

_MOST_BYTES = 2**20
_LARGEST_SCALE = 10_000  # of superpixels
_SIDE = 64  # pixels of a warped region, where nothing says it
RECIPE = ("crop=padded", "padding=2", "small_crops=0", "crop_side=1", "flip=random", "mixup=0")
"""Settings of the recipe for regions: the whole region counts, a random part of it is another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The training of one classifier on regions."""

    data: Path  # the regions
    out: Path  # the run folder; where it holds a run, that is resumed
    start: Path | str | None  # a model or run to start from
    side: int  # of the regions, pixels
    settings: Sequence[str]  # of the recipe
    seed: int
    budget: str
    device: str


Train: TypeAlias = Callable[[Training], None]
"""The stock training."""


@dataclass(frozen=True, kw_only=True)
class RcnnRun:
    """What a run has opened and decided."""

    folder: Path
    request: DetectRcnnRequest
    data: DividedSet
    how: RegionSettings
    side: int
    train: Train
    listener: Listener
    start_time: float
    device: str = "cpu"
    proposer: Proposer | None = None  # proposes beside selective search
    earlier_seconds: float = 0.0  # that interrupted sessions took

    def seconds(self) -> float:
        """How long the run takes so far, earlier sessions included."""
        return self.earlier_seconds + monotonic() - self.start_time

    def keep_time(self) -> None:
        """Write down how long the run takes so far, for a session that resumes it.

        Raises:
            WriteError: it cannot be written.
        """
        write_json(self.folder / ELAPSED, {"seconds": self.seconds()})

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, without background."""
        return self.data.train.classes


def start_run(request: DetectRcnnRequest, train: Train, start_time: float) -> RcnnRun:
    """Open the images, make the folder, and write down what was asked for.

    Raises:
        DataError, RecipeError, WeightsError: a request that cannot be met.
        RunError: the folder cannot be written.
    """
    request = replace(request, settings=several(request.settings))
    request = replace(request, device=named_device(request.device))
    by_default = _is_default(request)
    if by_default:
        request = replace(request, from_=DEFAULT_MODEL)
    _check(request)
    opened = open_detection(request.data)
    data = divide(opened, request.split_seed)
    side = request.input_size or _SIDE
    start = named_start(request)
    if start is not None and request.input_size is None and not by_default:
        side = read_weights(start)[0].preprocessing.size
    out = None if request.out is None else Path(request.out)
    folder = folders.new_folder(out, str(request.data), "rcnn")
    kept = replace(
        request,
        data=str(Path(request.data).expanduser().absolute()),
        from_=_whole_path(start) or (RANDOM if request.from_ else None),
        architecture=_whole_file(request.architecture),
        proposer=_whole_path(request.proposer),
        out=str(folder),
        listener=None,
    )
    facts = {
        "request": records.to_json(kept),
        "side": side,
        "fingerprint": _fingerprint(data),
        "images": opened.fingerprint_of_images(),
    }
    if request.proposer is not None:  # a resumed run has the same, wherever that has gone
        copy_proposer(request.proposer, folder)
    write_json(folder / FILE, facts)
    kept = replace(kept, listener=request.listener)
    run = _run(folder, kept, data, train, side=side, start_time=start_time)
    if by_default:
        run.listener.say(
            f"classifiers start from {DEFAULT_MODEL}; --from {RANDOM} gives random weights"
        )
    return run


def named_start(request: DetectRcnnRequest) -> Path | str | None:
    """The model that a request names to start from; None without, and for random weights."""
    return None if str(request.from_) == RANDOM else request.from_


def _is_default(request: DetectRcnnRequest) -> bool:
    """Whether the model that ships is where to start from: nothing says another, and it ships."""
    nothing = request.from_ is None and request.architecture is None
    return nothing and DEFAULT_MODEL in shipped()


def _fingerprint(data: DividedSet) -> str:
    """That of all three sets: val ends trainings, test is scored."""
    return " ".join(part.fingerprint() for part in (data.train, data.val, data.test))


def is_rcnn_run(folder: Path) -> bool:
    """Whether a folder is that of such a run."""
    return (folder / FILE).is_file()


def _check(request: DetectRcnnRequest) -> None:
    """Refuse what the trainings would refuse, before regions are searched for minutes."""
    if request.budget is not None:
        parse_budget(request.budget)
    start = named_start(request)
    if start is not None and request.architecture is not None:
        msg = f"--from {request.from_} brings its architecture; leave --arch out"
        raise RecipeError(msg)
    if request.architecture is not None:
        find_net(request.architecture)
    check_device(request.device or "cpu")
    region_settings(request)
    if request.proposer is not None:
        proposer_folder(request.proposer)
    recipe = MODERN if start is None else find("finetune").recipe
    override(recipe, (*RECIPE, *request.settings))


def _whole_file(architecture: str | None) -> str | None:
    """A file's path that does not depend on the current folder; a name as it is."""
    is_file = architecture is not None and architecture.endswith(SUFFIX)
    return _whole_path(architecture) if is_file else architecture


def _whole_path(model: str | Path | None) -> str | None:
    """A path that does not depend on the current folder; an id as it is."""
    if model is None:
        return None
    return str(Path(model).absolute() if Path(model).exists() else model)


def read_request(folder: Path) -> DetectRcnnRequest:
    """What a run was asked for.

    Raises:
        RunError: its file is damaged.
    """
    return records.from_json(DetectRcnnRequest, _kept(folder)["request"], at="", error=RunError)


def _kept(folder: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = records.STRICT.decode(
            read_bounded(folder / FILE, _MOST_BYTES).decode()
        )
        records.from_json(DetectRcnnRequest, kept["request"], at="", error=RunError)
        kept["side"], kept["fingerprint"] = int(kept["side"]), str(kept["fingerprint"])
    except (*records.UNREADABLE, InceptionError, LookupError, TypeError) as error:
        msg = f"{folder / FILE}: cannot be used ({error}); start the run again in another folder"
        raise RunError(msg) from error
    return kept


def resume_run(
    folder: Path,
    request: DetectRcnnRequest,
    data: str | Path | None,
    train: Train,
    start_time: float,
) -> RcnnRun:
    """Open a run again that was interrupted.

    Args:
        folder: of the run.
        request: what it was asked for.
        data: where the images are now, if they moved.
        train: the stock training.
        start_time: of the command.

    Raises:
        RunError: the folder is damaged, another process works there, or the images changed.
        DataError: the images are gone.
        RecipeError: the run's device is not there.
    """
    kept, earlier = _kept(folder), earlier_seconds(folder)
    check_device(request.device or "cpu")
    divided = divide_again(folder, open_detection(data or request.data))
    folders.take(folder)
    run = _run(folder, request, divided, train, side=kept["side"], start_time=start_time)
    return replace(run, earlier_seconds=earlier)


def divide_again(folder: Path, opened: DetectionSet, *, corrected: bool = False) -> DividedSet:
    """The images of a run, divided as the run divided them.

    Args:
        folder: of the run.
        opened: the images.
        corrected: whether boxes and labels may be others.

    Raises:
        RunError: the folder is damaged, or these are not the run's images.
        DataError: there are too few images.
    """
    divided, kept = divide(opened, read_request(folder).split_seed), _kept(folder)
    same_images = opened.fingerprint_of_images() == kept.get("images")
    same = _fingerprint(divided) == kept["fingerprint"]
    if not (same or (corrected and same_images)):
        msg = f"{folder}: the images or boxes at {opened.address} changed since the run began"
        raise RunError(msg + "; put them back as they were, or start another run")
    return divided


def earlier_seconds(folder: Path) -> float:
    """How long a run took before it was interrupted; 0 where it was lost before that was kept."""
    try:
        kept = records.STRICT.decode(read_bounded(folder / ELAPSED, _MOST_BYTES).decode())
        return max(0.0, float(kept["seconds"]))
    except FileNotFoundError:
        return 0.0
    except (*records.UNREADABLE, OSError, LookupError, TypeError) as error:
        msg = f"{folder / ELAPSED}: cannot be used ({error}); delete it, and the time starts at 0"
        raise RunError(msg) from error


def _run(
    folder: Path,
    request: DetectRcnnRequest,
    data: DividedSet,
    train: Train,
    *,
    side: int,
    start_time: float,
) -> RcnnRun:
    proposer = None
    if request.proposer is not None:
        proposer = load_proposer(folder / PROPOSER, request.device or "cpu")
    return RcnnRun(
        folder=folder,
        request=request,
        data=data,
        how=region_settings(request),
        side=side,
        train=train,
        listener=request.listener or Silence(),
        start_time=start_time,
        device=request.device or "cpu",
        proposer=proposer,
    )


def region_settings(request: DetectRcnnRequest) -> RegionSettings:
    """How regions are chosen, as a request says it.

    Raises:
        RecipeError: the scales of the superpixels are no numbers, or too small or large.
    """
    try:
        scales = tuple(float(part) for part in request.superpixels.split(","))
    except ValueError:
        scales = ()
    if not scales or not all(1 <= scale <= _LARGEST_SCALE for scale in scales):
        msg = f"--superpixels takes numbers from 1 to {_LARGEST_SCALE}, separated by commas, such "
        raise RecipeError(msg + f"as 50,100, got {request.superpixels!r}")
    return RegionSettings(
        context=request.context,
        proposals=request.proposals,
        per_image=request.regions,
        scales=scales,
    )
