"""Exits refitted at the end of training, beside exits as training left them.

    python benchmarks/refit_exits.py DATA --options "--epochs 40" --seeds 3 --goal=-0.2%

Each seed is trained twice, for the same number of epochs, so that the two runs differ in nothing
but the classifiers of their exits. Policies are chosen on val, and what is told was measured on
test.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from early_exits import measure, train
from hardware import RESULTS, hardware, table, write

WAYS = {"as training left them": "refit_exits=false", "refitted": "refit_exits=true"}


def measured(run: Path, data: str, goal: str) -> dict[str, Any]:
    """Scores of every exit of a run, and what its policy saves."""
    result = json.loads((run / "run.json").read_bytes())["result"]
    told, _ = measure(run, data, goal)
    exits = {name: found["top1"] for name, found in result["exits"].items()}
    return {**told, "exits": exits}


def row(way: str, runs: list[dict[str, Any]]) -> tuple[str, ...]:
    """The means over the seeds."""
    top1 = [fmean(run["exits"][name] for run in runs) for name in runs[0]["exits"]]
    lost = fmean(run["top1"] - run["main_top1"] for run in runs)
    return (
        way,
        f"{fmean(run['main_top1'] for run in runs):.2%}",
        ", ".join(f"{100 * share:.2f}" for share in top1),
        f"{100 * lost:+.2f}",
        f"{fmean(run['times_fewer_macs'] for run in runs):.2f}",
    )


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--options", default="--epochs 40", help="of all trainings")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--goal", default="-0.2%", help="as `evaluate --goal` takes it")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> None:
    """Train, measure, print and write."""
    given = arguments()
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="refit-") as place:
        for seed in range(given.seeds):
            for number, (way, setting) in enumerate(WAYS.items()):
                folder = Path(place) / f"{seed}-{number}"
                run = train(given.data, [*given.options.split(), setting], seed, folder)
                found[way].append(measured(run, given.data, given.goal))
    heads = ("exits", "main", "top-1 of exits, %", "points lost by stopping", "times fewer MACs")
    print(table(heads, [row(way, runs) for way, runs in found.items()]))
    name = Path(given.data).name
    facts = {"data": name, "options": given.options, "goal": given.goal}
    write(given.results, f"refit_exits-{name}", {**facts, "runs": found, "hardware": hardware()})


if __name__ == "__main__":
    main()
