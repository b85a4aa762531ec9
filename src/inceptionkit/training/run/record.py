"""run.json: everything needed to repeat a run, written before it is followed."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypedDict

from inceptionkit.addresses import SECRETS, without_secrets
from inceptionkit.data.types import Source
from inceptionkit.errors import InceptionError, RunError
from inceptionkit.files import read_bounded, write_json
from inceptionkit.machine import facts
from inceptionkit.model.card import MOST_CARD_BYTES, ExitScores
from inceptionkit.model.folder import DETECTOR
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener
from inceptionkit.records import STRICT, UNREADABLE, Between, from_json, to_json
from inceptionkit.spec import Net
from inceptionkit.training.budget import Budget, Epochs, parse_budget
from inceptionkit.training.execution import Execution, Trial, describe
from inceptionkit.training.recipe import Recipe
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.initial_weights import InitialWeights
from inceptionkit.training.run.request import TrainRequest
from inceptionkit.training.schedule import Plan
from inceptionkit.training.updates import with_lr

if TYPE_CHECKING:
    from inceptionkit.data import Unusable
    from inceptionkit.data.loading.sets import LoadedSets, SplitDataset
    from inceptionkit.training.distributed import Processes

FORMAT = 1
FILE = "run.json"
PACKAGES = (
    *("inceptionkit", "torch", "numpy", "pillow", "safetensors"),
    *("simplejpeg", "cykooz.resizer"),  # which make the pixels of streamed images, if installed
)


def versions() -> dict[str, str]:
    """Versions of what computes."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


class _DataFacts(TypedDict):
    address: str
    fingerprint: str
    classes: list[str]
    sets: Mapping[str, Annotated[int, Between(0, 2**53)]]  # "train", "val", "test" -> images
    rule: str
    unusable: Annotated[int, Between(0, 2**53)]


class DataFacts(_DataFacts, total=False):
    """What run.json says of the data."""

    content: str  # hash of the files; of many that are not in memory, of some
    secret: bool  # whether a part of the address is not kept
    duplicate_groups: list[list[Annotated[int, Between(0, 2**53)]]]


_Share: TypeAlias = Annotated[float, Between(0, 1)]


class NothingLearned(TypedDict):
    """What run.json says of a run that learned nothing."""

    says: str  # what shows it
    cause: str  # why that may be
    command: str  # to try


class _RunResult(TypedDict):
    run: str
    model: str
    epochs: Annotated[float, Between(0, 1e9)]
    seconds: Annotated[float, Between(0, 1e12)]
    set: str
    images: Annotated[int, Between(0, 2**53)]
    top1: Annotated[float | None, Between(0, 1)]
    top5: Annotated[float | None, Between(0, 1)]
    exits: Mapping[str, ExitScores]
    images_per_second: Annotated[float, Between(0, 1e12)]
    peak_bytes: Annotated[int | None, Between(0, 2**63)]


