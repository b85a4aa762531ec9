"""Training GoogLeNet and Inception-v3 on a CPU: our update beside torchvision's networks, in turn.

Every side does the same: forward, cross-entropy, backward, one step of SGD with momentum, on the
same synthetic images, without exits. A line more shows everything that our loop does: cropping,
normalizing, label smoothing and the moving average of the weights on top; and a column shows the
peak memory of each side, in a process of its own. What is freed is kept for the next update, as in
our training, by every side: torchvision's are faster than where nothing is done about it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from hardware import RESULTS, hardware, quartiles, table, write
from peers import PeerMissingError
from train_memory import peak_bytes
from trained import (
    GOOGLENET,
    INCEPTION_V3,
    Subject,
    bare,
    batch_of,
    everything,
    job_of,
    loop_shares,
    our_sgd,
    ours,
    torchvisions,
    usual_sgd,
)
from turns import WARM_UP, Side, measure

from inceptionkit.training.autotune import candidates, time_steps
from inceptionkit.training.execution import Execution, fastest
from inceptionkit.training.recipe import Recipe
from inceptionkit.training.run.process import keep_memory
from inceptionkit.training.state import TrainConfig

SUBJECTS = {"googlenet": GOOGLENET, "inception_v3": INCEPTION_V3}
NAMES = {
    "bare": "inceptionkit",
    "loop": "inceptionkit, everything the loop does",
    "default": "torchvision, its default way",
    "best": "torchvision, its best",
}
FLOORS = {"default": 2.5, "best": 1.0}  # our images per second, divided by theirs
LOOP_ROUNDS = 5  # of as many updates as lie between two moves of the average
LOOP_AT_MOST = 0.02  # share of an update outside forward, loss, backward and optimizer step


def probed(subject: Subject, given: argparse.Namespace) -> TrainConfig:
    """A run of ours, computed as the probe finds best."""
    threads = torch.get_num_threads()
    updates = WARM_UP + max(2 * given.rounds, Recipe().average.ema_every * LOOP_ROUNDS)
    job = job_of(subject, Execution(threads=threads), classes=given.classes, updates=updates)
    ways = candidates("cpu", threads, given.precision)
    return replace(job, execution=fastest(time_steps(job, ways)).execution)


def plain(job: TrainConfig) -> Execution:
    """What torch does when nobody says otherwise."""
    return replace(job.execution, precision="fp32", channels_last=False)


def sides(job: TrainConfig, peer: str) -> list[Side]:
    """What is compared.

    Raises:
        PeerMissingError: torchvision cannot be imported.
    """
    usual = replace(job, execution=plain(job))
    default = torchvisions(usual, peer)
    best = torchvisions(job, peer)
    batch = batch_of(job)
    updates = {
        "bare": bare(*ours(job), batch, job),
        "loop": everything(job),
        "default": bare(default, usual_sgd(default), batch_of(usual), usual),
        "best": bare(best, our_sgd(best, job.recipe), batch, job),
    }
    return [
        Side(name, (usual if name == "default" else job).execution, update)
        for name, update in updates.items()
    ]


def speeds(
    compared: Sequence[Side], seconds: dict[str, list[float]], batch: int
) -> list[dict[str, Any]]:
    """Medians, and our speed as a multiple of each other side's, round by round."""
    rows = []
    for one in compared:
        low, middle, high = quartiles(seconds[one.name])
        pairs = zip(seconds[one.name], seconds["bare"], strict=True)
        ratio = quartiles([theirs / ours for theirs, ours in pairs])
        rows.append(
            {
                "side": one.name,
                "arithmetic": one.says,
                "update_seconds": middle,
                "update_seconds_quartiles": [low, high],
                "images_per_second": batch / middle,
                "ours_as_multiple": ratio[1],
                "ours_as_multiple_quartiles": [ratio[0], ratio[2]],
                "floor": FLOORS.get(one.name),
                "all_seconds": seconds[one.name],
            }
        )
    return rows


