"""Write a folder with a part of a dataset's training images, and all of its test images.

    python benchmarks/lab/part.py PATH/TO/cifar10 lab-data/half 25000

The dataset is a folder of Parquet files, `train-*.parquet` and `test-*.parquet`. The rows are
evenly spaced over all training images, so that the same call gives the same part. The test files
are linked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np


def write_part(data: Path, out: Path, images: int) -> int:
    """Write so many training images, or all there are; how many were written.

    Raises:
        FileNotFoundError: there are no training or no test files.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    train, test = sorted(data.glob("train-*.parquet")), sorted(data.glob("test-*.parquet"))
    if not train or not test:
        msg = f"{data}: needs train-*.parquet and test-*.parquet; give a folder that has both"
        raise FileNotFoundError(msg)
    whole = pa.concat_tables([pq.read_table(path) for path in train])
    count = min(images, len(whole))
    rows = np.arange(count) * len(whole) // count
    out.mkdir(parents=True)
    pq.write_table(whole.take(rows), out / "train-00000-of-00001.parquet")
    for path in test:
        (out / path.name).symlink_to(path.resolve())
    return count


def main() -> None:
    """Read the command line and write the part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of train-*.parquet and test-*.parquet")
    parser.add_argument("out", type=Path, help="new folder")
    parser.add_argument("images", type=int, help="number of training images, val included")
    given = parser.parse_args()
    print(f"{write_part(given.data, given.out, given.images):,} training images in {given.out}")


if __name__ == "__main__":
    main()
