"""The end of a run: scores, model folder, predictions, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.loading.in_memory import Images
from inceptionkit.evaluation.metrics import top_k
from inceptionkit.machine import peak_bytes
from inceptionkit.model import Card, write_model
from inceptionkit.progress import Progress
from inceptionkit.report.run_page import write_report
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.run import Run
from inceptionkit.training.score import score
from inceptionkit.training.state import Job, State


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that came to its end."""

    run: Path
    model: Path
    result: dict[str, Any]  # the keys that `train --json` promises, and more


def finish(run: Run, job: Job, state: State) -> Finished:
    """Score the averaged weights once, on test if there is one, else on val; write everything.

    The result comes last: a run that is lost before has not ended, and its end is made anew.
    """
    ready, record, folder = run.ready, run.record, run.folder
    name, scored = ("test", ready.test) if len(ready.test) else ("val", ready.val)

    def tick(done: int) -> None:
        run.listener.progress(Progress(what=f"scoring {name}", done=done, total=len(scored)))

    found = score(job, state.kept, scored.pixels, tick)
    metrics = {"set": name, "images": len(scored)} | scores(found, scored.labels.numpy())
    if run.processes.first:
        write_model(folder / folders.MODEL, card(run, metrics), tensors(state))
        rows = predictions(found, scored, run.dataset.classes)
        folders.write_rows(folder / folders.PREDICTIONS, rows)
    result = {
        "run": str(folder),
        "model": str(folder / folders.MODEL),
        "epochs": round(state.step / job.steps_per_epoch, 4),
        "seconds": run.seconds(),
        **metrics,
        "images_per_second": median(row["images_per_second"] for row in state.rows),
        "peak_bytes": peak_bytes(),
    }
    if run.processes.first:
        write_report(folder, record, result, run.dataset)
    record.result = run.processes.told(result | {"seconds": run.seconds()})
    run.processes.wait()
    run.write_record()
    return Finished(folder, folder / folders.MODEL, record.result)


def card(run: Run, metrics: Mapping[str, Any]) -> Card:
    """What the model folder says of the model."""
    record = run.record
    return Card(
        architecture=record.net,
        classes=run.dataset.classes,
        preprocessing=record.preprocessing,
        metrics=metrics,
        origin={
            "data": record.data["address"],
            "fingerprint": record.data["fingerprint"],
            "recipe": record.recipe.name,
            "seed": record.seed,
            "versions": dict(record.versions),
            **{key: record.data[key] for key in ("duplicate_groups",) if key in record.data},
        },
    )


def scores(found: Mapping[str, NDArray[np.float32]], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Top-1 and top-5 of main and of every exit; top-5 only of more than five classes."""

    def both(probabilities: NDArray[np.float32]) -> dict[str, float | None]:
        five = probabilities.shape[1] > 5
        top5 = top_k(probabilities, labels, 5) if five else None
        return {"top1": top_k(probabilities, labels, 1), "top5": top5}

    exits = {name: both(p) for name, p in found.items() if name != "main"}
    return {**both(found["main"]), "exits": exits}


def predictions(
    found: Mapping[str, NDArray[np.float32]], scored: Images, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows of predictions.csv: each image, its class, and what main and each exit say, how sure."""
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


def tensors(state: State) -> dict[str, NDArray[Any]]:
    """The weights that the run keeps, as a model folder stores them."""
    return {
        name: value.detach().cpu().float().numpy()
        for name, value in state.kept.state_dict().items()
        if value.is_floating_point()
    }
