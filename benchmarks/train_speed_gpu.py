"""Training on a GPU: our networks beside torchvision's and timm's, eager and compiled, in turn.

Every side does the same: forward in bf16, cross-entropy, backward, one step of SGD with momentum in
channels last, on the same synthetic images, without exits. The share of the card's peak is that of
a large bf16 matrix product, measured here; an update counts as three times its forward pass.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from hardware import RESULTS, hardware, quartiles, table, write
from peers import PeerMissingError
from torch import nn
from trained import (
    GOOGLENET,
    INCEPTION_V3,
    Subject,
    bare,
    batch_of,
    job_of,
    our_sgd,
    ours,
    placed,
    torchvisions,
)
from turns import Side, measure, synchronize

from inceptionkit import cost
from inceptionkit.catalog import architecture
from inceptionkit.training.execution import Execution
from inceptionkit.training.state import TrainConfig

SUBJECTS = {
    "googlenet": replace(GOOGLENET, batch=256),
    "inception_v3": replace(INCEPTION_V3, batch=128),
    "compact": Subject("compact", None, 64, 512),
}
SAME_WORK = {"torchvision's googlenet": "googlenet:torchvision"}  # others multiply as ours do
FLOORS = {"googlenet": 1.15}  # our images per second, divided by those of the best of the others
OURS = "inceptionkit"
PRODUCT = 8192  # side of the matrices that show the card's peak


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    rounds: int = 20
    updates: int = 10  # in a round, of each side
    backend: str = "inductor"  # of torch.compile
    product: int = PRODUCT


TRY = Sizes(rounds=2, updates=1, backend="aot_eager", product=256)


def networks(job: TrainConfig, subject: Subject) -> Iterator[tuple[str, nn.Module]]:
    """Ours, and those of others that have it and can be imported here."""
    yield OURS, ours(job)[0]
    if subject.peer is None:
        return
    try:
        yield f"torchvision's {subject.peer}", torchvisions(job, subject.peer)
        timm: Any = import_module("timm")
    except (ImportError, PeerMissingError) as error:
        print(f"train_speed_gpu: left out: {error}", file=sys.stderr)
        return
    if timm.is_model(subject.peer):
        classes = int(job.train.labels.max()) + 1
        model = timm.create_model(subject.peer, pretrained=False, num_classes=classes)
        yield f"timm's {subject.peer}", placed(model, job)


def sides(job: TrainConfig, subject: Subject, sizes: Sizes) -> list[Side]:
    """Every network, eager and compiled; compiled ones share the weights of the eager ones."""
    batch = batch_of(job)
    found = []
    for name, model in networks(job, subject):
        compiled: Any = torch.compile(model, backend=sizes.backend)
        for how, module in (("eager", model), ("compiled", compiled)):
            update = bare(module, our_sgd(model, job.recipe), batch, job)
            found.append(Side(name, how, several(update, sizes.updates)))
    return found


def several(update: Callable[[], object], count: int) -> Callable[[], None]:
    """Updates one after the other, so that the device need not wait for Python in between."""

    def updates() -> None:
        for _ in range(count):
            update()

    return updates


def peak_flops(device: str, side: int, repeats: int = 20) -> float:
    """Floating-point operations a second in products of bf16 matrices; the best of three tries."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = []
    for _ in range(4):  # the first one warms up
        synchronize()
        began = perf_counter()
        for _ in range(repeats):
            torch.mm(a, b)
        synchronize()
        seconds.append(perf_counter() - began)
    return 2.0 * side**3 * repeats / min(seconds[1:])


def peak_bytes(step: Callable[[], object]) -> int | None:
    """Memory that updates take at their peak, beyond what is held between them; None on a CPU."""
    if not torch.cuda.is_available():
        return None
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    step()
    return torch.cuda.max_memory_allocated() - held


def update_flops(side: str, job: TrainConfig) -> float:
    """Floating-point operations of an update: a multiplication and an addition, three passes."""
    net = job.net
    if side in SAME_WORK:
        net = replace(architecture(SAME_WORK[side], classes=1000, input=net.image[1]), exits=())
    return 6.0 * cost(net).with_exits.macs * job.batch


