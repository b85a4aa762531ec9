"""Building Inception-v3: with the first weights of its paper, and with weights that follow.

A first build in a process and later ones are told apart: what is imported or warmed up on the way
counts for a command that builds once. torchvision's builder runs in turn with ours.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from hardware import RESULTS, hardware, quartiles, table, write

DRAWN, FOLLOW = "inceptionkit, first weights drawn", "inceptionkit, weights follow"
PEER_DRAWN, PEER_FOLLOW = "torchvision, first weights drawn", "torchvision, weights follow"
MOST = {DRAWN: 1.0, FOLLOW: 0.2}  # seconds of the first build in a process, median
OF_PEER = {DRAWN: PEER_DRAWN, FOLLOW: PEER_FOLLOW}
LATER = 3  # builds in a process after the first


def builders() -> Mapping[str, Callable[[], object]]:
    """Every side by name; torchvision's where it can be imported."""
    from peers import PeerMissingError, torchvision_models

    from inceptionkit import architecture, build

    net = architecture("inception_v3")
    sides: dict[str, Callable[[], object]] = {
        DRAWN: lambda: build(net),
        FOLLOW: lambda: build(net, weights_follow=True),
    }
    try:
        peer = torchvision_models()
    except PeerMissingError:
        return sides
    sides[PEER_DRAWN] = lambda: peer.inception_v3(init_weights=True)
    sides[PEER_FOLLOW] = lambda: peer.inception_v3(init_weights=False)
    return sides


def build_in_here(side: str) -> None:
    """Print the seconds of the first build and of later ones, torch being imported already."""
    import torch  # noqa: F401 - its import is not what is measured

    builder = builders()[side]
    for _ in range(1 + LATER):
        began = perf_counter()
        builder()
        print(perf_counter() - began)


def measure(sides: Sequence[str], rounds: int) -> dict[str, list[list[float]]]:
    """Seconds of the builds of every process, the sides in turn."""
    found: dict[str, list[list[float]]] = {side: [] for side in sides}
    for turn in range(rounds):
        for side in sides:
            said = subprocess.run(
                [sys.executable, __file__, "--side", side],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            found[side].append([float(line) for line in said.split()])
        print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
    return found


def summary(found: Mapping[str, list[list[float]]]) -> list[dict[str, Any]]:
    """Quartiles of first and later builds, and the peer's time as a multiple of ours."""
    rows = []
    for side, processes in found.items():
        first = [times[0] for times in processes]
        row: dict[str, Any] = {
            "side": side,
            "first_seconds": quartiles(first),
            "later_seconds": quartiles([s for times in processes for s in times[1:]]),
            "most_seconds": MOST.get(side),
            "all_seconds": processes,
        }
        if (peer := OF_PEER.get(side)) in found:
            theirs = [times[0] for times in found[peer]]
            pairs = zip(theirs, first, strict=True)
            row["peer_as_multiple"] = quartiles([there / ours for there, ours in pairs])
        rows.append(row)
    return rows


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line per side."""
    heads = ("builds Inception-v3", "first in a process", "later", "at most", "torchvision takes")

    def said(times: Sequence[float]) -> str:
        low, middle, high = times
        return f"{middle:.3f} s ({low:.3f} to {high:.3f})"

    def ratio(row: Mapping[str, Any]) -> str:
        if "peer_as_multiple" not in row:
            return ""
        low, middle, high = row["peer_as_multiple"]
        return f"{middle:.1f}x ({low:.1f} to {high:.1f})"

    lines = [
        (
            row["side"],
            said(row["first_seconds"]),
            said(row["later_seconds"]),
            f"{row['most_seconds']} s" if row["most_seconds"] else "",
            ratio(row),
        )
        for row in rows
    ]
    return table(heads, lines)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure how long building a network takes.")
    parser.add_argument("--rounds", type=int, default=9, help="processes of each side")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    parser.add_argument("--side", help=argparse.SUPPRESS)  # what a process of its own builds
    return parser.parse_args()


def main() -> int:
    """Measure; 1 if a build takes longer than it may."""
    given = arguments()
    if given.side:
        build_in_here(given.side)
        return 0
    rows = summary(measure(list(builders()), given.rounds))
    lines = markdown(rows)
    result = {"rounds": given.rounds, "rows": rows, "hardware": hardware()}
    write(given.results, "build_time", result)
    (given.results / "build_time.md").write_text(lines, encoding="utf-8")
    print(lines, end="")
    slow = [
        row for row in rows if row["most_seconds"] and row["first_seconds"][1] > row["most_seconds"]
    ]
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
