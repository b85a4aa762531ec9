"""What `detect rcnn` is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from inceptionkit.arguments import DEVICE, LISTENER
from inceptionkit.options import Argument, Option
from inceptionkit.progress import Listener


@dataclass(frozen=True)
class DetectRcnnRequest:
    """What to train an R-CNN on, from what, and within which limits."""

    data: Annotated[
        str | Path,
        Argument(
            "Images with boxes: a folder in the layout of Pascal VOC, COCO or YOLO, or a COCO "
            ".json, YOLO data.yaml or .csv file.",
            "DATA",
        ),
    ]
    settings: Annotated[
        Sequence[str] | str,
        Argument("Settings of the classifiers' recipe, such as lr=0.05.", "KEY=VALUE"),
    ] = ()
    _: KW_ONLY
    from_: Annotated[
        str | Path | None,
        Option(
            'Model, run or id of released weights to start from, or "none" for random weights.',
            "MODEL",
            default="the model that ships, inceptionkit/small, unless --arch is given",
            group="Network",
        ),
    ] = None
    architecture: Annotated[
        str | None,
        Option(
            "Architecture of the classifiers, with random weights.",
            "ARCH",
            default="that of --from; chosen from the regions with --from none",
            also=("--arch",),
            group="Network",
        ),
    ] = None
    input_size: Annotated[
        int | None,
        Option(
            "Side of the warped regions, pixels.",
            default="that of --from, or 64 without --from",
            min=16,
            max=1024,
            also=("--input",),
            group="Network",
        ),
    ] = None
    ensemble: Annotated[
        int,
        Option(
            "Number of classifiers, whose answers are averaged.", min=1, max=20, group="Network"
        ),
    ] = 1
    rounds: Annotated[
        int,
        Option(
            "Trainings of each classifier; from the second on, with hard negatives.",
            min=1,
            max=5,
            group="Training",
        ),
    ] = 2
    context: Annotated[
        float,
        Option(
            "Border of context around a region, share of the side.",
            min=0,
            max=0.4,
            group="Regions",
        ),
    ] = 0.07
    proposals: Annotated[
        int, Option("Most proposals of an image.", min=1, max=20_000, group="Regions")
    ] = 1000
    proposer: Annotated[
        str | Path | None,
        Option(
            "Run of `detect train`, whose proposals join those of selective search.",
            "RUN",
            group="Regions",
        ),
    ] = None
    superpixels: Annotated[
        str,
        Option(
            "Scales of the superpixels, separated by commas; 50,100 are the published ones.",
            "SCALE,...",
            group="Regions",
        ),
    ] = "100,200"
    regions: Annotated[
        int,
        Option("Regions of an image to learn from, about.", min=4, max=10_000, group="Regions"),
    ] = 96
    no_regression: Annotated[
        bool, Option("Leave boxes as they were proposed.", group="Regions")
    ] = False
    budget: Annotated[
        str | None,
        Option(
            "Limit of the training: 60min or 1.5h of the whole command; 5epochs in each round.",
            "LIMIT",
            default="8epochs",
            group="Training",
        ),
    ] = None
    seed: Annotated[
        int, Option("Seed of the initial weights and every random draw.", min=0, group="Training")
    ] = 0
    split_seed: Annotated[
        int,
        Option("Seed of the val set, where the data has none.", min=0, group="Data"),
    ] = 0
    out: Annotated[
        str | Path | None,
        Option("Folder of the run.", default="the next number under runs/", group="Run"),
    ] = None
    device: Annotated[str | None, DEVICE] = None
    listener: Annotated[Listener | None, LISTENER] = None