def result_of(subject: Subject, device: str, sizes: Sizes, peak: float) -> dict[str, Any]:
    """Everything that is measured of one network."""
    execution = Execution(precision="bf16", device=device, threads=torch.get_num_threads())
    job = job_of(subject, execution, classes=1000, updates=1)
    compared = sides(job, subject, sizes)
    keyed = [replace(one, name=f"{one.name}, {one.says}") for one in compared]
    seconds = measure(keyed, sizes.rounds)
    rows = []
    for one, key in zip(compared, keyed, strict=True):
        low, middle, high = (value / sizes.updates for value in quartiles(seconds[key.name]))
        rows.append(
            {
                "side": key.name,
                "update_seconds": middle,
                "update_seconds_quartiles": [low, high],
                "images_per_second": job.batch / middle,
                "peak_share": update_flops(one.name, job) / middle / peak,
                "peak_bytes": peak_bytes(one.step),
            }
        )
    return {"network": asdict(subject), "rows": rows, "against": against(rows, seconds)}


def against(
    rows: Sequence[Mapping[str, Any]], seconds: Mapping[str, Sequence[float]]
) -> dict[str, Any] | None:
    """Our faster side beside the fastest of the others, round by round; None if there is none."""

    def fastest(*, own: bool) -> str | None:
        found = [row for row in rows if row["side"].startswith(f"{OURS},") == own]
        return min(found, key=lambda row: row["update_seconds"])["side"] if found else None

    us, them = fastest(own=True), fastest(own=False)
    if us is None or them is None:
        return None
    pairs = zip(seconds[them], seconds[us], strict=True)
    low, middle, high = quartiles([theirs / own for theirs, own in pairs])
    return {"ours": us, "theirs": them, "multiple": middle, "multiple_quartiles": [low, high]}


def markdown(result: Mapping[str, Any]) -> str:
    """One line per side, and how we compare."""
    network, compared = result["network"], result["against"]
    first = f"trains {network['name']}, {network['side']} px, batch {network['batch']}"
    lines = [
        (
            row["side"],
            f"{row['images_per_second']:,.0f}",
            f"{1e3 * row['update_seconds']:,.1f} ms",
            f"{100 * row['peak_share']:.1f} %",
            "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e6:,.0f} MB",
        )
        for row in result["rows"]
    ]
    heads = (first, "images/s", "an update", "of the bf16 peak", "memory beside what is held")
    text = table(heads, lines)
    if compared is None:
        return text
    low, high = compared["multiple_quartiles"]
    return (
        f"{text}\n{compared['ours']} is {compared['multiple']:.2f}x ({low:.2f} to {high:.2f}) as "
        f"fast as {compared['theirs']}.\n"
    )


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare the speed of training on a GPU.")
    parser.add_argument("networks", nargs="*", choices=[*SUBJECTS, []], help="all if none")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--try", action="store_true", help="tiny sizes, nothing written")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> int:
    """Measure; 1 if something wanted is missed."""
    given = arguments()
    trying = vars(given)["try"]
    sizes = TRY if trying else Sizes()
    peak = peak_flops(given.device, sizes.product)
    print(f"measured peak in bf16: {peak / 1e12:,.1f} TFLOP/s\n")
    missed = False
    for name in given.networks or SUBJECTS:
        subject = SUBJECTS[name]
        if trying:
            subject = replace(subject, batch=2, side=min(subject.side, 96))
        result = result_of(subject, given.device, sizes, peak)
        lines = markdown(result)
        print(lines)
        if trying:
            continue
        result |= {"peak_flops": peak, "sizes": asdict(sizes), "hardware": hardware()}
        write(given.results, f"train_speed_gpu-{name}", result)
        (given.results / f"train_speed_gpu-{name}.md").write_text(lines, encoding="utf-8")
        compared = result["against"]
        missed |= compared is not None and compared["multiple"] < FLOORS.get(name, 0.0)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
