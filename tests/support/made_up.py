"""Made-up runs and scans of any number of classes, to be varied by tests of the pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.catalog import find
from inceptionkit.data import Unusable
from inceptionkit.data.quality.inspect import STATS_DTYPE
from inceptionkit.data.quality.scan import Scan
from inceptionkit.data.types import SampleTable
from inceptionkit.derive import cost
from inceptionkit.model.card import ExitScores
from inceptionkit.preprocess import Preprocessing
from inceptionkit.report.finished_run import ExitResult, FinishedRun
from inceptionkit.report.pictures import Album, Picture, embedded
from inceptionkit.training.execution import Execution
from inceptionkit.training.recipe import MODERN, Batching
from inceptionkit.training.run.record import Record, RunResult
from inceptionkit.training.run.request import TrainRequest
from inceptionkit.training.schedule import Plan

OF_RECORD = {"fitted_top1", "data", "reasons", "plans", "machine", "versions", "net"}
OF_RESULT = {"nothing_learned", "top1", "top5", "seconds", "images_per_second", "peak_bytes"}


def picture(side: int, seed: int, truth: str, guess: str) -> Picture:
    """A picture with as much detail as a photo."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 200, (-(-side // 32), -(-side // 32), 3), dtype=np.uint8)
    pixels = coarse.repeat(32, axis=0).repeat(32, axis=1)[:side, :side] // 2
    pixels += random.integers(0, 16, pixels.shape, dtype=np.uint8)
    name = f"{truth}/{seed}.jpg"
    return Picture(image=embedded(pixels), name=name, truth=truth, guess=guess, probability=0.9)


def made_up_record(classes: Sequence[str]) -> Record:
    """The record of a run with three sets and a plan."""
    plan = Plan(
        step=0, steps=27, progress=0.0, images_per_second=450.0, seconds_left=600.0,
        why="2.0 s an epoch",
    )  # fmt: skip
    return Record(
        data={
            "address": "shapes/",
            "fingerprint": "0" * 64,
            "classes": list(classes),
            "sets": {"train": 900, "val": 100, "test": 93},
            "rule": "as the folders say",
            "unusable": 1,
        },
        request=TrainRequest("shapes/", budget="112s").stored("cpu"),
        architecture=find("compact", classes=10, side=32),
        preprocessing=Preprocessing(size=32),
        recipe=replace(MODERN, batching=Batching(batch=100)),
        threads=1,
        reasons=("The input is 32 pixels: the images are.",),
        execution=Execution(),
        plans=(plan,),
        made_at="2026-01-31T14:05:00",
        versions={"torch": "2.13.0"},
        machine={"CPU": "2 cores"},
    )


def made_up_result(exits: Sequence[str]) -> RunResult:
    """The end of a run."""
    return RunResult(
        run="runs/shapes-001",
        model="runs/shapes-001/model",
        epochs=3.0,
        seconds=112.0,
        set="test",
        images=93,
        top1=0.75,
        chance=0.1,
        largest_class="class 3",
        largest_class_top1=0.15,
        top5=None,
        exits={name: ExitScores(top1=0.5, top5=None) for name in exits},
        images_per_second=1043.2,
        peak_bytes=612 * 2**20,
    )


def made_up_run(class_count: int = 10, /, *, epoch_count: int = 3, **changes: Any) -> FinishedRun:
    """A complete run; `changes` replace fields of it, of its record, or of its result."""
    names = changes.pop("classes", tuple(f"class {k}" for k in range(class_count)))
    confusion = np.eye(class_count, dtype=np.int64) * 9
    confusion[0, 1] = 3
    record = made_up_record(names)
    of_record = {key: changes.pop(key) for key in OF_RECORD & set(changes)}
    of_record["data"] = record.data | of_record.get("data", {})
    result = made_up_result(("aux1",))
    result |= {key: changes.pop(key) for key in OF_RESULT & set(changes)}
    run = FinishedRun(
        folder=Path("runs/shapes-001"),
        record=replace(record, **of_record),
        result=result,
        cost=cost(record.architecture),
        epochs=tuple(
            {
                "epoch": k + 1,
                "seconds": 2.0 * (k + 1),
                "lr": 0.1 / (k + 1),
                "train_loss": 2.0 / (k + 1),
                "val_loss": 1.5 / (k + 1),
                "val_top1": 1 - 0.8 / (k + 1),
                "val_top1_aux1": 1 - 0.9 / (k + 1),
            }
            for k in range(epoch_count)
        ),
        exits=(
            exit_result("aux1", macs=700_000_000, share_of_macs=0.47, top1=0.7),
            exit_result("main", macs=1_498_376_192, share_of_macs=1.0, top1=0.75),
        ),
        curve=(),
        predictions=(),
        confusion=confusion,
        bins=(),
        unusable=(Unusable("train/a/notes.jpg", "not an image"),),
    )
    return replace(run, **changes)


def exit_result(name: str, *, macs: int, share_of_macs: float, top1: float | None) -> ExitResult:
    """An exit after a block of its own."""
    after = f"before {name}"
    return ExitResult(name=name, after=after, macs=macs, share_of_macs=share_of_macs, top1=top1)


def made_up_album(side: int = 8, **changes: Any) -> Album:
    """Mistakes and examples of two classes."""
    album = Album(
        mistakes=tuple(picture(side, k, "class 0", "class 1") for k in range(24)),
        mistake_count=24,
        examples=tuple(picture(side, 100 + k, "class 0", "class 0") for k in range(10)),
    )
    return replace(album, **changes)


@dataclass(frozen=True)
class MadeUpImages:
    """A dataset of grey images of one size, with any names."""

    names: Sequence[str]
    labels: Sequence[int]
    sets: Sequence[int]
    classes: tuple[str, ...]
    address: str = "shapes"
    size: tuple[int, int] = (8, 8)
    skipped: tuple[Unusable, ...] = ()
    notes: tuple[str, ...] = ()
    allows_flip: bool = True

    @cached_property
    def samples(self) -> SampleTable:
        labels, sets = np.array(self.labels, np.int32), np.array(self.sets, np.int8)
        return SampleTable(self.names, labels, sets)

    def read(self, index: int) -> NDArray[np.uint8]:
        return np.full((*self.size, 3), index % 256, np.uint8)


def made_up_scan(dataset: MadeUpImages) -> Scan:
    """A scan that found every image usable."""
    stats = np.zeros(len(dataset.names), STATS_DTYPE)
    stats["usable"], stats["mode"], stats["format"] = True, b"RGB", b"PNG"
    stats["height"], stats["width"] = dataset.size
    return Scan(dataset, stats, {}, 0)
