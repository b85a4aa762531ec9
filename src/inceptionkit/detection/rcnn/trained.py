"""What the page of a run that trains an R-CNN says of the run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inceptionkit.detection.rcnn.start import RANDOM, RECIPE, RcnnRun
from inceptionkit.detection.trained import Trained, as_typed
from inceptionkit.machine import facts, peak_bytes
from inceptionkit.settings import values
from inceptionkit.text import duration, plural, shell_word, size
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.record import versions


def describe_run(run: RcnnRun) -> Trained:
    """Everything that the page of a run shows beside the scores."""
    asked = run.request
    start = "scratch" if asked.from_ in {None, RANDOM} else f"the weights of {asked.from_}"
    began = datetime.now(UTC) - timedelta(seconds=run.seconds())
    pages = {
        f"Round {number}, classifier {one}": f"round-{number}/classifier-{one}/{folders.PAGE}"
        for number in range(1, asked.rounds + 1)
        for one in range(1, asked.ensemble + 1)
    }
    return Trained(
        made_at=began.isoformat(timespec="seconds"),
        data=str(asked.data),
        network=f"R-CNN on regions of {run.side}x{run.side} pixels",
        start=start,
        sets=run.data,
        pages={name: page for name, page in pages.items() if (run.folder / page).is_file()},
        facts={"training time": duration(run.seconds()), "peak memory": size(peak_bytes())},
        decisions=(
            f"{plural(asked.rounds, 'round')} of {plural(asked.ensemble, 'training')}"
            + "; from the second round on with hard negatives" * (asked.rounds > 1),
            f"regions are learned from with {' '.join(RECIPE)}",
            "boxes are left as they were proposed"
            if asked.no_regression
            else "boxes are moved onto the objects by ridge regression",
        ),
        recipe=values(run.how),
        machine={**facts(), **versions()},
        commands=_commands(run),
    )


def _commands(run: RcnnRun) -> dict[str, str]:
    """What to type next, and to do it again: purpose -> command."""
    folder, data = shell_word(run.folder), shell_word(run.request.data)
    return {
        "Repeat this run": as_typed("detect rcnn", run.request),
        "Find objects": f"inceptionkit detect predict {folder} IMAGE...",
        "Score it again": f"inceptionkit detect evaluate {folder} {data} --out page.html",
    }
