"""Claim 7: the classification table of the GoogLeNet paper at this scale: models and crops.

Run `python benchmarks/lab/crops.py PATH/TO/cifar10`.

Table 3 of the paper (arXiv:1409.4842, section 7), top-5 error on ImageNet: one model with 1, 10 and
144 crops 10.07, 9.15 and 7.89 %, seven models 8.09, 7.62 and 6.67 %.

Here seven small GoogLeNets with batch norm score a part of the test images. They differ in their
seeds: first weights, order and crops of images; the paper's differ in sampling and order. Images of
CIFAR-10 are square, so that the three positions of the paper's 144 crops are one and 48 crops
remain: four scales, four corners, the center and the whole square, each mirrored. Of ten classes
top-5 says little: errors are top-1. Rows of one or three models are means over subsets of the
seven.
"""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import stdev
from typing import Any

import numpy as np
from networks import small_googlenet
from numpy.typing import NDArray
from tables import table
from trials import Claim, Job, Trial, arguments, run

from hardware import hardware, write  # isort: skip

from inceptionkit.data import open_dataset
from inceptionkit.evaluation.classifier import load
from inceptionkit.evaluation.confidence import Z95
from inceptionkit.evaluation.crop_table import Table
from inceptionkit.evaluation.held_out import test_samples
from inceptionkit.evaluation.multi_crop import AS_IN_USE, GOOGLENET, MIDDLE, TEN, Protocol
from inceptionkit.progress import Silence

FORTY_EIGHT = replace(GOOGLENET, name="48", positions=(MIDDLE,))
PROTOCOLS = (AS_IN_USE, TEN, FORTY_EIGHT)
PAPER = {
    (1, "1"): 10.07,
    (1, "10"): 9.15,
    (1, "48"): 7.89,
    (7, "1"): 8.09,
    (7, "10"): 7.62,
    (7, "48"): 6.67,
}
"""Models, crops -> top-5 error of the paper, percent; its 144 crops beside our 48."""


def trials(side: int, width: float) -> Iterator[Trial]:
    """One network; each seed is a model. Other claims train it, too."""
    yield Trial(name="reduced", net=small_googlenet(side, width))


def subsets(count: int, size: int) -> list[tuple[int, ...]]:
    """Subsets of neighbors in a circle: every model is in as many; a whole circle is one."""
    starts = range(1 if size == count else count)
    return [tuple((start + i) % count for i in range(size)) for start in starts]


def scored(folders: Sequence[Path], data: str, images: int) -> Table:
    """What every model says with every protocol, of images evenly spaced in test."""
    classifiers = [load(folder) for folder in folders]
    dataset, silent = open_dataset(data), Silence()
    cards = [classifier.card for classifier in classifiers]
    indices = test_samples(cards, dataset, silent, keep=False).indices
    some = indices[:: max(1, len(indices) // images)][:images]
    found = Table(classifiers, [str(folder) for folder in folders], dataset, silent)
    for protocol in PROTOCOLS:
        for number in range(len(folders)):
            found.score(number, protocol, some)
    return found


def rights(answers: Table, size: int, protocol: Protocol) -> NDArray[np.float64]:
    """(subsets, images): whether each subset of so many models is right."""
    groups = subsets(len(answers.names), size)
    return np.stack(
        [answers.mean(group, protocol).argmax(1) == answers.labels for group in groups]
    ).astype(np.float64)


def study(answers: Table) -> list[dict[str, Any]]:
    """A row for each number of models and each protocol; the first is one model with one crop."""
    count = len(answers.names)
    first = rights(answers, 1, AS_IN_USE).mean(0)
    found = []
    for size in sorted({1, min(3, count), count}):
        for protocol in PROTOCOLS:
            right = rights(answers, size, protocol)
            errors, change = 100 - 100 * right.mean(1), 100 * (first - right.mean(0))
            found.append(
                {
                    "models": size,
                    "crops": protocol.name,
                    "passes": size * protocol.count,
                    "subsets": len(right),
                    "error": float(errors.mean()),
                    "sd": stdev(errors.tolist()) if size == 1 and count > 1 else None,
                    "difference": float(change.mean()),
                    "half": float(Z95 * change.std() / sqrt(len(change))),
                    "paper_top5": PAPER.get((size, protocol.name)),
                }
            )
    return found


def line(row: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table."""
    sd = "" if row["sd"] is None else f" (SD {row['sd']:.2f})"
    paper = "" if row["paper_top5"] is None else f"{row['paper_top5']:.2f} %"
    is_first = row["passes"] == 1
    return (
        str(row["models"]),
        row["crops"],
        str(row["passes"]),
        f"{row['error']:.2f} %{sd}",
        "" if is_first else f"{row['difference']:+.2f} ± {row['half']:.2f}",
        paper,
    )


def options(parser: ArgumentParser) -> None:
    """What this script asks beside the others."""
    parser.add_argument("--images", type=int, default=2000, help="test images to score")


CLAIM = Claim(
    name="crops",
    says=(
        "**The paper** (arXiv:1409.4842, table 3), top-5 error: one model with 1, 10 and 144 crops "
        "10.07, 9.15 and 7.89 %; seven models 8.09, 7.62 and 6.67 %."
    ),
    here=(
        "**Here**: small GoogLeNets with batch norm that differ in their seeds, and top-1 error. "
        "Images are square, so that 48 of the paper's 144 crops are distinct."
    ),
    trials=trials,
    width=0.25,
    seeds=7,
)


def together(job: Job, images: int) -> str:
    """Score the models alone and together; write the rows, and give their table."""
    (trial,) = job.trials
    folders = [job.place(trial, "", seed) for seed in range(job.given.seeds)]
    answers = scored(folders, job.given.data, images)
    rows, place = study(answers), job.given.results / "lab"
    result = {"images": len(answers.labels), "rows": rows, "hardware": hardware()}
    write(place, "crops-study", {"says": CLAIM.says, "here": CLAIM.here, **result})
    heads = ("models", "crops", "passes", "top-1 error", "difference", "paper, top-5 error")
    return (
        f"\n{len(answers.labels):,} images of test. Errors of one or three models are means over "
        "subsets of the models. A difference is in points, to one model with one crop, with the "
        f"95 % interval over images.\n\n{table(heads, [line(row) for row in rows])}"
    )


def main() -> None:
    """Train the models that are missing, then score them alone and together."""
    given = arguments(CLAIM, options)
    job = run(CLAIM, given)
    if given.list:
        return
    text = together(job, given.images)
    with (given.results / "lab" / "crops.md").open("a", encoding="utf-8") as page:
        page.write(text)
    print(text)


if __name__ == "__main__":
    main()
