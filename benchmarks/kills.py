"""Kill a run at 25 random moments, resume it each time, and compare its bytes.

    python benchmarks/kills.py [--kills 25] [--seed 0]

The moments are drawn within what a run does: while Python starts, in an update, while a checkpoint
is written, while val is scored, and while the end is scored and written. The run that was killed
must end with the weights, the log and the numbers of one that was left alone, and its last
checkpoint with the same raw weights, average and moments of the optimizer; only what a clock
measured may differ. It is done in fp32 and in bf16, with the images in memory and read by two
workers, with augmentation, mixing, accumulation, clipping and the moving average on.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, product, repeat
from pathlib import Path
from time import monotonic, sleep
from types import MappingProxyType
from typing import Any

import torch
from hardware import RESULTS, hardware, table, write
from safetensors.torch import load
from torch import Tensor

from inceptionkit.training.checkpoint import DIGEST, checkpoints

MEASURED = {"images_per_second", "evaluation_seconds", "seconds", "peak_bytes", "run", "model"}
SETTINGS = (
    "batch=32", "grad_accum=2", "clip_grad_norm=1", "mixup=0.2", "policy=photometric",
    "strength=0.2", "norm_batches=2",
)  # fmt: skip
EPOCHS = 6
TRAIN = ("train", "digits", "--arch", "compact", "--input", "16", "--device", "cpu")
WAYS = {  # precision, workers that read; 0: in memory
    f"{precision}-{workers}": (precision, workers)
    for precision, workers in product(("fp32", "bf16"), (0, 2))
}
SAVING = 0.3  # seconds between checkpoints inside an epoch: it is killed more often than in life
PHASES = ("start-up", "update", "checkpoint", "evaluation", "end")
LATEST = {"start-up": 1, "update": 40, "checkpoint": 4, "evaluation": 2, "end": 1}  # of a session
CODE = """
import sys
from inceptionkit.cli import main
from inceptionkit.training import autotune, loop
from inceptionkit.training.run import finish, session
from inceptionkit.training.execution import Execution
from inceptionkit.data.loading import sets as prepare

def telling(place, name, phase):
    act = getattr(place, name)
    def told(*args, **options):
        print(phase, flush=True)
        return act(*args, **options)
    setattr(place, name, told)

telling(loop, "train_step", "update")
telling(loop, "validate", "evaluation")
telling(session, "save_state", "checkpoint")
telling(finish, "finish", "end")
session.SAVE_SECONDS = float(sys.argv[1])
autotune.time_steps = lambda _, found, *__: [autotune.Trial(one, 1.0) for one in found]
autotune.candidates = lambda device, threads, precision: [Execution(precision=precision)]
if sys.argv[2] != "0":
    prepare.TRAIN_MEMORY = 0
raise SystemExit(main(sys.argv[3:]))
"""  # one way of computing: which is fastest differs by the hour


@dataclass(frozen=True, slots=True)
class Moment:
    """When a session is killed: some way into the n-th time that it enters a phase."""

    phase: str
    number: int
    share: float  # of what the phase usually takes


@dataclass(frozen=True, slots=True)
class Session:
    """One process of the program, from its start to its end."""

    seconds: float
    entered: tuple[tuple[str, float], ...]  # phases, and seconds from the start
    killed: bool

    @property
    def last(self) -> str:
        """The phase in which it ended."""
        return self.entered[-1][0]

    def says(self) -> str:
        """In words."""
        return f"{'killed' if self.killed else 'over'} after {self.seconds:.2f} s, in: {self.last}"


def main() -> int:
    """Compare; 1 if a byte differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=25, help="of each way of computing")
    parser.add_argument("--only", choices=WAYS, nargs="+", default=list(WAYS), metavar="WAY",
                        help=f"precision and workers that read: {', '.join(WAYS)}")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for way in options.only:
            dice = random.Random(f"{options.seed} {way}")  # noqa: S311 - moments, no secrets
            rows.append(compare(Path(folder), *WAYS[way], options.kills, dice))
            print(markdown(rows[-1:]), flush=True)
    result = {"train": [*TRAIN, *SETTINGS], "seed": options.seed, "rows": rows}
    write(options.results, "kills", {**result, "hardware": hardware()})
    (options.results / "kills.md").write_text(markdown(rows), encoding="utf-8")
    return 1 if any(row["differ"] for row in rows) else 0


def compare(
    folder: Path, precision: str, workers: int, kills: int, dice: random.Random
) -> dict[str, Any]:
    """What became of a run that was killed, beside one that was not."""
    whole, cut = (folder / f"{precision}-{workers}-{name}" for name in ("whole", "cut"))
    command = [*TRAIN, *SETTINGS, "--epochs", f"{EPOCHS}", "--precision", precision]
    command += ["--workers", f"{max(1, workers)}", "--quiet", "--out"]
    undisturbed = session([*command, str(whole)], workers)
    usual = durations(undisturbed)
    hit: Counter[str] = Counter()
    for moment in moments(kills, dice):
        begun = (cut / "run.json").exists()
        words = ["resume", str(cut), "--quiet"] if begun else [*command, str(cut)]
        found = session(words, workers, moment, usual)
        hit[found.last] += found.killed
        print(f"  {hit.total():2}: {found.says()}", flush=True)
        if hit.total() == kills:
            break
    session(["resume", str(cut), "--quiet"], workers)
    return {
        "precision": precision,
        "workers": workers,
        "undisturbed_seconds": undisturbed.seconds,
        "killed_in": {phase: hit[phase] for phase in PHASES},
        "differ": differences(whole, cut),
    }


