"""What stopping at exits gains an exported model on single images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any

import numpy as np
from hardware import quartiles, table

LOST = 0.01  # of top-1: what a policy is promised to lose at most
IMAGES = 1024  # of those that score


def gain(run: Path, data: str, rounds: int) -> dict[str, Any]:
    """Answer single images in OpenVINO with the run's exit policy and to the end, in turn.

    The policy is the one that is stored with the run; else val chooses one here, for which nothing
    is written.

    Args:
        run: folder of a run or a model.
        data: the images that it was trained on.
        rounds: how often all images are answered either way.
    """
    import inceptionkit
    from inceptionkit.data import open_dataset
    from inceptionkit.deployment.quantize import channels_last
    from inceptionkit.evaluation.exits.goals import MaxTop1Drop
    from inceptionkit.evaluation.exits.study import evaluate_exits
    from inceptionkit.evaluation.held_out import Selection, load_scored, tuning_and_test_samples
    from inceptionkit.evaluation.predictor import run_stages
    from inceptionkit.progress import Silence

    model, dataset = inceptionkit.load(run, engine="openvino"), open_dataset(data)
    stored = model.card.exit_policy
    policy = stored or evaluate_exits(run, data, goal=MaxTop1Drop(LOST)).policy
    _, scoring = tuning_and_test_samples(model.card, dataset, Silence())
    some = np.linspace(0, len(scoring.indices) - 1, IMAGES).astype(int)
    scored = load_scored(model.card, dataset, Selection(scoring.indices[some], "test"), Silence())
    images, labels = channels_last(scored), scored.labels.numpy()
    exits = tuple(gate.exit for gate in policy.gates)
    ways = {
        "main": partial(run_stages, model.stages(())),
        "exits": partial(run_stages, model.stages(exits), policy=policy),
    }
    answered = {name: answers(way, images) for name, way in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name in sorted(ways, reverse=turn % 2 == 1):
            began = perf_counter()
            answers(ways[name], images)
            seconds[name].append(perf_counter() - began)
    right = {name: np.array([a for a, _ in found]) == labels for name, found in answered.items()}
    who = [(*exits, "main")[stage] for _, stage in answered["exits"]]
    return {
        "run": Path(run).name,
        "images": len(labels),
        "stored": stored is not None,
        "main_top1": fmean(right["main"]),
        "top1": fmean(right["exits"]),
        "share": {name: who.count(name) / len(who) for name in sorted(set(who))},
        "main_ms": quartiles([1e3 * s / len(labels) for s in seconds["main"]]),
        "exits_ms": quartiles([1e3 * s / len(labels) for s in seconds["exits"]]),
        "times_as_fast": quartiles(
            [main / exits for main, exits in zip(seconds["main"], seconds["exits"], strict=True)]
        ),
    }


def answers(answer: Callable[..., Any], images: np.ndarray) -> list[tuple[int, int]]:
    """Number of the class and of the stage that answers, for one image after the other."""
    found = []
    for image in images:
        probabilities, stages = answer(image[None])
        found.append((int(probabilities[0].argmax()), int(stages[0])))
    return found


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each run."""
    heads = (
        "run",
        "main",
        "with exits",
        "answered by",
        "main, ms",
        "with exits, ms",
        "times as fast",
    )
    lines = []
    for row in rows:
        low, middle, high = row["times_as_fast"]
        shares = ", ".join(f"{name} {share:.0%}" for name, share in row["share"].items())
        lines.append(
            (
                row["run"],
                f"{row['main_top1']:.2%}",
                f"{row['top1']:.2%}",
                shares,
                f"{row['main_ms'][1]:.2f}",
                f"{row['exits_ms'][1]:.2f}",
                f"{middle:.2f} ({low:.2f} to {high:.2f})",
            )
        )
    return table(heads, lines)
