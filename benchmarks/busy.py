"""How much a step of training slows down beside another busy process, by how threads wait.

    python benchmarks/busy.py [--rounds N]

The threads of an OpenMP library spin while they wait for each other. Where another process holds a
core, they spin for the one that does not run. libgomp reads how long from the environment when it
is loaded, so that each way has a process of its own; all wait while one works. In every round each
way makes some steps on the machine as it is, and some beside a process that computes without end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from types import MappingProxyType
from typing import Any

from hardware import RESULTS, hardware, quartiles, table, write

WAYS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "libgomp's default": {},
        "GOMP_SPINCOUNT=300": {"GOMP_SPINCOUNT": "300"},
        "GOMP_SPINCOUNT=1000": {"GOMP_SPINCOUNT": "1000"},
        "GOMP_SPINCOUNT=3000": {"GOMP_SPINCOUNT": "3000"},
        "GOMP_SPINCOUNT=10000": {"GOMP_SPINCOUNT": "10000"},
        "OMP_WAIT_POLICY=passive": {"OMP_WAIT_POLICY": "passive"},
    }
)
USUAL = next(iter(WAYS))
DECIDING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS", "OMP_PROC_BIND")
CONDITIONS = ("calm", "busy")
NETWORK, SIDE, BATCH = "compact", 32, 128
PAUSE = 0.1  # seconds in which the threads of the process before stop spinning
BUSY = "print('begun', flush=True)\nwhile True: pass"


def serve(threads: int, steps: int) -> None:
    """Make some steps for every line of standard input, and answer with the seconds of each."""
    import torch  # before our package, which sets a default of its own
    from trained import Subject, everything, job_of

    from inceptionkit.training.execution import Execution

    torch.set_num_threads(threads)
    subject = Subject(NETWORK, None, SIDE, BATCH)
    job = job_of(subject, Execution(threads=threads), classes=10, updates=2_000)
    step = everything(job)
    step()
    print("begun", flush=True)
    for _ in sys.stdin:
        step()
        seconds = []
        for _ in range(steps):
            began = perf_counter()
            step()
            seconds.append(perf_counter() - began)
        print(*seconds, flush=True)


class Server:
    """A process that makes steps in one way when it is asked."""

    def __init__(self, way: str, threads: int, steps: int) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in DECIDING}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", "--threads", f"{threads}", "--steps", f"{steps}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment | WAYS[way],
        )
        self._line()

    def seconds(self) -> float:
        """Median of some steps."""
        assert self.process.stdin is not None  # noqa: S101 - it is a pipe
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return median(map(float, self._line().split()))

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def _line(self) -> str:
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(self.process.wait() or 1)
        return line


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Let some processes compute without end."""
    others = [
        subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) for _ in range(count)
    ]
    try:
        for other in others:
            if other.stdout is not None:
                other.stdout.readline()
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measured(rounds: int, threads: int, steps: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of a step, a number for each round: condition -> way."""
    found: dict[str, dict[str, list[float]]] = {c: {way: [] for way in WAYS} for c in CONDITIONS}
    with ExitStack() as stack:
        servers = {}
        for way in WAYS:
            servers[way] = Server(way, threads, steps)
            stack.callback(servers[way].close)
        order = list(WAYS)
        for turn in range(rounds):
            for condition in CONDITIONS:
                for way in order:
                    sleep(PAUSE)
                    with busy(int(condition == "busy")):
                        found[condition][way].append(servers[way].seconds())
            order = order[1:] + order[:1]
            print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
    return found


def ratios(found: Mapping[str, Mapping[str, Sequence[float]]]) -> list[dict[str, Any]]:
    """For each way its times beside those of libgomp's default in the same round, and calm."""

    def over(one: Sequence[float], two: Sequence[float]) -> tuple[float, float, float]:
        return quartiles([a / b for a, b in zip(one, two, strict=True)])

    return [
        {
            "way": way,
            **{f"{c}_ms": 1e3 * median(found[c][way]) for c in CONDITIONS},
            **{f"{c}_to_default": over(found[c][way], found[c][USUAL]) for c in CONDITIONS},
            "busy_to_calm": over(found["busy"][way], found["calm"][way]),
        }
        for way in WAYS
    ]


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each way."""

    def spread(values: tuple[float, float, float]) -> str:
        low, middle, high = values
        return f"{middle:.2f}x ({low:.2f} to {high:.2f})"

    heads = ("threads wait", "calm", "to the default", "busy", "to the default", "busy to calm")
    lines = [
        (
            row["way"],
            f"{row['calm_ms']:,.0f} ms",
            spread(row["calm_to_default"]),
            f"{row['busy_ms']:,.0f} ms",
            spread(row["busy_to_default"]),
            spread(row["busy_to_calm"]),
        )
        for row in rows
    ]
    return table(heads, lines)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10, help="turns of each way")
    parser.add_argument("--steps", type=int, default=3, help="in each turn")
    parser.add_argument("--threads", type=int, help="of a process (default: one per core)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    parser.add_argument("--serve", action="store_true", help="one process's part")
    given = parser.parse_args()
    from inceptionkit.machine import cores

    threads = given.threads or cores()
    if given.serve:
        serve(threads, given.steps)
        return
    load = os.getloadavg()[0]
    found = measured(given.rounds, threads, given.steps)
    rows = ratios(found)
    result = {
        "network": NETWORK,
        "side": SIDE,
        "batch": BATCH,
        "threads_of_a_process": threads,
        "load_before": load,  # processes that ran in the last minute: the machine must be calm
        "rows": rows,
        "seconds": found,
        "hardware": hardware(),
    }
    write(given.results, "busy", result)
    (given.results / "busy.md").write_text(markdown(rows), encoding="utf-8")
    print(markdown(rows), end="")


if __name__ == "__main__":
    main()
