"""`predict --out` over 200,000 small JPEG files, beside its decoder and its engine alone.

The command runs in a new process, start and writing included, with its peak memory. GoogLeNet in
int8, with its first weights, answers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from hardware import RESULTS, hardware, table, write
from serving import alone_in_a_process, files, googlenet

SIDE, DISTINCT = 64, 1_000  # pixels; files that differ
CLASSES = 100  # folders
LEAST, MOST_BYTES = 0.9, 2**30


def made(folder: Path, count: int) -> Path:
    """A folder of so many JPEG files in folders."""
    encoded = files(SIDE, min(DISTINCT, count))
    for number in range(min(CLASSES, count)):
        (folder / f"{number:03d}").mkdir(parents=True)
    for number in range(count):
        data = encoded[number % len(encoded)]
        (folder / f"{number % CLASSES:03d}" / f"{number:07d}.jpg").write_bytes(data)
    return folder


def timed(model: Path, images: Path, out: Path) -> dict[str, Any]:
    """Seconds of the command from outside, and its peak memory."""
    words = [sys.executable, "-m", "inceptionkit", "predict", str(model), str(images)]
    start = perf_counter()
    process = subprocess.Popen([*words, "--out", str(out), "--quiet"])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        msg = f"predict ended with status {status}"
        raise SystemExit(msg)
    return {"seconds": perf_counter() - start, "peak_bytes": usage.ru_maxrss * 1024}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="an exported model; GoogLeNet if left out")
    parser.add_argument("--precision", choices=("int8", "fp32"), default="int8")
    parser.add_argument("--images", type=int, default=200_000, help="files")
    parser.add_argument("--seconds", type=float, default=10, help="of engine and decoder alone")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> int:
    """Measure; 1 if a requirement is missed."""
    given = arguments()
    with TemporaryDirectory() as folder:
        model = given.model or googlenet(Path(folder), given.precision)
        images = made(Path(folder, "images"), given.images)
        own = alone_in_a_process(model, given.seconds, SIDE)
        found = timed(model, images, Path(folder, "answers.parquet"))
    rate = given.images / found["seconds"]
    share = rate / own["engine_and_decoder"]
    result = {
        "images": given.images,
        "model": given.model.name if given.model else f"googlenet, {given.precision}",
        "alone": own,
        "predict": {**found, "images_per_second": rate},
        "share": share,
        "hardware": hardware(),
    }
    write(given.results, "bulk", result)
    text = table(
        ("what", "images/s", "of decoder and engine", "peak memory"),
        [
            ("engine at its best batch", f"{own['best']:.0f}", "", ""),
            ("decoder", f"{own['decoder']:.0f}", "", ""),
            ("decoder and engine", f"{own['engine_and_decoder']:.0f}", "1.00", ""),
            (
                f"`predict --out`, {given.images:,} files",
                f"{rate:.0f}",
                f"{share:.2f} (at least {LEAST})",
                f"{found['peak_bytes'] / 2**20:.0f} MiB (under 1,024)",
            ),
        ],
    )
    (given.results / "bulk.md").write_text(text, encoding="utf-8")
    print(text)
    return 0 if share >= LEAST and found["peak_bytes"] < MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
