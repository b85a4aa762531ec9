"""Running a graph in a process of its own, so that no side's threads disturb another's."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen
from time import perf_counter
from typing import Any, Literal

import numpy as np

LATENCY: Mapping[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
THROUGHPUT: Mapping[str, Any] = {"PERFORMANCE_HINT": "THROUGHPUT"}
HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "bf16"}  # of OpenVINO, as our engine sets it
WARM_UP = 5  # single images after the start that are not counted

Step = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way of computing one network."""

    name: str
    engine: Literal["openvino", "onnxruntime", "torchvision"]
    graph: Path  # file of the graph; of torchvision only the name of the network
    images: Path  # .npy with a batch of its input
    precision: str = "fp32"
    options: Mapping[str, Any] = field(default_factory=lambda: dict(LATENCY))  # of OpenVINO
    batch: int = 1
    pieces: int = 1  # batches in one piece of work; more than one go through a queue


def step_of(side: Side) -> Step:
    """Load a side; what does one piece of work, which is finished when it returns."""
    images = np.ascontiguousarray(np.load(side.images, mmap_mode="r")[: side.batch])
    return {"openvino": in_openvino, "onnxruntime": in_onnxruntime, "torchvision": in_torch}[
        side.engine
    ](side, images)


def in_openvino(side: Side, images: np.ndarray) -> Step:
    """OpenVINO, compiled for exactly these shapes."""
    import openvino as ov

    core = ov.Core()
    model = core.read_model(side.graph)
    model.reshape(list(images.shape))
    options = {"INFERENCE_PRECISION_HINT": HINTS[side.precision], **side.options}
    compiled = core.compile_model(model, "CPU", options)
    if side.pieces > 1:
        queue = ov.AsyncInferQueue(compiled)

        def through_queue() -> None:
            for _ in range(side.pieces):
                queue.start_async([images], share_inputs=True)
            queue.wait_all()

        return through_queue
    request = compiled.create_infer_request()
    return lambda: request.infer([images], share_inputs=True)


def in_onnxruntime(side: Side, images: np.ndarray) -> Step:
    """ONNX Runtime with all cores."""
    import onnxruntime

    session = onnxruntime.InferenceSession(side.graph, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: [session.run(None, {name: images}) for _ in range(side.pieces)]


def in_torch(side: Side, images: np.ndarray) -> Step:
    """A network of torchvision's, eager, in fp32 and torch's default layout."""
    import torch
    from inference_graphs import torchvision_network

    model, x = torchvision_network(side.graph.name), torch.from_numpy(images.copy())

    def step() -> None:
        with torch.inference_mode():
            for _ in range(side.pieces):
                model(x)

    return step


def serve(side: Side) -> None:
    """Load a side, then time as many pieces of work as each line of standard input asks for."""
    step = step_of(side)
    for _ in range(WARM_UP if side.pieces == 1 else 1):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        if side.pieces == 1:
            step()  # not counted: it fetches back what the other sides displaced
        seconds = []
        for _ in range(int(line)):
            began = perf_counter()
            step()
            seconds.append(perf_counter() - began)
        print(json.dumps(seconds), flush=True)


@contextmanager
def serving(side: Side) -> Iterator[Callable[[int], float]]:
    """Start a process for a side; gives the median seconds of so many pieces of work."""
    command = [sys.executable, __file__, json.dumps(asdict(side), default=str)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True, bufsize=1) as process:
        asked, told = process.stdin, process.stdout
        if asked is None or told is None or told.readline() != "ready\n":
            msg = f"{side.name}: its process ended; see above"
            raise SystemExit(msg)

        def ask(count: int) -> float:
            asked.write(f"{count}\n")
            return median(json.loads(told.readline()))

        yield ask
        asked.close()


def measure(sides: Sequence[Side], rounds: int, count: int) -> dict[str, list[float]]:
    """Median seconds of a piece of work in every round, the sides in turn.

    Every side waits in a process of its own while another works; each round begins one further.

    Args:
        sides: what is compared.
        rounds: turns of each.
        count: pieces of work in a turn.
    """
    found: dict[str, list[float]] = {side.name: [] for side in sides}
    with ExitStack() as stack:
        ask = {side.name: stack.enter_context(serving(side)) for side in sides}
        names = list(ask)
        for turn in range(rounds):
            first = turn % len(names)
            for name in (*names[first:], *names[:first]):
                found[name].append(ask[name](count))
    print(f"{len(sides)} sides, {rounds} rounds", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    serve(Side(**given | {key: Path(given[key]) for key in ("graph", "images")}))
