"""`bench`: how fast a network is in our graphs, and as others run it, in one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch

from inception.deployment.engines import threads_here
from inception.errors import DataError
from inception.weights import Card, model_folder, read_card
from inception.workflow.listen import Listener, Silence
from inception.workflow.measure import Row, Shown, given_or_built_in, labelled, rows
from inception.workflow.record import processor
from inception.workflow.ways import (
    OURS,
    LeftOut,
    Ours,
    Possible,
    made,
    network,
    of_export,
    of_others,
)

Subject: TypeAlias = tuple[list[Possible], Shown, bool]  # ways, images, whether it was trained


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

    rows: Sequence[Row]
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
    listener, count = listener or Silence(), threads or threads_here()
    with torch_threads(count):
        subject = exported_subject if is_exported(Path(model)) else network_subject
        possible, shown, trained = subject(model, data, images, count, listener)
        if not others:
            possible = [one for one in possible if one.engine.startswith(OURS)]
        ways, left = made(possible, listener)
        reference = next((way for way in ways if way.engine == f"{OURS}torch"), ways[0])
        named = reference.classes(shown.fitted) if trained else None
        found = rows(ways, shown, named, listener)
    return Bench(
        rows=found,
        left_out=left,
        images=len(shown.fitted),
        which=shown.said,
        against=f"{reference.engine} in {reference.precision}",
        threads=count,
        processor=processor(),
    )


def network_subject(
    model: str | Path,
    data: str | Path | None,
    images: str | Path | None,
    threads: int,
    listener: Listener,
) -> Subject:
    """A model with its tensors, or an architecture with its first weights."""
    subject = network(model)
    if data is not None and not subject.trained:
        msg = f"{model}: has first weights and no classes of {data}; leave --data out, or train it"
        raise DataError(msg)
    shown = seen(subject.card, data, images, listener)
    teaching = shown.fitted if data is None else data
    ours = Ours(subject, threads, teaching, listener)
    return ours.possible() + of_others(subject, threads), shown, subject.trained


def exported_subject(
    model: str | Path,
    data: str | Path | None,
    images: str | Path | None,
    threads: int,
    listener: Listener,
) -> Subject:
    """Graphs as they lie in their folder."""
    folder = model_folder(Path(model))
    card, _ = read_card(folder)
    return of_export(folder, threads), seen(card, data, images, listener), True


def seen(
    card: Card, data: str | Path | None, images: str | Path | None, listener: Listener
) -> Shown:
    """The images that every way answers."""
    if data is None:
        return given_or_built_in(card, images)
    _, scored = labelled(card, data, listener)
    return scored


def is_exported(path: Path) -> bool:
    """Whether it is the folder of an exported model."""
    return path.is_dir() and read_card(model_folder(path))[0].exported is not None


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use as many threads as the other engines, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
