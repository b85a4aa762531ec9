"""How many wrong labels `inceptionkit check --folds` finds among those that are put there.

Some labels are flipped to another class, all drawn by the seed. The score is the share of the
flipped ones among as many of the most doubted images as were flipped; a list in random order
has the share that was flipped.

    python benchmarks/label_errors.py PATH/TO/flowers
    python benchmarks/label_errors.py digits
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from hardware import RESULTS, hardware, write
from numpy.typing import NDArray

from inceptionkit.cli.console import Output, listener_for
from inceptionkit.data import open_dataset
from inceptionkit.data.quality.scan import scan
from inceptionkit.machine import cores
from inceptionkit.training.cross_validation import suspected


def flipped(labels: NDArray[np.int32], share: float, seed: int) -> NDArray[np.int32]:
    """Labels of which a share is another class, each other class as likely."""
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(labels))[: round(share * len(labels))]
    wrong = labels.copy()
    wrong[chosen] += random.integers(1, labels.max() + 1, len(chosen), np.int32)
    return wrong % (labels.max() + 1)


def measure(data: str, *, share: float, folds: int, seed: int) -> dict[str, Any]:
    """Flip labels, look for them, and count."""
    dataset = open_dataset(data)
    right = dataset.samples.labels
    samples = replace(dataset.samples, labels=flipped(right, share, seed))
    found = scan(replace(dataset, samples=samples), threads=cores())
    groups = found.groups(cores())
    began = perf_counter()
    with listener_for(Output(json_only=False, quiet=False)) as heard:
        doubts = suspected(found, groups, folds=folds, seed=seed, listener=heard)
    seconds = perf_counter() - began
    is_wrong = samples.labels != right
    count = int(is_wrong[found.usable].sum())
    ranked = is_wrong[[one.index for one in doubts]]
    return {
        "data": Path(data).name,
        "images": len(found.usable),
        "flipped": count,
        "folds": folds,
        "seed": seed,
        "seconds": seconds,
        "found": int(ranked[:count].sum()),
        "found_among_twice_as_many": int(ranked[: 2 * count].sum()),
        "doubted": len(doubts),
        "found_among_the_doubted": int(ranked.sum()),
    }


def main() -> None:
    """Measure, print a sentence, and write JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("data")
    options.add_argument("--share", type=float, default=0.03)
    options.add_argument("--folds", type=int, default=5)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    asked = options.parse_args()
    row = measure(asked.data, share=asked.share, folds=asked.folds, seed=asked.seed)
    print(
        f"{row['data']}: {row['found']} of {row['flipped']} flipped labels are among the "
        f"{row['flipped']} most doubted of {row['images']:,} "
        f"({row['found'] / max(1, row['flipped']):.0%}), "
        f"{row['found_among_twice_as_many']} among twice as many, "
        f"{row['found_among_the_doubted']} among all {row['doubted']} that are doubted; "
        f"{row['seconds']:.0f} s"
    )
    write(asked.results, f"label_errors-{row['data']}", {**row, "hardware": hardware()})


if __name__ == "__main__":
    main()
