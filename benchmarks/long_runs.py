"""Long runs on few images: what each way of varying them more is worth, in the same time.

    python benchmarks/long_runs.py DATA [WAY...] --budget 15min --seeds 3 [--options "--input 64"]

Each run is `inceptionkit train DATA ...` in a process of its own, in an empty folder. Seed after
seed all ways are tried in turn, so that a slower hour of the machine meets all of them. Scores are
those on validation images at the end of training: test images decide nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from hardware import RESULTS, hardware, table, write

WAYS = {
    "as before": ("policy=none", "cutmix=0"),
    "chosen by train": (),
    "cutmix": ("policy=none", "cutmix=1"),
    "trivial": ("policy=trivial", "cutmix=0"),
    "erasing": ("policy=none", "cutmix=0", "erasing=0.25"),
    "trivial, cutmix, erasing": ("policy=trivial", "cutmix=1", "erasing=0.25"),
}
BASE = "as before"


def measure(data: str, options: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Train once in a folder that is thrown away; the last row of its log.

    Raises:
        CalledProcessError: the command failed; what it said is on standard error.
    """
    words = ["train", data, *options, "--seed", str(seed), "--json", "--quiet"]
    print("$ inceptionkit", *words, file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="long-") as place:
        done = subprocess.run(
            [sys.executable, "-m", "inceptionkit", *words],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        run = Path(place) / json.loads(done.stdout)["run"]
        with (run / "log.csv").open(newline="") as file:
            last = list(csv.DictReader(file))[-1]
    return {"seed": seed, **{key: float(last[key]) for key in last if last[key]}}


def row(name: str, runs: list[dict[str, Any]], base: list[dict[str, Any]]) -> tuple[str, ...]:
    """A way, and by how many points it is ahead of what was before, seed by seed."""
    scores = [100 * run["val_top1"] for run in runs]
    ahead = [s - 100 * b["val_top1"] for s, b in zip(scores, base, strict=False)]
    spread = f" ± {stdev(ahead):.2f}" if len(ahead) > 1 else ""
    exits = {key for key in runs[0] if key.startswith("val_top1_")}
    early = ", ".join(f"{100 * fmean(run[key] for run in runs):.1f}" for key in sorted(exits))
    epochs = fmean(run["epoch"] for run in runs)
    return name, f"{fmean(scores):.2f}", f"{fmean(ahead):+.2f}{spread}", early, f"{epochs:.1f}"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data")
    parser.add_argument("ways", nargs="*", help=", ".join(WAYS), metavar="WAY")
    parser.add_argument("--budget", default="15min", help="of each training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--base", default="", help="options of all trainings, as `train` takes them"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    given = arguments()
    if unknown := set(given.ways) - set(WAYS):
        sys.exit(f"no way is called {min(unknown)!r}; there are {', '.join(WAYS)}")
    path = Path(given.data)
    data = str(path.resolve()) if path.exists() else given.data
    names = [BASE, *(given.ways or WAYS)]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in dict.fromkeys(names)}
    for seed in range(given.seeds):
        for name, found in runs.items():
            options = (*given.options.split(), "--budget", given.budget, *WAYS[name])
            found.append(measure(data, options, seed))
    heads = ("way", "top-1 on val, %", f"points ahead of {BASE}", "exits, %", "epochs")
    print(table(heads, [row(name, found, runs[BASE]) for name, found in runs.items()]))
    facts = {"data": path.name, "options": given.options, "budget": given.budget}
    write(given.results, f"long_runs-{path.name}", {**facts, "runs": runs, "hardware": hardware()})


if __name__ == "__main__":
    main()
