"""Threads against processes: random crops of encoded photos, as training beyond memory does."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from hardware import RESULTS, hardware, quartiles, table, write
from torch.utils import data as torch_data

from inceptionkit.data import open_dataset
from inceptionkit.data.transforms.augmentation import Augmentation, Cropping
from inceptionkit.data.transforms.random_crop import crops_from_encoded
from inceptionkit.data.types import Dataset
from inceptionkit.machine import cores

CROPPING = Cropping(how=Augmentation(), side=224, seed=0, epoch=0)
BATCH = 50


class Photos(torch_data.Dataset[torch.Tensor]):
    """What DataLoader's processes read."""

    def __init__(self, dataset: Dataset, images: int) -> None:
        """Take the first `images`."""
        self.dataset, self.images = dataset, images

    def __len__(self) -> int:
        """How many there are."""
        return self.images

    def __getitem__(self, index: int) -> torch.Tensor:
        """One crop, (side, side, 3)."""
        crops, _ = crops_from_encoded([self.dataset.read(index)], CROPPING, np.array([index]))
        return torch.from_numpy(crops[0])


def threads(photos: Photos, workers: int) -> None:
    """Decode all with a pool of threads."""
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(photos), BATCH):
            torch.stack(
                list(pool.map(photos.__getitem__, range(start, min(start + BATCH, len(photos)))))
            )


def processes(photos: Photos, workers: int) -> None:
    """Decode all with torch's DataLoader."""
    for _ in torch_data.DataLoader(photos, batch_size=BATCH, num_workers=workers):
        pass


SIDES: dict[str, Callable[[Photos, int], None]] = {"threads": threads, "processes": processes}


def main() -> int:
    """Measure in turn, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="photos, such as 1,000 of ImageNet")
    parser.add_argument("--images", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
    torch.set_num_threads(1)
    dataset = open_dataset(options.data)
    photos = Photos(dataset, min(options.images, len(dataset.samples)))
    ways = [(name, count) for count in sorted({1, 2, cores()}) for name in SIDES]
    rates: dict[tuple[str, int], list[float]] = {way: [] for way in ways}
    for turn in range(options.rounds):
        for name, count in ways[turn % len(ways) :] + ways[: turn % len(ways)]:
            began = perf_counter()
            SIDES[name](photos, count)
            rates[name, count].append(len(photos) / (perf_counter() - began))
    text = said(rates)
    print(text)
    rounds = {f"{count} {name}": found for (name, count), found in rates.items()}
    write(options.out, "workers", {"hardware": hardware(), "images_per_second": rounds})
    (options.out / "workers.md").write_text(text, encoding="utf-8")
    return 0


def said(rates: dict[tuple[str, int], list[float]]) -> str:
    """Medians and quartiles as a table."""
    rows: list[Any] = []
    for (name, count), found in rates.items():
        low, middle, high = quartiles(found)
        rows.append((f"{count} {name}", f"{middle:.0f}", f"{low:.0f} to {high:.0f}"))
    return table(("workers", "images/s, median", "quartiles"), rows)


if __name__ == "__main__":
    sys.exit(main())
