"""Classifying with exported graphs: ours beside OpenVINO on torchvision's own, in turn.

Every side runs in a process of its own and waits while another works. Ours reads uint8 pixels and
gives probabilities: crop, scaling and softmax are inside and are timed. torchvision's graph
reads pixels that were normalized beforehand, for nothing, and gives scores; it is timed once more
with its preprocessing inside. No side resizes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hardware import RESULTS, hardware, quartiles, table, write
from inference_ablation import SHIPPED, changed_graphs, changed_sides
from inference_exits import gain
from inference_exits import markdown as exits_markdown
from inference_graphs import SUBJECTS, Subject, graphs_of
from inference_sides import THROUGHPUT, Side, measure

from inceptionkit.deployment.engines import lacking
from inceptionkit.model.export_info import PRECISIONS, Precision

LEAST = 0.97  # wanted: our images per second, divided by those of OpenVINO on torchvision's graph
BATCHES = (1, 4, 16)
IMAGES = 32  # that go through in one piece of work when throughput is measured
TRIALS = 2  # rounds in which the best batch is looked for
OURS, THEIRS, INSIDE = "inceptionkit", "torchvision's graph", "the same, preprocessing inside"
ORT_OURS, ORT_THEIRS = "inceptionkit, ONNX Runtime", "torchvision's graph, ONNX Runtime"
EAGER = "torchvision, eager"
PEERS = (THEIRS, INSIDE, EAGER, SHIPPED)  # what others are compared with

IN_QUEUES = (OURS, THEIRS, EAGER)  # whose throughput is measured

Rows = list[dict[str, Any]]


def sides_of(subject: Subject, folder: Path, precision: Precision) -> list[Side]:
    """Everything that computes one network in one precision, batch 1."""
    pixels, floats = folder / "images.npy", folder / "normalized.npy"
    file = f"{'int8' if precision == 'int8' else 'fp32'}.xml"
    found = [
        Side(name=name, engine="openvino", graph=folder / graph, images=x, precision=precision)
        for name, graph, x in (
            (OURS, f"ours-{file}", pixels),
            (THEIRS, f"theirs-{file}", floats),
            (INSIDE, f"inside-{file}", pixels),
        )
    ]
    if precision == "fp32":
        network = Path(subject.theirs)
        found += [
            Side(name=ORT_OURS, engine="onnxruntime", graph=folder / "ours.onnx", images=pixels),
            Side(
                name=ORT_THEIRS, engine="onnxruntime", graph=folder / "theirs.onnx", images=floats
            ),
            Side(name=EAGER, engine="torchvision", graph=network, images=floats),
        ]
    return found


def best_batches(sides: Sequence[Side]) -> list[Side]:
    """Every side with the batch at which it gets through most images a second."""
    found: dict[str, tuple[float, Side]] = {}
    for batch in BATCHES:
        tried = [at_batch(side, batch) for side in sides]
        for side, seconds in zip(tried, measure(tried, TRIALS, 1).values(), strict=True):
            if side.name not in found or min(seconds) < found[side.name][0]:
                found[side.name] = min(seconds), side
    return [side for _, side in found.values()]


def at_batch(side: Side, batch: int) -> Side:
    """The same graph for as many images in all, in batches, several requests at once."""
    return replace(side, batch=batch, pieces=IMAGES // batch, options=dict(THROUGHPUT))


def rows_of(network: str, sides: Sequence[Side], rounds: int, count: int) -> Rows:
    """Measure sides in turn; ratios are of the same round."""
    found = measure(sides, rounds, count)
    rows = []
    for side in sides:
        own = found[side.name]
        against = {
            peer: quartiles([b / a for a, b in zip(own, found[peer], strict=True)])
            for peer in PEERS
            if peer in found and peer != side.name
        }
        rows.append(
            {
                "network": network,
                "side": side.name,
                "precision": side.precision,
                "batch": side.batch,
                "ms_per_image": quartiles([1e3 * s / (side.batch * side.pieces) for s in own]),
                "times_as_fast_as": against,
                "seconds": own,
            }
        )
    return rows


def measured(given: argparse.Namespace, place: Path) -> Rows:
    """Measure every network and precision that is asked for."""
    rows: Rows = []
    for subject in (one for one in SUBJECTS if one.ours in given.networks):
        folder = graphs_of(subject, given.photographs, place)
        if given.ablate:
            changed_graphs(subject, given.photographs, folder)
        for precision in precisions(given.precisions):
            count = given.count
            if given.ablate:
                sides = list(changed_sides(folder, precision))
            else:
                sides = sides_of(subject, folder, precision)
            if given.throughput:
                sides, count = best_batches([s for s in sides if s.name in IN_QUEUES]), 1
            rows += rows_of(subject.ours, sides, given.rounds, count)
    return rows


def precisions(asked: Sequence[Precision]) -> list[Precision]:
    """Those that this processor computes by itself; of the others it is said why they are not."""
    for precision in asked:
        if why := lacking(precision):
            print(f"{precision}: left out, for {why}", file=sys.stderr)
    return [precision for precision in asked if not lacking(precision)]


def markdown(rows: Rows) -> str:
    """A line for each network, precision and side."""
    peers = [peer for peer in PEERS if any(peer in row["times_as_fast_as"] for row in rows)]
    heads = ("network", "precision", "side", "batch", "ms an image", "images/s")
    lines = [
        (
            row["network"],
            row["precision"],
            row["side"],
            f"{row['batch']}",
            f"{row['ms_per_image'][1]:.2f}",
            f"{1e3 / row['ms_per_image'][1]:.0f}",
            *(said(row["times_as_fast_as"].get(peer)) for peer in peers),
        )
        for row in rows
    ]
    return table((*heads, *(f"times {peer}" for peer in peers)), lines)


def said(ratio: Sequence[float] | None) -> str:
    """Median and quartiles."""
    return f"{ratio[1]:.2f} ({ratio[0]:.2f} to {ratio[2]:.2f})" if ratio else ""


def slow(rows: Rows) -> list[str]:
    """Which graphs of ours are slower than they may be."""
    return [
        f"{row['network']} in {row['precision']}"
        for row in rows
        if row.get("side") == OURS and row["times_as_fast_as"][THEIRS][1] < LEAST
    ]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    names = [subject.ours for subject in SUBJECTS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("photographs", type=Path, nargs="?", help="that sides read, and calibrate on")
    what.add_argument("--exits", nargs="+", metavar="RUN", help="what early exits gain these runs")
    parser.add_argument("--data", help="the images that the runs of --exits were trained on")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--throughput", action="store_true", help="images a second, not latency")
    kind.add_argument("--ablate", action="store_true", help="ours with one thing changed each")
    parser.add_argument("--networks", nargs="+", choices=names, default=names)
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--rounds", type=int, default=30, help="turns of each side")
    parser.add_argument("--count", type=int, default=10, help="images in a turn, for latency")
    parser.add_argument("--graphs", type=Path, help="folder that keeps the graphs for other calls")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    given = parser.parse_args()
    if bool(given.exits) != bool(given.data):
        parser.error("--exits RUN... and --data DATA belong together")
    return given


def main() -> int:
    """Measure; 1 if a graph of ours is slower than it may be."""
    given = arguments()
    if given.exits:
        name, rows = "inference-exits", [gain(run, given.data, given.rounds) for run in given.exits]
        lines = exits_markdown(rows)
    else:
        kind = "-throughput" if given.throughput else "-ablation" if given.ablate else ""
        name = f"inference{kind}"
        with tempfile.TemporaryDirectory(prefix="inference-") as place:
            rows = measured(given, given.graphs or Path(place))
        lines = markdown(rows)
    write(given.results, name, {"rows": rows, "hardware": hardware()})
    (given.results / f"{name}.md").write_text(lines, encoding="utf-8")
    print(lines, end="")
    return 1 if slow(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