class RunResult(_RunResult, total=False):
    """What run.json says of the end of a run, as `TrainResult` does."""

    top1_interval: tuple[_Share, _Share]
    chance: _Share
    largest_class: str
    largest_class_top1: _Share
    nothing_learned: NothingLearned | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What run.json holds. A decision makes a new one, which is written before it is followed."""

    format: int = FORMAT
    made_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    request: TrainRequest  # as it is stored
    data: DataFacts
    reasons: tuple[str, ...] = ()  # what was chosen without being asked for, and why
    recipe: Recipe
    threads: int
    start: InitialWeights | None = None  # in place of random ones
    fitted_on: int | None = None  # images whose features the new classifiers are fitted on first
    fitted_top1: float | None = None  # of val then; the weights are kept unless an epoch reaches it
    found_lr: float | None = None  # what a range test chose, which is then the recipe's
    restarted: bool = False  # with a tenth of the learning rate, which is then the recipe's
    processes: int = 1  # that compute it; a resumed run may have another number
    probe: tuple[Trial, ...] = ()
    execution: Execution | None = None
    plans: tuple[Plan, ...] = ()
    result: RunResult | None = None
    versions: Mapping[str, str] = field(default_factory=versions)
    machine: Mapping[str, str | int | None] = field(default_factory=facts)
    preprocessing: Preprocessing
    architecture: Net

    @property
    def source(self) -> Source:
        """Where the images are, and how they are read."""
        asked = self.request
        columns = (asked.image_column, asked.label_column)
        return Source(self.data["address"], asked.classes, *columns)

    @property
    def budget(self) -> Budget:
        """How long the run may be."""
        if self.request.budget is not None:
            return parse_budget(self.request.budget)
        return Epochs(self.request.epochs or self.recipe.epochs)

    def describe_execution(self) -> str:
        """How the run computes and why, in words."""
        return describe(self.execution, self.probe)


def data_facts(opened: SplitDataset, ready: LoadedSets) -> DataFacts:
    """What run.json says of the data."""
    sets = {"train": ready.train, "val": ready.val, "test": ready.test}
    said = DataFacts(
        address=opened.address,
        fingerprint=opened.fingerprint,
        content=ready.content,
        classes=list(opened.dataset.classes),
        sets={name: len(images.labels) for name, images in sets.items()},
        rule=opened.sets.rule,
        unusable=len(ready.unusable),
    )
    if opened.address in SECRETS:
        said["secret"] = True
    if opened.duplicate_groups:
        said["duplicate_groups"] = [list(group) for group in opened.duplicate_groups]
    return said


def settle(
    record: Record,
    out: Path | None,
    unusable: Collection[Unusable],
    group: Processes,
    listener: Listener,
) -> tuple[Path, Record]:
    """Give a run its folder: a new one, or that of the same run which several processes began.

    Raises:
        RunError: it cannot be made, in every process.
    """
    address, net = record.data["address"], record.architecture.name
    if group.count > 1:
        existing = folders.existing_runs(out, address, net)
        same = [str(folder) for folder in existing if _same_run(folder, record)]
        if known := group.broadcast_json(same):
            folder = Path(known[0])
            there = read_record(folder)
            listener.say(f"resumes {folder}")
            request = replace(there.request, track=record.request.track)
            return folder, replace(there, request=request)
    folder, refusal, data = Path(), None, to_json(record)
    if group.rank == 0:
        try:
            folder = folders.new_folder(out, address, net)
            rows = [{"path": one.name, "reason": one.reason} for one in unusable]
            folders.write_rows(folder / folders.UNUSABLE, rows, ("path", "reason"))
            write_json(folder / FILE, data)
        except RunError as error:
            refusal = error
    if group.count > 1:
        place = group.broadcast_json([str(folder), refusal and str(refusal)])
        folder, refusal = Path(place[0]), place[1] and RunError(place[1])
    if refusal is not None:
        raise refusal
    if unusable:
        where = folder / folders.UNUSABLE
        listener.say(f"{len(unusable)} images cannot be used: {where}")
    return folder, record


def read_record(folder: Path) -> Record:
    """Read a run's run.json.

    Raises:
        RunError: there is none, or it is damaged or of another version.
    """
    path = folder / FILE
    if not path.is_file():
        above = folder.parent
        meant = above if (above / FILE).is_file() else "the folder that `train` printed"
        msg = f"{without_secrets(folder)}: no run there, it holds no {FILE}; give {meant}"
        raise RunError(msg)
    try:
        data = STRICT.decode(read_bounded(path, MOST_CARD_BYTES).decode())
        got = data.get("format") if isinstance(data, dict) else None
        if got != FORMAT:
            hint = "; it trains a detector: use `inceptionkit detect`" if got == DETECTOR else ""
            msg = f"its format is not {FORMAT}{hint}"
            raise RunError(msg)
        record = from_json(Record, data, at="", error=RunError)
        datetime.fromisoformat(record.made_at)
        exits = {exit_.name for exit_ in record.architecture.exits}
        if record.result is not None and record.result["exits"].keys() != exits:
            msg = "its result is of other exits than its architecture has"
            raise RunError(msg)
    except (*UNREADABLE, InceptionError) as error:
        said = str(error) if isinstance(error, InceptionError) else repr(error)
        msg = f"{path}: cannot be used ({said}); start the run again in another folder"
        raise RunError(msg) from error
    return record


def _same_run(folder: Path, record: Record) -> bool:
    """Whether the folder holds this run, not yet finished.

    Args:
        folder: of a run.
        record: of the run that is wanted.
    """
    from inceptionkit.training.defaults import vary_more

    try:
        there = read_record(folder)
    except RunError:
        return False
    parts = there.recipe.batching.grad_accum  # the probe may raise it
    recipe = replace(record.recipe, batching=replace(record.recipe.batching, grad_accum=parts))
    if record.request.find_lr or there.restarted:  # it set the rate, or will
        lr = there.recipe.optimizer.lr
        recipe = replace(recipe, optimizer=with_lr(recipe.optimizer, lr))
    asked, images = record.request.settings, record.data["sets"]["train"]
    varied, _ = vary_more(recipe, asked, epochs=inf, images=images)  # as a long plan makes it
    theirs = to_json(identity(there))
    ours = [to_json(identity(replace(record, recipe=one))) for one in (recipe, varied)]
    return there.result is None and theirs in ours


def identity(record: Record) -> tuple[object, ...]:
    """What makes two records those of one run."""
    request = record.request
    seeds = (request.seed, request.split_seed)
    asked = (*seeds, request.device, request.precision, request.find_lr, record.budget)
    made = (record.data, record.recipe, record.start, record.preprocessing, record.architecture)
    return asked + made
