"""What the page of a run shows, as plain data: no torch, no files, no formatting.

Shares are fractions from 0 to 1, times are in seconds, sizes in bytes, work in MACs for one image.
A number that was not measured is None (never NaN) and is shown as a dash. Text may hold anything a
file name can hold, undecodable bytes included; the page escapes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inceptionkit.evaluation.calibration import Bin


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRow:
    """Where training stood at the end of an epoch, or of a part of one.

    `exits_val_top1` has the early exits alone, in trunk order; main is `val_top1`.
    """

    epoch: float  # epochs finished, from 0
    seconds: float  # since training began
    lr: float
    train_loss: float | None  # nats per image, exits' losses included
    val_loss: float | None = None  # nats per image, main classifier
    val_top1: float | None = None  # main classifier
    exits_val_top1: Mapping[str, float | None] = field(default_factory=dict)  # trunk order


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRow:
    """What one exit gets right and what it costs to get there."""

    name: str  # "aux1", ..., "main"
    after: str  # block it hangs on
    macs: int  # from the image to its scores, its own head counted
    share_of_macs: float  # of the whole network's, exits not taken left out
    top1: float | None
    top5: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """How one class fared in the scored set; None where nothing could be divided."""

    name: str
    images: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """One image of the scored set and what the network said."""

    pixels: NDArray[np.uint8]  # (height, width, 3) RGB
    name: str  # file name or place in the data set
    truth: str
    guess: str
    probability: float  # of the guess
    evidence: NDArray[np.uint8] | None = None  # the same with what speaks for the guess laid over


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """What stopping at the first exit that is sure enough gives on the scored set."""

    macs: float  # mean for an image
    top1: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """Pictures of one cell of the confusion matrix."""

    truth: int  # number of the class
    guess: int
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRow:
    """Images of one class in each set."""

    name: str
    images: Mapping[str, int]  # of the set: "train" first


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """What one block of the trunk, or one exit's head, costs for one image."""

    block: str
    output: str  # "192x28x28": channels, height, width
    params: int
    macs: int
    activation_bytes: int
    receptive_field: int | None = None  # pixels along the image's side; None: everything
    is_exit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTotals:
    """The network's cost for one image, without and with its exits."""

    params: int
    macs: int
    params_with_exits: int
    macs_with_exits: int
    activation_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableRow:
    """A file of the user's that could not be used."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One plan of a run with a time budget, written before it was followed."""

    at_epoch: float  # epochs finished when it was made
    planned_epochs: float  # in the whole run
    seconds_left: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command to copy, and what it is good for."""

    purpose: str  # "Repeat this run"
    line: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunContent:
    """Everything the page of one run shows."""

    title: str  # "flowers with googlenet-bn"
    subtitle: str  # one sentence: network, input, data
    made_at: str  # "2026-01-31 14:05 UTC": given, so that equal runs make equal pages

    # What came out.
    scored_set: str  # "test" or "val"
    top1: float | None
    top5: float | None  # None with five classes or fewer
    params: int  # without exits
    macs: int  # one image to main, exits left out
    training_seconds: float | None
    images_per_second: float | None  # in training
    peak_bytes: int | None

    # How it came about.
    images: Mapping[str, int]  # usable images of each set, "train" first
    decisions: tuple[str, ...] = ()  # sentences: what was chosen, and why
    plans: tuple[PlanRow, ...] = ()
    epochs: tuple[EpochRow, ...] = ()

    # How good it is. `exits` are in trunk order, main last; `suspects` and `mistakes` surest first.
    exits: tuple[ExitRow, ...] = ()
    classes: tuple[str, ...] = ()
    scores: tuple[ClassRow, ...] = ()
    confusion: NDArray[np.int64] | None = None  # (classes, classes) images; rows true
    curve: tuple[CurvePoint, ...] = ()  # the cheapest first
    confidences: tuple[Bin, ...] = ()  # the least sure first
    cells: tuple[Cell, ...] = ()
    suspects: tuple[Picture, ...] = ()  # mistakes that all exits make alike: is the label wrong?
    mistakes: tuple[Picture, ...] = ()  # the others
    examples: tuple[Picture, ...] = ()  # answered correctly

    # What it costs, what was left out, and how to do it again.
    cost: tuple[CostRow, ...] = ()
    cost_totals: CostTotals | None = None
    diagram: str | None = None  # of the network: an SVG document of its own
    data: tuple[DataRow, ...] = ()
    data_facts: Mapping[str, str] = field(default_factory=dict)
    unusable: tuple[UnusableRow, ...] = ()
    commands: tuple[Command, ...] = ()
    machine: Mapping[str, str] = field(default_factory=dict)  # "CPU": "...", "torch": "2.13.0"

    def __post_init__(self) -> None:
        """Refuse a confusion matrix that does not fit the classes.

        Raises:
            ValueError: its shape is not (classes, classes).
        """
        expected = (len(self.classes), len(self.classes))
        if self.confusion is not None and self.confusion.shape != expected:
            msg = f"confusion must be {expected} for these classes, got {self.confusion.shape}"
            raise ValueError(msg)
