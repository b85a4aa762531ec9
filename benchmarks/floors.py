"""What the default recipe reaches from scratch, against the floors that this project sets itself.

Each run is `inceptionkit train DATA ...` in a process of its own, in an empty folder, one after the
other. Run nothing else meanwhile: a time budget buys fewer epochs on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from time import perf_counter
from typing import Any

from hardware import RESULTS, hardware, table, write

GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What a data set must reach."""

    options: tuple[str, ...]  # of `inceptionkit train`
    seeds: int  # runs, with seeds 0, 1, ...
    top1: float  # mean over the seeds, at least
    seconds: float  # of each whole command, at most
    peak_bytes: int | None  # of each process, at most


FLOORS = {
    "digits": Floor(options=(), seeds=5, top1=0.985, seconds=120, peak_bytes=3 * GIB // 2),
    "flowers": Floor(
        options=("--from", "none", "--budget", "15min"),
        seeds=1,
        top1=0.78,
        seconds=900,
        peak_bytes=None,
    ),
    "cifar10": Floor(
        options=("--from", "none", "--budget", "10min"),
        seeds=1,
        top1=0.89,
        seconds=600,
        peak_bytes=4 * GIB,
    ),
}


class RunFailedError(Exception):
    """`inceptionkit train` did not end well."""


def measure(data: str, options: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Train once, as a user would, in a folder that is thrown away.

    Raises:
        RunFailedError: the command failed; what it said is on standard error.
    """
    words = ["train", data, *options, "--seed", str(seed), "--json"]
    print("$ inceptionkit", *words, file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="floors-") as place:
        began = perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "inceptionkit", *words],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        wall = perf_counter() - began
        if done.returncode:
            msg = f"inceptionkit {' '.join(words)}: exit code {done.returncode}"
            raise RunFailedError(msg)
        result = json.loads(done.stdout)
        record = json.loads((Path(place) / result["run"] / "run.json").read_bytes())
    return {
        "seed": seed,
        "wall_seconds": wall,
        "set": result["set"],
        "images": result["images"],
        "top1": result["top1"],
        "exits": {name: row["top1"] for name, row in result["exits"].items()},
        "epochs": result["epochs"],
        "images_per_second": result["images_per_second"],
        "peak_bytes": result["peak_bytes"],
        "architecture": record["architecture"]["name"],
        "input": record["preprocessing"]["size"],
        "threads": record["threads"],
        "execution": record["execution"],
        "plans": len(record["plans"]),
        "fingerprint": record["data"]["fingerprint"],
    }


def summary(name: str, options: tuple[str, ...], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What the runs of one data set have in common, and whether the floor holds."""
    floor = FLOORS[name]
    scores = [run["top1"] for run in runs]
    worst = {key: max(run[key] for run in runs) for key in ("wall_seconds", "peak_bytes")}
    holds = {
        "top1": fmean(scores) >= floor.top1,
        "wall_seconds": worst["wall_seconds"] <= floor.seconds,
        "peak_bytes": floor.peak_bytes is None or worst["peak_bytes"] <= floor.peak_bytes,
    }
    return {
        "data": name,
        "command": " ".join(["inceptionkit train", name, *options]),
        "set": runs[0]["set"],
        "images": runs[0]["images"],
        "top1_mean": fmean(scores),
        "top1_deviation": stdev(scores) if len(scores) > 1 else None,
        "top1_lowest": min(scores),
        "top1_highest": max(scores),
        "exits_mean": {key: fmean(run["exits"][key] for run in runs) for key in runs[0]["exits"]},
        "wall_seconds_most": worst["wall_seconds"],
        "peak_bytes_most": worst["peak_bytes"],
        "images_per_second_mean": fmean(run["images_per_second"] for run in runs),
        "floor": {
            "top1": floor.top1,
            "wall_seconds": floor.seconds,
            "peak_bytes": floor.peak_bytes,
        },
        "holds": holds,
        "runs": runs,
    }


def markdown(results: list[dict[str, Any]]) -> str:
    """One line per data set."""
    heads = (
        "command",
        "seeds",
        "top-1",
        "spread",
        "floor",
        "exits",
        "whole command",
        "images/s",
        "peak memory",
        "holds",
    )
    rows = []
    for one in results:
        count = len(one["runs"])
        spread = f"{one['top1_lowest']:.1%} to {one['top1_highest']:.1%}" if count > 1 else "–"  # noqa: RUF001 - a dash is meant
        exits = ", ".join(f"{name} {score:.1%}" for name, score in one["exits_mean"].items())
        limit = one["floor"]["peak_bytes"]
        memory = f"{one['peak_bytes_most'] / GIB:.2f} GiB"
        rows.append(
            (
                f"`{one['command']}`",
                f"{count}",
                f"{one['top1_mean']:.2%} of {one['images']:,} {one['set']}",
                spread,
                f"{one['floor']['top1']:.1%}",
                exits,
                f"{one['wall_seconds_most']:.0f} s (at most {one['floor']['wall_seconds']:.0f})",
                f"{one['images_per_second_mean']:,.0f}",
                memory + (f" (at most {limit / GIB:g})" if limit else ""),
                "yes" if all(one["holds"].values()) else "no",
            )
        )
    return table(heads, rows)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Train on the data sets named, digits if none is, and compare with the floors."
    )
    parser.add_argument("--digits", action="store_true", help="the digits that are built in")
    parser.add_argument("--flowers", type=Path, metavar="PATH", help="five kinds of flowers")
    parser.add_argument("--cifar10", type=Path, metavar="PATH", help="CIFAR-10, with its test set")
    parser.add_argument("--seeds", type=int, metavar="N", help="runs of each, instead of its own")
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="instead of the budget, to try the script"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> int:
    """Measure; 1 if a floor is missed, 2 if a run fails."""
    given = arguments()
    wanted = {
        name: str(path.resolve()) for name in ("flowers", "cifar10") if (path := vars(given)[name])
    }
    if given.digits or not wanted:
        wanted = {"digits": "digits", **wanted}
    held = True
    for name, data in wanted.items():
        floor = FLOORS[name]
        options = floor.options if given.epochs is None else ("--epochs", str(given.epochs))
        try:
            runs = [measure(data, options, seed) for seed in range(given.seeds or floor.seeds)]
        except RunFailedError as error:
            print(f"floors: {error}", file=sys.stderr)
            return 2
        found = summary(name, options, runs)
        held = held and all(found["holds"].values())
        write(given.results, f"floors-{name}", {**found, "hardware": hardware()})
    paths = [given.results / f"floors-{name}.json" for name in FLOORS]
    results = [json.loads(path.read_bytes()) for path in paths if path.exists()]
    lines = markdown(results)
    (given.results / "floors.md").write_text(lines, encoding="utf-8")
    print(lines, end="")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
