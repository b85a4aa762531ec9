"""`bench`: how fast a network is in our graphs, and as others run it, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.arguments import CLASSES, IMAGE_COLUMN, LABEL_COLUMN, LISTENER, THREADS
from inceptionkit.display import SHOWN
from inceptionkit.options import Argument, Option, verb
from inceptionkit.progress import Listener, Silence
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.deployment.backends import LeftOut
    from inceptionkit.deployment.benchmark import BenchmarkRow


@dataclass(frozen=True)
class BenchRequest:
    """What to time."""

    model: Annotated[
        str | Path,
        Argument(
            "Folder of a run, a model or an exported model; or an architecture, as "
            "`architectures` lists it, with random weights.",
            "MODEL",
        ),
    ]
    _: KW_ONLY
    data: Annotated[
        str | Path | None,
        Option("Labeled images it was trained on, for top-1 and to calibrate int8.", "DATA"),
    ] = None
    images: Annotated[
        str | Path | None,
        Option("Images to classify if there is no --data.", default="the built-in digits"),
    ] = None
    threads: Annotated[int | None, THREADS] = None
    ours: Annotated[bool, Option("Leave out the same network as others run it.")] = False
    classes: Annotated[str | Sequence[str] | None, CLASSES] = None
    image_column: Annotated[str | None, IMAGE_COLUMN] = None
    label_column: Annotated[str | None, LABEL_COLUMN] = None
    listener: Annotated[Listener | None, LISTENER] = SHOWN


@dataclass(frozen=True, kw_only=True, repr=False)
class BenchResult(Result):
    """A table of speeds.

    Attributes:
        model: as it was given.
        rows: of the table.
        left_out: backends that are not in it, and why.
        images: number of images that every backend classified.
        which: what these are.
        against: the backend that agreement is with.
        threads: of every engine.
        processor: its name.
    """

    model: str
    rows: Sequence[BenchmarkRow]
    left_out: Sequence[LeftOut]
    images: int
    which: str
    against: str
    threads: int
    processor: str

    def to_json(self) -> dict[str, Any]:
        """What `bench --json` prints."""
        return asdict(self)

    def _repr_html_(self) -> str:
        rows = self.to_json()["rows"]
        return table([*rows[0]], [row.values() for row in rows])


@verb(BenchRequest)
def bench(request: BenchRequest) -> BenchResult:
    """Time every way to run a network, interleaved: ours, and the same network as others run it.

    No resize is timed.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: there is neither a model nor an architecture of that name.
        DataError: the images cannot be used, or are of other classes.
        DeploymentError: no way to run it is left.
    """
    from inceptionkit.data import Source
    from inceptionkit.deployment.backends import (
        OURS,
        ExportedModel,
        make_backends,
        read_subject,
        torch_threads,
    )
    from inceptionkit.deployment.benchmark import benchmark_images, measure
    from inceptionkit.errors import DataError
    from inceptionkit.machine import cores, facts

    model, columns = request.model, (request.image_column, request.label_column)
    data = None if request.data is None else Source(request.data, request.classes, *columns)
    listener, count = request.listener or Silence(), request.threads or cores()
    subject = read_subject(model)
    trained = isinstance(subject, ExportedModel) or subject.trained
    if data is not None and not trained:
        advice = "leave --data out, or train it"
        msg = f"{model}: has random weights and no classes of {request.data}; {advice}"
        raise DataError(msg)
    shown = benchmark_images(subject.card, data, request.images, listener)
    if isinstance(subject, ExportedModel):
        candidates = subject.candidates(count)
    else:
        candidates = subject.candidates(count, shown.fitted if data is None else data, listener)
        candidates += [] if request.ours else subject.baselines(count)
    with torch_threads(count):
        backends, left = make_backends(candidates, listener)
        reference = next((one for one in backends if one.engine == f"{OURS}torch"), backends[0])
        classes = reference.classify(shown.fitted) if trained else None
        rows = measure(backends, shown, classes, listener)
    return BenchResult(
        model=str(model),
        rows=rows,
        left_out=left,
        images=len(shown.fitted),
        which=shown.source,
        against=f"{reference.engine} in {reference.precision}",
        threads=count,
        processor=str(facts()["processor"]),
    )
