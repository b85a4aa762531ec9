"""Index a folder of 200,000 images, cold and from the cache: seconds, and bytes for each image."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from hardware import RESULTS, hardware, table, write

WANTED = {"cold": 6.0, "cached": 1.0}  # seconds
WANTED_BYTES = 250  # of memory, for each image

# A process that indexes once and says what it took. Memory is that of the process, not of Python.
INDEXER = """
import json, sys
from time import perf_counter

import numpy, PIL.Image, inceptionkit.data.sources.folder  # what any dataset needs is there already
from inceptionkit.data import open_dataset

def held(key):
    for line in open("/proc/self/status"):
        if line.startswith(key):
            return int(line.split()[1]) * 1024

open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
before = held("VmRSS")
began = perf_counter()
dataset = open_dataset(sys.argv[1])
seconds = perf_counter() - began
after, peak = held("VmRSS"), held("VmHWM")
began = perf_counter()
dataset.fingerprint()
print(json.dumps({"images": len(dataset.samples), "seconds": seconds, "held": after - before,
                  "peak": peak - before, "fingerprint_seconds": perf_counter() - began}))
"""


def make(folder: Path, images: int, classes: int) -> None:
    """Empty files with names as cameras and data sets give them: only names are indexed."""
    for klass in range(classes):
        place = folder / f"n{klass:08}"
        place.mkdir()
        for image in range(klass, images, classes):
            (place / f"n{klass:08}_{image:08}.JPEG").touch()


def forget() -> bool:
    """Make the system forget what it knows of files, where it lets us."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("2\n", encoding="ascii")
    except OSError:
        return False
    return True


def index(folder: Path, cache: Path) -> dict[str, Any]:
    """Index in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", INDEXER, str(folder)],
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(folder: Path, cache: Path, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Without the index, without it and without what the system knows of files, and with it."""
    rows: dict[str, list[dict[str, Any]]] = {"cold": [], "cached": []}
    for _ in range(rounds):
        for old in cache.rglob("*.npz"):
            old.unlink()
        forgot = forget()
        rows["cold"].append(index(folder, cache) | {"system_forgot": forgot})
        rows["cached"].append(index(folder, cache))
    return rows


def main() -> int:
    """Measure, write the result, and say whether what is wanted is reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "images", Path(place) / "cache"
        folder.mkdir()
        make(folder, options.images, options.classes)
        os.utime(folder)
        rows = measure(folder, cache, options.rounds)
    lines, missed = [], False
    for name, found in rows.items():
        seconds = median(row["seconds"] for row in found)
        peak = median(row["peak"] / row["images"] for row in found)
        held = median(row["held"] / row["images"] for row in found)
        missed |= seconds > WANTED[name] or peak > WANTED_BYTES
        stats = median(row["fingerprint_seconds"] for row in found)
        numbers = (f"{seconds:.2f}", f"{WANTED[name]:.0f}", f"{peak:.0f}", f"{held:.0f}")
        lines.append((name, *numbers, f"{stats:.2f}"))
    heads = ("index", "s", "wanted, s", "bytes an image, at peak", "held", "fingerprint, s")
    text = table(heads, lines)
    print(text)
    write(options.out, "indexing", {"hardware": hardware(), "rounds": rows})
    (options.out / "indexing.md").write_text(text, encoding="utf-8")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
