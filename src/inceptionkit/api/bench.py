"""`bench`: how fast a network is in our graphs, and as others run it, in one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from inceptionkit.deployment.backends import (
    OURS,
    ExportedModel,
    LeftOut,
    make_backends,
    read_subject,
)
from inceptionkit.deployment.benchmark import BenchmarkRow, benchmark_images, measure
from inceptionkit.errors import DataError
from inceptionkit.machine import cores, processor
from inceptionkit.progress import Listener, Silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A table of speeds.

    Attributes:
        rows: of the table.
        left_out: ways that are not in it.
        images: that every way answered.
        which: what these are.
        against: the way that agreement is with.
        threads: of every engine.
        processor: its name.
    """

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


def bench(
    model: str | Path,
    *,
    data: str | Path | None = None,
    images: str | Path | None = None,
    threads: int | None = None,
    others: bool = True,
    listener: Listener | None = None,
) -> Bench:
    """Time every way there is to run a network, in turn in this process; no resize is timed.

    Args:
        model: a run, a model, an exported model, a weights file or the id of released weights; or
            an architecture, which gets its first weights and so no accuracy.
        data: the labelled images it was trained on: those held out are scored, others teach int8
            its ranges.
        images: a folder of images to answer if there is no `data`; the built-in digits if None.
        threads: of every engine; every core that this process may use if None.
        others: whether to time what others make of the same network, too.
        listener: hears what is done.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: there is neither a model nor an architecture of that name.
        DataError: the images cannot be used, or are of other classes.
        DeploymentError: no way to run it is left.
    """
    listener, count = listener or Silence(), threads or cores()
    subject = read_subject(model)
    trained = isinstance(subject, ExportedModel) or subject.trained
    if data is not None and not trained:
        msg = f"{model}: has first weights and no classes of {data}; leave --data out, or train it"
        raise DataError(msg)
    shown = benchmark_images(subject.card, data, images, listener)
    if isinstance(subject, ExportedModel):
        candidates = subject.candidates(count)
    else:
        candidates = subject.candidates(count, shown.fitted if data is None else data, listener)
        candidates += subject.baselines(count) if others else []
    with torch_threads(count):
        backends, left = make_backends(candidates, listener)
        reference = next((one for one in backends if one.engine == f"{OURS}torch"), backends[0])
        classes = reference.classify(shown.fitted) if trained else None
        table = measure(backends, shown, classes, listener)
    return Bench(
        rows=table,
        left_out=left,
        images=len(shown.fitted),
        which=shown.source,
        against=f"{reference.engine} in {reference.precision}",
        threads=count,
        processor=processor(),
    )


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use as many threads as the other engines, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
