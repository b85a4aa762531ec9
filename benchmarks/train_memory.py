"""Peak memory of a few updates, in a process of its own: `train_speed.py` starts one per side.

Prints the bytes by which the process's peak lies above what it held before the network was built:
weights, gradients, what the backward pass keeps, the optimizer, and in our loop the average. What
is freed is kept as in our training, but not by torchvision's default way. Linux tells it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from peers import PeerMissingError, torchvision_models
from trained import (
    Subject,
    bare,
    batch_of,
    everything,
    job_of,
    our_sgd,
    ours,
    torchvisions,
    usual_sgd,
)

from inceptionkit.training.execution import Execution
from inceptionkit.training.run.process import keep_memory
from inceptionkit.training.state import TrainConfig

UPDATES = 3  # the first one makes the optimizer's state
SIDES = ("bare", "loop", "default", "best")


def peak_bytes(side: str, subject: Subject, execution: Execution, classes: int) -> int:
    """Measure one side in a process of its own."""
    given = {"subject": asdict(subject), "execution": asdict(execution), "classes": classes}
    command = [sys.executable, __file__, side, json.dumps(given)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def updates_of(side: str, job: TrainConfig, peer: str) -> Callable[[], object]:
    """The updates of one side."""
    execution = job.execution
    match side:
        case "bare":
            return bare(*ours(job), batch_of(job), execution)
        case "loop":
            return everything(job)
        case "default":
            model = torchvisions(job, peer, execution)
            return bare(model, usual_sgd(model), batch_of(job), execution)
        case _:
            model = torchvisions(job, peer, execution)
            return bare(model, our_sgd(model, job.recipe), batch_of(job), execution)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure one side; train_speed.py calls this.")
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("given", help="JSON: subject, execution, classes")
    command = parser.parse_args()
    given = json.loads(command.given)
    subject, execution = Subject(**given["subject"]), Execution(**given["execution"])
    torch.set_num_threads(execution.threads)
    if command.side != "default":
        keep_memory()
    job = job_of(subject, execution, classes=given["classes"], updates=UPDATES)
    try:
        torchvision_models()  # every side holds the same libraries
    except PeerMissingError as error:
        sys.exit(f"train_memory: {error}")
    before = held("VmRSS")
    update = updates_of(command.side, job, str(subject.peer))
    for _ in range(UPDATES):
        update()
    print(held("VmHWM") - before)


def held(what: str) -> int:
    """What this process holds now (VmRSS), or at its peak (VmHWM); bytes.

    `getrusage` would not do: its peak includes that of the process which started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith(f"{what}:"))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    main()
