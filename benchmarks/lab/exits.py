"""Claim 8: exits that are trained together, beside small networks of the same cost.

Run `python benchmarks/lab/exits.py PATH/TO/cifar10`.

This claim is ours: GoogLeNet's paper trains auxiliary classifiers (arXiv:1409.4842, section 5) and
discards them. Here they stay as exits, refitted at the end of the run to what the main classifier
answers. One network with exits is compared, at the MACs of each exit, with two networks that are
trained for themselves for as many epochs: the whole network narrowed to that cost, and its trunk
cut off there. The network without exits says what the main classifier pays for them.

An exit policy stops where the confidence suffices, so that cost and accuracy are means over images.
Policies are chosen on val for their mean MACs and measured on test: the second table is the front.
The recipe is `fast` (Muon), batches of 512, images moved by 2 px.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from networks import CLASSES, at_cost_of, macs
from tables import errors, finished, points, share_of, table
from trials import Claim, Row, Trial, run

from inceptionkit.catalog import find
from inceptionkit.derive import cost
from inceptionkit.derive.design.scale import widened
from inceptionkit.spec import cut_at
from inceptionkit.text import quantity

from intervals import differences  # isort: skip

JOINT = "with exits"
ROOM = 1.03  # a policy may take so many times the MACs of the network that it is compared with
ALIKE = ("batch=512", "mixup=0", "cutmix=0", "crop=padded", "padding=2", "refit_exits=true")


def trials(side: int, width: float) -> Iterator[Trial]:
    """With exits and without; of each exit's cost a narrow network, and one that ends there."""
    joint = widened(find("inception_small", classes=CLASSES, side=side), width)
    alone = replace(joint, exits=())
    yield Trial(name=JOINT, net=joint, recipe="fast")
    yield Trial(name="main alone", net=alone, recipe="fast")
    for one in cost(joint).exits:
        exit_ = one.exit.name
        narrow = at_cost_of(alone, one.macs_to_here, step=2)  # even, so that it can be whitened
        yield Trial(name=f"narrowed to {exit_}", net=narrow, recipe="fast")
        short = replace(cut_at(joint, exit_), exits=())
        yield Trial(name=f"cut off at {exit_}", net=short, recipe="fast")


def policies(folder: Path, trial: Trial, data: str) -> dict[str, Any]:
    """Exit policies of a finished run: chosen on val, measured on test."""
    if not trial.net.exits:
        return {}
    from inceptionkit.evaluation.exits.goals import MaxMeanMacs
    from inceptionkit.evaluation.exits.study import evaluate_exits

    study = evaluate_exits(folder, data, goal=MaxMeanMacs(macs(trial.net)))
    keys = ("top1", "mean_macs", "tuning_top1", "tuning_mean_macs")
    return {"policies": [{key: getattr(one, key) for key in keys} for one in study.curve]}


def at_most(run: Mapping[str, Any], most: float) -> dict[str, float] | None:
    """The most accurate policy of at most so many mean MACs, both on val; None if there is none."""
    found = [one for one in run["policies"] if one["tuning_mean_macs"] <= most]
    return max(found, key=lambda one: one["tuning_top1"]) if found else None


def front(rows: Mapping[str, Row]) -> str:
    """The policies of the joint network at the MACs of each of the others."""
    joint = finished(rows[JOINT]) if JOINT in rows else []
    lines = []
    for name, row in rows.items():
        chosen = {run["seed"]: at_most(run, ROOM * row["macs"]) for run in joint}
        policy = {seed: 100 - 100 * one["top1"] for seed, one in chosen.items() if one}
        alone = errors(row)
        if name == JOINT or not policy or not alone:
            continue
        spent = [one["mean_macs"] for one in chosen.values() if one]
        change = differences({name: alone, JOINT: policy}, name).get(JOINT)
        lines.append(
            (
                name,
                quantity(row["macs"]),
                share_of(list(alone.values())),
                quantity(sum(spent) / len(spent)),
                share_of(list(policy.values())),
                points(change) if change else "",
            )
        )
    heads = ("trained for itself", "MACs", "test error", "exit policy, mean MACs", "test error")
    return f"\n{table((*heads, 'difference'), lines)}" if lines else ""


CLAIM = Claim(
    name="exits",
    says=(
        "**Ours to show**: one network with exits replaces several small ones. The papers train "
        "such classifiers and discard them (arXiv:1409.4842, section 5)."
    ),
    here=(
        "**Here**: `inception_small` with two exits, refitted at the end; without exits; and, at "
        "the MACs of each exit, narrowed or cut off, trained for itself. The second table compares "
        f"exit policies of up to {ROOM:g} times the MACs, chosen on val; its differences are "
        "policy minus network, below zero where the policy is better."
    ),
    trials=trials,
    width=0.5,
    alike=ALIKE,
    measure=policies,
    adds=front,
)

if __name__ == "__main__":
    run(CLAIM)
