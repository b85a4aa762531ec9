"""What `detect train` is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Literal

from inceptionkit.arguments import DEVICE, LISTENER
from inceptionkit.display import SHOWN
from inceptionkit.options import Argument, Option
from inceptionkit.progress import Listener


@dataclass(frozen=True)
class DetectTrainRequest:
    """What to train a detector on, from what, and within which limits."""

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
        Argument("Settings of the recipe, such as lr=0.001 flip=both.", "KEY=VALUE"),
    ] = ()
    _: KW_ONLY
    from_: Annotated[
        str | Path | None,
        Option(
            "Model, run or id of released weights whose trunk to start from.",
            "MODEL",
            default="the model that ships",
        ),
    ] = None
    architecture: Annotated[
        str | None,
        Option(
            "Architecture of the trunk, with random weights.",
            "ARCH",
            default="that of the model to start from",
            also=("--arch",),
        ),
    ] = None
    input_size: Annotated[
        int | None,
        Option(
            "Long side of images as the trunk sees them, pixels.",
            default="small, with the small objects still visible",
            min=64,
            max=4096,
            also=("--input",),
        ),
    ] = None
    budget: Annotated[
        str | None,
        Option("Limit of the training: 10min or 1.5h of the whole command, or 30epochs.", "LIMIT"),
    ] = None
    epochs: Annotated[
        int | None,
        Option("Number of times each training image is seen.", default="the recipe's", min=1),
    ] = None
    seed: Annotated[int, Option("Seed of the initial weights and every random draw.", min=0)] = 0
    split_seed: Annotated[
        int, Option("Seed of the val set, where the data does not come with one.", min=0)
    ] = 0
    out: Annotated[
        str | Path | None, Option("Folder of the run.", default="the next number under runs/")
    ] = None
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        Option("Precision; auto takes the fastest in a short probe."),
    ] = "auto"
    device: Annotated[str | None, DEVICE] = None
    listener: Annotated[Listener | None, LISTENER] = SHOWN