def result_of(subject: Subject, given: argparse.Namespace) -> dict[str, Any]:
    """Everything that is measured of one network."""
    job = probed(subject, given)
    compared = sides(job, str(subject.peer))
    rows = speeds(compared, measure(compared, given.rounds), subject.batch)
    del compared
    ways = {row["side"]: plain(job) if row["side"] == "default" else job.execution for row in rows}
    for row in rows:
        way = ways[row["side"]]
        row["peak_bytes"] = peak_bytes(row["side"], subject, way, given.classes)
    shares = loop_shares(job, LOOP_ROUNDS, WARM_UP)
    low, middle, high = quartiles(shares)
    loop = {"share": middle, "share_quartiles": [low, high], "at_most": LOOP_AT_MOST}
    return {"network": asdict(subject), "rows": rows, "loop": loop}


def markdown(result: dict[str, Any]) -> str:
    """One line per side."""
    network, loop = result["network"], result["loop"]
    heads = (
        f"trains {network['name']}, {network['side']} px, batch {network['batch']}",
        *("arithmetic", "images/s", "an update", "ours is", "floor", "memory at its peak"),
    )
    lines = []
    for row in result["rows"]:
        low, high = row["ours_as_multiple_quartiles"]
        ratio = f"{row['ours_as_multiple']:.2f}x ({low:.2f} to {high:.2f})"
        lines.append(
            (
                NAMES[row["side"]],
                row["arithmetic"],
                f"{row['images_per_second']:.1f}",
                f"{1e3 * row['update_seconds']:,.0f} ms",
                "" if row["side"] == "bare" else ratio,
                f"{row['floor']}x" if row["floor"] else "",
                f"{row['peak_bytes'] / 1e6:,.0f} MB",
            )
        )
    low, high = (f"{100 * share:.1f}" for share in loop["share_quartiles"])
    return (
        f"{table(heads, lines)}\nOutside forward, loss, backward and optimizer step the loop takes "
        f"{100 * loop['share']:.1f} % ({low} to {high}) of an update; at most "
        f"{100 * loop['at_most']:.0f} % is wanted.\n"
    )


def missed(result: dict[str, Any]) -> list[str]:
    """What is wanted and not reached."""
    rows = {row["side"]: row for row in result["rows"]}
    found = [
        f"{row['ours_as_multiple']:.2f}x of {NAMES[name]}, {row['floor']}x wanted"
        for name, row in rows.items()
        if row["floor"] and row["ours_as_multiple"] < row["floor"]
    ]
    if result["loop"]["share"] > result["loop"]["at_most"]:
        found.append(f"the loop takes {100 * result['loop']['share']:.1f} %")
    for name, peer in (("bare", "best"), ("loop", "default")):
        if rows[name]["peak_bytes"] > rows[peer]["peak_bytes"]:
            found.append(f"{NAMES[name]} takes more memory than {NAMES[peer]}")
    return found


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare the speed of training on a CPU.")
    parser.add_argument("networks", nargs="*", choices=[*SUBJECTS, []], help="all if none")
    parser.add_argument("--rounds", type=int, default=15, help="updates of each side")
    parser.add_argument("--batch", type=int, help="images in an update")
    parser.add_argument("--input", type=int, help="side of the input, pixels")
    parser.add_argument("--classes", type=int, default=1000, help="outputs of the classifier")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> int:
    """Measure; 1 if something wanted is missed, 2 if torchvision cannot be imported."""
    given = arguments()
    keep_memory()
    failures = []
    for name in given.networks or SUBJECTS:
        subject = SUBJECTS[name]
        subject = replace(
            subject, batch=given.batch or subject.batch, side=given.input or subject.side
        )
        try:
            result = result_of(subject, given)
        except PeerMissingError as error:
            print(f"train_speed: {error}", file=sys.stderr)
            return 2
        result |= {
            "rounds": given.rounds,
            "torchvision": sys.modules["torchvision"].__version__,
            "hardware": hardware(),
        }
        write(given.results, f"train_speed-{name}", result)
        lines = markdown(result)
        (given.results / f"train_speed-{name}.md").write_text(lines, encoding="utf-8")
        print(lines)
        failures += [f"{name}: {what}" for what in missed(result)]
    for what in failures:
        print(f"train_speed: {what}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
