"""How often the promise of an exit policy holds: at most so much top-1 lost against main.

Trains one small network on a part of each dataset, keeps what all exits say of images that it did
not see, and divides these images at random many times: one half chooses a policy, as
`inceptionkit evaluate --exits` does, the other half counts what it loses.

    python benchmarks/exit_promises.py digits PATH/TO/cifar10 PATH/TO/flowers
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from hardware import RESULTS, hardware, quartiles, table, write
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.cli import main as command
from inceptionkit.data import Dataset, decode_sample, decode_samples, open_dataset
from inceptionkit.data.loading.sets import image_set
from inceptionkit.derive import NetCost, cost
from inceptionkit.errors import RecipeError
from inceptionkit.evaluation.classifier import load
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.evaluation.exits import goals, tuning
from inceptionkit.evaluation.exits.goals import Goal
from inceptionkit.evaluation.exits.promise import Choice, choose_policy
from inceptionkit.evaluation.exits.tuning import ExitStatistics
from inceptionkit.evaluation.inference import predict_all_exits
from inceptionkit.machine import cores
from inceptionkit.model import ExitPolicy

Answered: TypeAlias = tuple[dict[str, NDArray[np.float32]], NDArray[np.int64]]
Row: TypeAlias = tuple[bool, float, float]  # whether the goal is met, top-1 lost, times fewer MACs

TRAINED_ON, DIVIDED = 8000, 8000  # images at most; of fewer, half are trained on
GUESSES = 100  # divisions in which the best guess without a bound is measured as well


def answers(data: str, epochs: int, kept: Path) -> Path:
    """What all exits of a network say of images that it was not trained on, as a file."""
    path = kept / f"{Path(data).name}.npz"
    if path.exists():
        return path
    dataset = open_dataset(data)
    order = np.random.default_rng(0).permutation(len(dataset.samples))
    count = min(TRAINED_ON, len(order) // 2)
    folder, run = kept / f"{path.stem}-images", kept / f"{path.stem}-run"
    write_images(dataset, order[:count], folder)
    train(folder, epochs, run)
    np.savez_compressed(path, **of_all_exits(run, dataset, order[count : count + DIVIDED]))
    return path


def write_images(dataset: Dataset, indices: NDArray[np.int64], folder: Path) -> None:
    """Some images of a dataset, as a folder of classes."""
    for index in indices.tolist():
        name = dataset.classes[dataset.samples.labels[index]]
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(decode_sample(dataset, index)).save(folder / name / f"{index}.png")


def train(folder: Path, epochs: int, run: Path) -> None:
    """Train as a user would."""
    words = ["train", str(folder), "--arch", "compact", "--from", "none"]
    words += ["--epochs", str(epochs), "--out", str(run), "--quiet"]
    if code := command(words):
        msg = f"inceptionkit {' '.join(words)}: exit code {code}"
        raise SystemExit(msg)


def of_all_exits(
    run: Path, dataset: Dataset, indices: NDArray[np.int64]
) -> dict[str, NDArray[np.float32] | NDArray[np.int64]]:
    """Probabilities of each exit and of main, and the true classes."""
    classifier = load(run)
    how = classifier.card.preprocessing
    images = image_set(dataset, decode_samples(dataset, indices, how.fit, cores()), how.size)
    found = predict_all_exits(classifier.model, images.pixels, how)
    number = np.array([classifier.card.classes.index(name) for name in dataset.classes])
    return {**found, "labels": number[images.labels.numpy()]}


def divide(data: str, kept: Path, goal: Goal, divisions: int) -> dict[str, Any]:
    """What policies promise and keep over many divisions of the same images."""
    name = Path(data).name
    with np.load(kept / f"{name}.npz") as file:
        found = dict(file)
    labels = found.pop("labels")
    net_cost = cost(load(kept / f"{name}-run").card.architecture)
    random = np.random.default_rng(0)
    promised, guessed = [], []
    for turn in range(divisions):
        halves = np.array_split(random.permutation(len(labels)), 2)
        chosen, scored = (({n: p[half] for n, p in found.items()}, labels[half]) for half in halves)
        choice = chosen_policy(chosen, net_cost, goal)
        promised.append(choice and measured(choice.policy, scored, net_cost, goal))
        if choice and turn < GUESSES:
            guess = guessed_policy(choice.statistics, goal)
            guessed.append(measured(guess, scored, net_cost, goal))
    return {
        "data": name,
        "goal": str(goal),
        "confidence_level": goal.level,
        "images": len(labels),
        "divisions": divisions,
        "top1": {name: float((p.argmax(1) == labels).mean()) for name, p in found.items()},
        "promised": summary(promised),
        "guessed": summary(guessed),
    }


def chosen_policy(chosen: Answered, net_cost: NetCost, goal: Goal) -> Choice | None:
    """The policy that is promised to meet the goal; None if there is none."""
    try:
        return choose_policy(*chosen, net_cost, goal, "probability")
    except RecipeError:
        return None


def guessed_policy(statistics: ExitStatistics, goal: Goal) -> ExitPolicy:
    """The policy that meets the goal best as far as can be expected, without a bound."""
    main = tuning.outcome(statistics, (None,) * len(statistics.macs.names))
    guess = goals.choose(tuning.frontier(statistics), goal, main)
    return tuning.policy(statistics, guess, "probability")


def measured(policy: ExitPolicy, scored: Answered, net_cost: NetCost, goal: Goal) -> Row:
    """A policy on the other half."""
    names = [row.exit.name for row in net_cost.exits]
    gates = {gate.exit: gate for gate in policy.gates}
    heats = [gates[name].temperature if name in gates else 1.0 for name in names]
    others = tuning.collect(*scored, net_cost, policy.measure, [*heats, policy.temperature])
    sure = tuple(gates[name].confidence if name in gates else None for name in names)
    found, main = tuning.outcome(others, sure), tuning.outcome(others, (None,) * len(names))
    met = goals.is_met(goal, top1=found.top1, mean_macs=found.mean_macs, main_top1=main.top1)
    return met, main.top1 - found.top1, main.mean_macs / found.mean_macs


def summary(rows: Sequence[Row | None]) -> dict[str, Any]:
    """How often a policy was chosen, met its goal, and what it lost and saved."""
    some = [row for row in rows if row is not None]
    kept = sum(met for met, _, _ in some)
    return {
        "divisions": len(rows),
        "chosen": len(some),
        "kept": kept,
        "share": kept / max(1, len(some)),
        "share_interval": wilson(kept / len(some), len(some)) if some else None,
        "lost": quartiles([lost for _, lost, _ in some]) if some else None,
        "times_fewer_macs": quartiles([times for _, _, times in some]) if some else None,
    }


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """Two lines for each dataset and goal."""
    heads = (
        "data", "goal", "chosen by", "divisions with a policy", "goal met on the other half",
        "points lost", "times fewer MACs",
    )  # fmt: skip
    lines = []
    for result in results:
        for how, by in (("promised", "the bound"), ("guessed", "best guess")):
            row = result[how]
            if not row["chosen"]:
                continue
            low, high = row["share_interval"]
            lines.append(
                (
                    result["data"],
                    result["goal"],
                    by,
                    f"{row['chosen']:,} of {row['divisions']:,}",
                    f"{row['share']:.1%} ({low:.1%} to {high:.1%})",
                    "{1:.2f} ({0:.2f} to {2:.2f})".format(*(100 * x for x in row["lost"])),
                    "{1:.2f} ({0:.2f} to {2:.2f})".format(*row["times_fewer_macs"]),
                )
            )
    return table(heads, lines)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", nargs="*", default=["digits"], help="what `train` takes")
    parser.add_argument("--epochs", type=int, default=6, help="of each training")
    parser.add_argument("--divisions", type=int, default=1000)
    parser.add_argument("--goals", nargs="+", default=["-1%", "-2%"], metavar="GOAL")
    parser.add_argument("--kept", type=Path, help="folder of networks and answers; may be filled")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> int:
    """Measure; 1 if a promise holds in fewer divisions than stated."""
    given, machine = arguments(), hardware()
    with tempfile.TemporaryDirectory(prefix="exit-promises-") as place:
        kept = given.kept or Path(place)
        for data in given.data:
            answers(data, given.epochs, kept)
        results = [
            divide(data, kept, goals.parse_goal(goal), given.divisions)
            for data in given.data
            for goal in given.goals
        ]
    text = markdown(results)
    write(given.results, "exit_promises", {"rows": results, "hardware": machine})
    (given.results / "exit_promises.md").write_text(text, encoding="utf-8")
    print(text, end="")
    held = [row["promised"]["share"] >= row["confidence_level"] for row in results]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
