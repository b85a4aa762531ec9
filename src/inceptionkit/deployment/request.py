"""What `predict` is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from inceptionkit.arguments import DEVICE, EARLY_EXIT, INPUTS, MODEL_OR_IMAGES, ON_ANSWER
from inceptionkit.evaluation.answer import UNSURE_BELOW, Answer
from inceptionkit.options import Option
from inceptionkit.progress import Progress

if TYPE_CHECKING:
    from inceptionkit.deployment.bulk import Bulk
    from inceptionkit.evaluation.early_exit import AnyPolicy


@dataclass(frozen=True)
class PredictRequest:
    """Which images to classify, and with which model."""

    model: Annotated[str | Path, MODEL_OR_IMAGES]
    paths: Annotated[Sequence[str | Path] | Path, INPUTS] = ()
    _: KW_ONLY
    early_exit: Annotated[str | float | AnyPolicy | None, EARLY_EXIT] = None
    out: Annotated[
        str | Path | None,
        Option(
            "Table to write instead of printing answers, a row for each image; PATH may then also "
            "be whatever `train` reads. Interrupted, the same command goes on.",
            "FILE.parquet|.csv|.jsonl",
            also=("--csv",),
        ),
    ] = None
    top: Annotated[
        int | None, Option("Labels to give of each image.", "K", default="1, in JSON 5", min=1)
    ] = None
    unsure_below: Annotated[
        float | None,
        Option(
            "Mark answers of a lower confidence (0 to 1) as unsure.",
            "CONFIDENCE",
            default=f"{UNSURE_BELOW}",
            min=0,
            max=1,
        ),
    ] = None
    draw: Annotated[
        str | Path | None,
        Option("Write copies of the images with their labels into this folder.", "FOLDER"),
    ] = None
    device: Annotated[str | None, replace(DEVICE, default="the CPU")] = None
    on_answer: Annotated[Callable[[Answer | Progress | Bulk | str], object] | None, ON_ANSWER] = (
        None  # with a sentence, where a model answers that was not asked for
    )
