"""Early exits: what stopping when sure loses, and how much work and time it saves.

Trains runs, or takes given ones. Thresholds and temperatures come from val; what is reported was
measured on test, beside running to the end on the same images.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from hardware import RESULTS, hardware, table, write
from torch import Tensor, nn

if TYPE_CHECKING:
    from inceptionkit.evaluation.early_exit import Policy

LOST, FEWER = 0.002, 1.5  # wanted: at most so much top-1 lost, at least so many times fewer MACs


def trained(given: argparse.Namespace, seed: int, place: Path) -> Path:
    """A run, and where it is asked for a second one that begins with it."""
    first = train(given.data, given.options.split(), seed, place / f"seed{seed}")
    if not given.then:
        return first
    options = ["--from", str(first), *given.then.split()]
    return train(given.data, options, seed, place / f"seed{seed}-then")


def train(data: str, options: list[str], seed: int, folder: Path) -> Path:
    """Train one run as a user would."""
    from inceptionkit.cli import main

    code = main(["train", data, *options, "--seed", str(seed), "--out", str(folder), "--quiet"])
    if code:
        msg = f"inceptionkit train {data} --seed {seed}: exit code {code}"
        raise SystemExit(msg)
    return folder


class ExecutedMacs:
    """Counts the multiply-accumulates that convolutions and linear layers really do."""

    def __init__(self, model: nn.Module) -> None:
        self.macs = 0
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.register_forward_hook(self.count)

    def count(self, layer: nn.Module, _: tuple[Tensor, ...], out: Tensor) -> None:
        """Add one call: every output costs as many as its kernel has weights."""
        weight = layer.get_parameter("weight")
        self.macs += out.numel() * weight[0].numel()


def executed(run: Path, data: str, policy: Policy) -> float:
    """Mean MACs an image that are executed on the scored images."""
    from inceptionkit.data import open_dataset
    from inceptionkit.evaluation.classifier import load
    from inceptionkit.evaluation.held_out import load_scored, tuning_and_test_samples
    from inceptionkit.evaluation.inference import predict_with_early_exit
    from inceptionkit.progress import Silence

    classifier, dataset = load(run), open_dataset(data)
    _, scoring = tuning_and_test_samples(classifier.card, dataset, Silence())
    scored = load_scored(classifier.card, dataset, scoring, Silence())
    counter = ExecutedMacs(classifier.model)
    predict_with_early_exit(classifier.model, scored.pixels, classifier.card.preprocessing, policy)
    return counter.macs / len(scored)


def measure(run: Path, data: str, goal: str) -> tuple[dict[str, Any], np.ndarray]:
    """One run: what is told of it, and the gain or loss of each image."""
    from inceptionkit.evaluation.exits.goals import parse_goal
    from inceptionkit.evaluation.exits.study import evaluate_exits

    study = evaluate_exits(run, data, goal=parse_goal(goal))
    told = {k: v for k, v in study.to_json().items() if k != "classes"}
    told |= {"main_top1": study.main.top1}
    told |= {"run": run.name, "executed_macs": executed(run, data, study.policy)}
    return told, study.gains


def summary(data: str, goal: str, found: list[tuple[dict[str, Any], np.ndarray]]) -> dict[str, Any]:
    """What the runs have in common. The interval is over images: each one's mean over the runs.

    Sources:
        Bonett & Price 2012, doi:10.3102/1076998611411915: intervals with two images more.
    """
    from inceptionkit.evaluation.confidence import Z95

    runs, gains = [told for told, _ in found], [gain for _, gain in found]
    alike = len({len(gain) for gain in gains}) == 1
    every = np.mean(gains, axis=0) if alike else np.concatenate(gains)
    smooth = np.append(every, [-1.0, 1.0])  # one image lost and one gained: none is not certain
    half = Z95 * smooth.std() / len(smooth) ** 0.5
    mean = {
        key: fmean(run[key] for run in runs)
        for key in ("top1", "main_top1", "mean_macs", "executed_macs", "times_fewer_macs",
                    "times_faster", "times_faster_alone")
    }  # fmt: skip
    return {
        "data": data,
        "goal": goal,
        "mean": mean,
        "difference": {
            "mean": float(every.mean()),
            "low": float(smooth.mean() - half),
            "high": float(smooth.mean() + half),
        },
        "oracle_times_fewer": fmean(
            run["main"]["macs"] / run["oracle"]["mean_macs"] for run in runs
        ),
        "holds": {
            "lost": bool(every.mean() >= -LOST),
            "fewer_macs": mean["times_fewer_macs"] >= FEWER,
            "faster": mean["times_faster"] >= FEWER,
        },
        "runs": runs,
    }


def markdown(result: dict[str, Any]) -> str:
    """One line."""
    mean, difference = result["mean"], result["difference"]
    interval = f"{100 * difference['low']:+.2f} to {100 * difference['high']:+.2f}"
    heads = (
        "data", "runs", "main", "early exit", "points of top-1", "95 % interval",
        "times fewer MACs", "times faster, batch", "times faster, alone", "oracle",
    )  # fmt: skip
    row = (
        result["data"],
        f"{len(result['runs'])}",
        f"{mean['main_top1']:.2%}",
        f"{mean['top1']:.2%}",
        f"{100 * difference['mean']:+.2f}",
        interval,
        f"{mean['times_fewer_macs']:.2f}",
        f"{mean['times_faster']:.2f}",
        f"{mean['times_faster_alone']:.2f}",
        f"{result['oracle_times_fewer']:.2f}",
    )
    return table(heads, [row])


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", nargs="?", default="digits", help="what `inceptionkit train` takes")
    parser.add_argument("--runs", type=Path, nargs="+", help="finished runs; else some are trained")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs to train")
    parser.add_argument("--options", default="", help="for `inceptionkit train`, in one word")
    parser.add_argument("--then", default="", help="of a second one that starts from each run")
    parser.add_argument(
        "--goal", default="-0.2%", help="as `inceptionkit evaluate --exits` takes it"
    )
    parser.add_argument("--name", help="of the result; that of the data if left out")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> int:
    """Measure; 1 if too much is lost or too little saved."""
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="early-exits-") as place:
        runs = given.runs or [trained(given, seed, Path(place)) for seed in range(given.seeds)]
        found = [measure(run, given.data, given.goal) for run in runs]
    name = given.name or Path(given.data).name
    result = summary(name, given.goal, found)
    write(given.results, f"early_exits-{name}", {**result, "hardware": hardware()})
    print(markdown(result), end="")
    return 0 if all(result["holds"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
