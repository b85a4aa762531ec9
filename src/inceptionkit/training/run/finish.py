"""The end of a run: scores, model folder, predictions, result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from html import escape
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.loading.unkept import ScoredImages
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.evaluation.metrics import confusion, top_k
from inceptionkit.machine import peak_bytes
from inceptionkit.model import Card, Seen, write_model
from inceptionkit.model.card import ExitScores, Metrics, Origin
from inceptionkit.progress import Progress
from inceptionkit.results import Result, embedded_page, table
from inceptionkit.text import duration, percent
from inceptionkit.training.heads import refit_exits
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.batch import write_seen_batch
from inceptionkit.training.run.context import Session
from inceptionkit.training.run.record import NothingLearned, RunResult
from inceptionkit.training.run.verdict import baselines, nothing_learned
from inceptionkit.training.state import TrainConfig, TrainState
from inceptionkit.training.validation import score

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainResult(Result):
    """A run that has ended.

    Attributes:
        run: its folder.
        model: the folder of its model.
        epochs: that were trained.
        seconds: of the whole command.
        set: that was scored: "test", or "val" if there is no test set.
        images: of that set.
        top1: accuracy of the main classifier, from 0 to 1.
        top1_interval: 95 % interval of it.
        chance: what guessing gives.
        largest_class: the class that has most training images.
        largest_class_top1: what always naming that class gives.
        nothing_learned: what shows it ("says"), why that may be ("cause"), and a command to try
            ("command"); None of a run that learned.
        top5: likewise; None with five classes or fewer.
        exits: both of every exit.
        images_per_second: in training, median over the epochs.
        peak_bytes: memory of the process; None where the system does not say.
    """

    run: Path
    model: Path
    epochs: float
    seconds: float
    set: str
    images: int
    top1: float
    top5: float | None
    exits: Mapping[str, Mapping[str, float | None]]
    images_per_second: float
    peak_bytes: int | None
    top1_interval: tuple[float, float]
    chance: float
    largest_class: str
    largest_class_top1: float
    nothing_learned: NothingLearned | None

    def to_json(self) -> dict[str, Any]:
        """What `train --json` prints, and run.json keeps."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {"run": str(self.run), "model": str(self.model)}

    def summary(self) -> dict[str, Any]:
        """What `repr` shows."""
        failure = {}
        if (found := self.nothing_learned) is not None:
            says = f"{found['says']}; likely cause: {found['cause']}; try: {found['command']}"
            failure["learned nothing"] = says
        return {
            "run": str(self.run),
            **failure,
            f"top-1 on {self.images:,} images of {self.set}": self._interval(),
            **{f"top-1 of {name}": percent(row["top1"]) for name, row in self.exits.items()},
            "without learning": f"{percent(self.chance)} by guessing, "
            f"{percent(self.largest_class_top1)} by always naming {self.largest_class}",
            "epochs": round(self.epochs, 2),
            "took": duration(self.seconds),
            "report": str(self.run / folders.PAGE),
        }

    def _interval(self) -> str:
        low, high = self.top1_interval
        return f"{percent(self.top1)} (95 % interval {percent(low)} to {percent(high)})"

    def _repr_html_(self) -> str:
        heads = ("exit", "top-1", "top-5")[: 3 if self.top5 is not None else 2]
        rows = [*self.exits.items(), ("main", {"top1": self.top1, "top5": self.top5})]
        cells = [(name, percent(row["top1"]), percent(row["top5"])) for name, row in rows]
        said = f"main on {self.images:,} images of {self.set}: {self._interval()}"
        scores = ""
        if (failure := self.summary().get("learned nothing")) is not None:
            scores = f"<p><strong>This run learned nothing: {escape(failure)}</strong></p>"
        scores += f"<p>{escape(said)}</p>" + table(heads, [row[: len(heads)] for row in cells])
        return scores + embedded_page(self.run / folders.PAGE)

    def plot(self) -> Figure:
        """Curves over epochs, and the confusion matrix of the scored images.

        Raises:
            RunError: matplotlib is not installed, or the run is gone.
        """
        from inceptionkit.evaluation.figures import result_figure
        from inceptionkit.training.run.record import read_record

        classes = read_record(self.run).data["classes"]
        number = {name: i for i, name in enumerate(classes)}
        scored = folders.read_rows(self.run / folders.PREDICTIONS, ("truth", "guess"))
        labels, guesses = (
            np.array([number[row[key]] for row in scored], np.int64) for key in ("truth", "guess")
        )
        rows = [
            {key: float(value) for key, value in row.items() if value}
            for row in folders.read_rows(self.run / folders.LOG, ("epoch",))
        ]
        return result_figure(rows, confusion(guesses, labels, len(classes)), classes)


