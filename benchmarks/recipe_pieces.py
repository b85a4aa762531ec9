"""Pieces of recipes, one at a time: what each adds to the same training in the same time.

    python benchmarks/recipe_pieces.py DATA [PIECE...] --budget 5min --seeds 3 [--base "lr=0.3"]

Each run is `inceptionkit train DATA ...` in a process of its own, in an empty folder. Seed after
seed all pieces are trained in turn, so that a slower hour of the machine meets all of them. Scores
are those on validation images at the end of training: test images decide nothing.
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

LONG = ("policy=none", "cutmix=0")  # how images of long runs were varied before
PIECES = {
    "base": (),
    "muon": ("optimizer=muon",),
    "norm biases x8": ("norm_bias_rate=8",),
    "identity": ("identity=true",),
    "whitened": ("first_layer=whitened",),
    "lookahead": ("average=lookahead",),
    "padded crops": ("crop=padded", "padding=2"),
    "smoothing 0.2": ("label_smoothing=0.2",),
    "batch 512": ("batch=512",),
    "not varied more": LONG,
    "cutmix": ("policy=none", "cutmix=1"),
    "trivial": ("policy=trivial", "cutmix=0"),
    "trivial, cutmix": ("policy=trivial", "cutmix=1"),
    "trivial, cutmix, erasing": ("policy=trivial", "cutmix=1", "erasing=0.25"),
}


def measure(data: str, options: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Train once in a folder that is thrown away; the last row of its log.

    Raises:
        CalledProcessError: the command failed; what it said is on standard error.
    """
    words = ["train", data, *options, "--seed", str(seed), "--json", "--quiet"]
    print("$ inceptionkit", *words, file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="pieces-") as place:
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
    """A piece, and by how many points it is ahead of the base, seed by seed."""
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
    parser.add_argument("pieces", nargs="*", help=", ".join(PIECES), metavar="PIECE")
    parser.add_argument("--budget", default="5min", help="of each training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--base", default="", help="options of all trainings, as `train` takes them"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    given = arguments()
    if unknown := set(given.pieces) - set(PIECES):
        sys.exit(f"no piece is called {min(unknown)!r}; there are {', '.join(PIECES)}")
    path = Path(given.data)
    data = str(path.resolve()) if path.exists() else given.data
    names = ["base", *(given.pieces or [name for name in PIECES if name != "base"])]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in dict.fromkeys(names)}
    for seed in range(given.seeds):
        for name, found in runs.items():
            options = (*given.base.split(), "--budget", given.budget, *PIECES[name])
            found.append(measure(data, options, seed))
    heads = ("piece", "top-1 on val, %", "points ahead of base", "exits, %", "epochs")
    print(table(heads, [row(name, found, runs["base"]) for name, found in runs.items()]))
    facts = {"data": path.name, "base": given.base, "budget": given.budget}
    write(
        given.results, f"recipe_pieces-{path.name}", {**facts, "runs": runs, "hardware": hardware()}
    )


if __name__ == "__main__":
    main()
