"""Training with and without keeping freed memory, each time in a process of its own, in turn.

    python benchmarks/kept_memory.py [--rounds N]

glibc's thresholds hold for a whole process, and what one update leaves behind helps the next: two
ways in one process would not be told apart.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from hardware import RESULTS, hardware, quartiles, table, write
from trained import GOOGLENET, INCEPTION_V3, Subject, everything, job_of
from turns import WARM_UP

from inceptionkit.training.execution import Execution
from inceptionkit.training.run.process import keep_memory

COMPACT = Subject("compact", None, 32, 128)
SUBJECTS = {subject.name: subject for subject in (GOOGLENET, INCEPTION_V3, COMPACT)}
WAYS = ("usual", "kept")


def update_seconds(way: str, name: str, updates: int) -> float:
    """Median of some updates of our loop, of bf16 with channels last, in this process."""
    if way == "kept":
        keep_memory()
    execution = Execution(precision="bf16", threads=torch.get_num_threads())
    classes = 10 if name == COMPACT.name else 1000
    job = job_of(SUBJECTS[name], execution, classes=classes, updates=WARM_UP + updates)
    update, seconds = everything(job), []
    for _ in range(WARM_UP + updates):
        began = perf_counter()
        update()
        seconds.append(perf_counter() - began)
    return median(seconds[WARM_UP:])


def measured(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Seconds of an update both ways, and how much faster the second is, pair by pair."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(given.rounds):
        for way in WAYS if turn % 2 else WAYS[::-1]:
            command = [sys.executable, __file__, "--of", way, name, f"--updates={given.updates}"]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            seconds[way].append(json.loads(done.stdout))
        print(f"{name}: round {turn + 1} of {given.rounds}", file=sys.stderr, flush=True)
    pairs = zip(seconds["usual"], seconds["kept"], strict=True)
    return {"network": name, "seconds": seconds, "faster": quartiles([a / b for a, b in pairs])}


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each network."""
    lines = []
    for row in rows:
        subject, (low, middle, high) = SUBJECTS[row["network"]], row["faster"]
        lines.append(
            (
                f"{row['network']}, {subject.side} px, batch {subject.batch}",
                *(f"{1e3 * median(row['seconds'][way]):,.0f} ms" for way in WAYS),
                f"{middle:.2f}x ({low:.2f} to {high:.2f})",
            )
        )
    return table(("an update of", "as glibc does it", "freed memory kept", "faster"), lines)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="processes of each way")
    parser.add_argument("--updates", type=int, default=12, help="in each process")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    parser.add_argument("--of", nargs=2, metavar=("WAY", "NETWORK"), help="one process's part")
    given = parser.parse_args()
    if given.of:
        print(json.dumps(update_seconds(*given.of, given.updates)))
        return
    rows = [measured(name, given) for name in SUBJECTS]
    write(given.results, "kept_memory", {"rows": rows, "hardware": hardware()})
    (given.results / "kept_memory.md").write_text(markdown(rows), encoding="utf-8")
    print(markdown(rows), end="")


if __name__ == "__main__":
    main()