def finish(session: Session, config: TrainConfig, state: TrainState) -> RunResult:
    """Score the averaged weights once, on test if there is one; write the model and predictions.

    Returns:
        The result, which `end` writes last: a run that is lost before has not ended, and its end is
        computed again.
    """
    ready, folder, scored = session.ready, session.folder, session.ready.scored
    name = "test" if scored is ready.test else "val"

    def tick(done: int) -> None:
        session.listener.progress(Progress(what=f"scoring {name}", done=done, total=len(scored)))

    _refit_exits(session, config, state)
    found = score(config, state.kept, scored.pixels, tick)
    labels, guesses = scored.labels.numpy(), found["main"].argmax(1)
    metrics = _scores(found, labels, name)
    seen = session.all_seen()
    if session.processes.rank == 0:
        write_model(folder / folders.MODEL, _card(session, metrics, seen), _tensors(state))
        rows = _predictions(found, scored, session.dataset.classes)
        folders.write_rows(folder / folders.PREDICTIONS, rows)
        write_seen_batch(folder, config, session.dataset.classes)
    return RunResult(
        run=str(folder),
        model=str(folder / folders.MODEL),
        epochs=round(state.step / config.steps_per_epoch, 4),
        seconds=session.seconds(),
        set=metrics["set"],
        images=metrics["images"],
        top1=metrics["top1"],
        top5=metrics["top5"],
        exits=metrics["exits"],
        images_per_second=median(row["images_per_second"] for row in state.rows),
        peak_bytes=peak_bytes(),
        top1_interval=wilson(metrics["top1"] or 0.0, len(labels)),
        nothing_learned=nothing_learned(folder, session.record, state.rows, guesses, labels),
        **baselines(session.dataset.classes, ready.train.labels.numpy(), labels),
    )


def _refit_exits(session: Session, config: TrainConfig, state: TrainState) -> None:
    """Let exits learn what the main classifier answers in the end, and say what it brought."""

    def tick(done: int, every: int) -> None:
        session.listener.progress(Progress(what="fitting exits", done=done, total=every))

    found = refit_exits(config, state, tick)
    better = [
        f"{name} {percent(now)} (was {percent(before)})"
        for name, (before, now) in found.items()
        if now > before
    ]
    if better:
        session.listener.say(f"exits refitted to the main classifier: val {', '.join(better)}")


def end(session: Session, result: RunResult) -> TrainResult:
    """Write the result, after which the run has ended."""
    values = session.processes.broadcast_json(result | {"seconds": session.seconds()})
    session.processes.barrier()
    session.decide(replace(session.record, result=values))
    return ended(session.folder, values)


def ended(folder: Path, result: RunResult) -> TrainResult:
    """The result of a run that has ended; earlier versions did not record all of it."""
    top1, images = result["top1"] or 0.0, max(1, result["images"])
    values: dict[str, Any] = {
        "top1_interval": wilson(top1, images),
        "chance": 0.0,
        "largest_class": "",
        "largest_class_top1": 0.0,
        "nothing_learned": None,
    }
    values |= {**result, "run": folder, "model": folder / folders.MODEL}
    return TrainResult(**values)


def _card(session: Session, metrics: Metrics, seen: Seen) -> Card:
    """What the model folder says of the model."""
    record, start = session.record, session.record.start
    before = Origin() if start is None else Origin(start=start.model)
    if start is not None and start.terms:
        before["terms"] = start.terms
    return Card(
        architecture=record.architecture,
        classes=session.dataset.classes,
        preprocessing=record.preprocessing,
        metrics=metrics,
        origin=Origin(
            data=record.data["address"],
            recipe=record.recipe.name,
            seed=record.request.seed,
            split_seed=record.request.split_seed,
            versions=dict(record.versions),
            **before,
        ),
        seen=seen,
    )


def _scores(
    found: Mapping[str, NDArray[np.float32]], labels: NDArray[np.int64], name: str
) -> Metrics:
    """Top-1 and top-5 of main and of every exit; top-5 only of more than five classes."""

    def both(probabilities: NDArray[np.float32]) -> ExitScores:
        five = probabilities.shape[1] > 5
        top5 = top_k(probabilities, labels, 5) if five else None
        return ExitScores(top1=top_k(probabilities, labels, 1), top5=top5)

    exits = {exit_: both(p) for exit_, p in found.items() if exit_ != "main"}
    return Metrics(set=name, images=len(labels), **both(found["main"]), exits=exits)


def _predictions(
    found: Mapping[str, NDArray[np.float32]], scored: ScoredImages, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows of predictions.csv: each image, its class, and what main and each exit predict."""
    guesses = {name: p.argmax(1) for name, p in found.items()}
    rows = []
    for i, (path, label) in enumerate(zip(scored.names, scored.labels.tolist(), strict=True)):
        guess = guesses["main"][i]
        row = {
            "path": path,
            "truth": classes[label],
            "guess": classes[guess],
            "probability": round(float(found["main"][i, guess]), 6),
        }
        for name, early in guesses.items():
            if name != "main":
                row[name] = classes[early[i]]
                row[f"{name}_probability"] = round(float(found[name][i, early[i]]), 6)
        rows.append(row)
    return rows


def _tensors(state: TrainState) -> dict[str, NDArray[Any]]:
    """The weights that the run keeps, as a model folder stores them."""
    return {
        name: value.detach().cpu().float().numpy()
        for name, value in state.kept.state_dict().items()
        if value.is_floating_point()
    }