def moments(kills: int, dice: random.Random) -> Iterator[Moment]:
    """Random moments, as many in each phase, in random order; the end can only be at the end.

    Further ones follow for sessions that had ended when their moment came.
    """
    phases = [PHASES[i % len(PHASES)] for i in range(kills)]
    dice.shuffle(phases)
    for phase in chain(sorted(phases, key=lambda phase: phase == "end"), repeat("end")):
        yield Moment(phase, dice.randint(1, LATEST[phase]), dice.random())


def durations(found: Session) -> dict[str, float]:
    """Phase -> mean seconds from entering it to whatever comes next."""
    taken = defaultdict(list)
    ends = [*found.entered, ("", found.seconds)]
    for (phase, start), (_, end) in pairwise(ends):
        taken[phase].append(end - start)
    return {phase: sum(seconds) / len(seconds) for phase, seconds in taken.items()}


def session(
    words: Sequence[str],
    workers: int,
    moment: Moment | None = None,
    usual: Mapping[str, float] = MappingProxyType({}),
) -> Session:
    """Run the program to its end, or kill it.

    Args:
        words: of the command line.
        workers: that read the images; 0 for images in memory.
        moment: when it is killed, if it is.
        usual: phase -> seconds that it takes undisturbed.
    """
    began = monotonic()
    entered: list[tuple[str, float]] = []
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(SAVING), str(workers), *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    killed = False
    with process, process.stdout as told:
        for phase in chain(["start-up"], map(str.strip, told)):  # also what it told before it fell
            entered.append((phase, monotonic() - began))
            if not killed and moment is not None and has_come(moment, entered):
                sleep(moment.share * usual[phase])
                process.kill()
                killed = True
    return Session(monotonic() - began, tuple(entered), killed and process.returncode == -9)


def has_come(moment: Moment, entered: Sequence[tuple[str, float]]) -> bool:
    """Whether a session is where it is to be killed; at the end, if it gets that far."""
    phases = [phase for phase, _ in entered]
    return phases.count(moment.phase) == moment.number or phases[-1] == "end"


def differences(one: Path, two: Path) -> list[str]:
    """Files and tensors in which two runs differ, what a clock measured aside."""
    same = ("model/model.safetensors", "log.jsonl", "predictions.csv", "unusable.csv")
    wrong = [name for name in same if (one / name).read_bytes() != (two / name).read_bytes()]
    wrong += [] if rows(one) == rows(two) else ["log.csv"]
    wrong += different_tensors(*(last_tensors(run / "checkpoints") for run in (one, two)))
    return wrong + ([] if result(one) == result(two) else ["run.json"])


def last_tensors(folder: Path) -> dict[str, Tensor]:
    """Tensors of the newest checkpoint: of the network, its average, and the optimizer."""
    return load(checkpoints(folder)[0].read_bytes()[DIGEST:])


def different_tensors(one: Mapping[str, Tensor], two: Mapping[str, Tensor]) -> list[str]:
    """Names of tensors that are not the same in both, to the bit."""
    shared = one.keys() & two.keys()
    equal = {name for name in shared if torch.equal(bits(one[name]), bits(two[name]))}
    return sorted((one.keys() | two.keys()) - equal)


def bits(tensor: Tensor) -> Tensor:
    """The bytes of a tensor: 0 is not -0, and NaN is itself."""
    return tensor.reshape(-1).view(torch.uint8)


def rows(run: Path) -> list[dict[str, str]]:
    """Rows of log.csv, what a clock measured aside."""
    with (run / "log.csv").open() as file:
        return [{k: v for k, v in row.items() if k not in MEASURED} for row in csv.DictReader(file)]


def result(run: Path) -> dict[str, object]:
    """The numbers of the run, what a clock measured aside."""
    found = json.loads((run / "run.json").read_text())["result"]
    return {k: v for k, v in found.items() if k not in MEASURED}


def markdown(found: Sequence[dict[str, Any]]) -> str:
    """A line for each way of computing."""
    heads = ("computed", "images", *(f"killed in: {phase}" for phase in PHASES), "bytes")
    lines = [
        (
            row["precision"],
            f"read by {row['workers']} workers" if row["workers"] else "in memory",
            *(f"{count}" for count in row["killed_in"].values()),
            f"differ: {', '.join(row['differ'])}" if row["differ"] else "the same",
        )
        for row in found
    ]
    return table(heads, lines)


if __name__ == "__main__":
    raise SystemExit(main())
