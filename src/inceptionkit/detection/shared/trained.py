"""What the page of a run that trains a detector with shared features says of the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inceptionkit.detection.shared.card import DetectMetrics
from inceptionkit.detection.shared.recipe import DetectRecipe
from inceptionkit.detection.shared.record import DetectRecord
from inceptionkit.detection.shared.session import DetectSession
from inceptionkit.detection.shared.training import DetectState, kept_epoch, learning_rate
from inceptionkit.detection.trained import Trained, as_typed
from inceptionkit.machine import peak_bytes
from inceptionkit.report.finished_run import Epoch
from inceptionkit.settings import values
from inceptionkit.text import duration, quantity, shell_word, size, whole_percent
from inceptionkit.training.execution import describe
from inceptionkit.training.schedule import Plan, progress


def describe_run(
    session: DetectSession, state: DetectState, metrics: DetectMetrics, chosen: Sequence[str]
) -> Trained:
    """Everything that the page of a run shows beside the scores.

    Args:
        session: the run.
        state: after its last step.
        metrics: of the set that was scored.
        chosen: what was chosen after training, a sentence each.
    """
    record = session.record
    height, width = record.design.size
    return Trained(
        made_at=record.made_at,
        data=record.data["address"],
        network=f"{record.design.net.name} at {width}x{height} pixels",
        start="scratch" if record.start is None else f"the weights of {record.start.model}",
        sets=session.sets,
        fingerprint=record.data["fingerprint"],
        epochs=_epochs(state, record.recipe),
        kept=f"The weights of epoch {kept_epoch(state.rows)} are kept: the best COCO AP on val.",
        facts={
            "params": quantity(sum(one.numel() for one in state.kept.parameters())),
            "training time": duration(session.seconds()),
            "peak memory": size(peak_bytes()),
        },
        notes=_notes(metrics),
        decisions=(*record.reasons, describe(record.execution, record.probe), *chosen),
        plans=record.plans,
        steps_per_epoch=state.steps_per_epoch,
        recipe=values(record.recipe),
        machine={**record.machine, **record.versions},
        commands=_commands(session.folder, record),
    )


def _epochs(state: DetectState, recipe: DetectRecipe) -> list[Epoch]:
    """Rows of log.csv, with the learning rate of the last step of each."""
    return [_measured(row) | {"lr": _rate(recipe, state.plans, row["step"])} for row in state.rows]


def _measured(row: dict[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in row.items() if value is not None}


def _rate(recipe: DetectRecipe, plans: Sequence[Plan], step: int) -> float:
    return learning_rate(recipe, progress(plans, step - 0.5))


def _notes(metrics: DetectMetrics) -> tuple[str, ...]:
    """What its exits save."""
    area = whole_percent(metrics.get("looked_at"))
    skipped = whole_percent(metrics.get("regions_skipped"))
    ran = f"The whole network ran on {area} of the area of these images"
    return (f"{ran}, and the exit at the proposals answered for {skipped} of the regions.",)


def _commands(folder: Path, record: DetectRecord) -> dict[str, str]:
    """What to type next, and to do it again: purpose -> command."""
    run_word, data_word = shell_word(folder), shell_word(record.data["address"])
    return {
        "Repeat this run": as_typed("detect train", record.request),
        "Find objects": f"inceptionkit detect predict {run_word} IMAGE...",
        "Score it again": f"inceptionkit detect evaluate {run_word} {data_word} --out page.html",
        "Export it, to run without torch": f"inceptionkit detect export {run_word} {data_word}",
        "Serve it over HTTP": f"inceptionkit serve {run_word}",
    }
