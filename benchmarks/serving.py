"""The HTTP server beside its own engine: throughput, latency at 70 % load, three times too much.

GoogLeNet in int8, with its first weights, answers for JPEG files of 224 px, one a request. The
client has a core of its own, and the server has the others, as the engine and the decoder have when
they are timed alone.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from statistics import mean, median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any, Literal, Self

import numpy as np
from hardware import RESULTS, hardware, table, write
from http_load import Sample, Target, as_fast_as_it_answers, at_a_rate, moments, post
from PIL import Image

SIDE, FILES = 224, 64
BATCHES = (1, 2, 4, 8, 16, 32)
LEAST_THROUGHPUT = 0.85  # of engine and decoder alone
MOST_TAIL = 3.0  # p99 to median at LOAD
LOAD, TOO_MUCH = 0.7, 3.0  # of the throughput
PARTS = ("best", "decoder", "engine_and_decoder")  # images a second that are alone
SPACINGS = {"even": True, "random": False}  # of requests
MOST_GROWTH = 1.1  # of memory under too much load, from a quarter of it to its end
RECOVERY_SECONDS = 2.0
BOUNDARY = "a-boundary-that-no-image-holds"


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores the client has, and which the server: the same if there is one alone."""

    client: frozenset[int]
    server: frozenset[int]


def divided() -> Cores:
    """The last core for the client, the others for the server."""
    *server, client = sorted(os.sched_getaffinity(0))
    return Cores(frozenset({client}), frozenset(server or [client]))


def files(side: int = SIDE, count: int = FILES) -> list[bytes]:
    """JPEG files, noise on a soft ground; of 224 px some 15 kB each."""
    random, found = np.random.default_rng(0), []
    for _ in range(count):
        ground = random.integers(0, 256, (15, 15, 3), np.uint8)
        soft = np.asarray(Image.fromarray(ground).resize((side, side)), np.int16)
        pixels = np.clip(soft + random.integers(-12, 13, soft.shape), 0, 255).astype(np.uint8)
        file = BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=90)
        found.append(file.getvalue())
    return found


def googlenet(folder: Path, precision: str) -> Path:
    """Export GoogLeNet with its first weights; speed does not depend on them."""
    from inceptionkit import architecture, build
    from inceptionkit.deployment.export import ExportOptions, make_export, write_export
    from inceptionkit.model import Card
    from inceptionkit.preprocess import Preprocessing, decode
    from inceptionkit.progress import Silence

    net = architecture("googlenet:bn")
    state = build(net).state_dict()
    tensors = {k: v.numpy() for k, v in state.items() if v.is_floating_point()}
    classes = tuple(f"class {number}" for number in range(1000))
    card = Card(architecture=net, classes=classes, preprocessing=Preprocessing(size=SIDE))
    images = np.stack([decode(file) for file in files()])
    options = ExportOptions(
        kind="openvino" if precision == "int8" else "onnx",
        precision=precision,  # type: ignore[arg-type]
    )
    made = make_export(card, tensors, options, images if precision == "int8" else None, Silence())
    write_export(made, folder / "googlenet")
    return folder / "googlenet"


# Run on the server's cores, in a process of its own: what the engine and the decoder do alone.
ALONE = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from serving import alone
print(json.dumps(alone(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[4]))))
"""


def alone(model: Path, seconds: float, side: int) -> dict[str, Any]:
    """Images a second of engine and decoder, each with all cores, and one after the other.

    Args:
        model: an exported model.
        seconds: of each measurement.
        side: of the JPEG files, in pixels.
    """
    from inceptionkit.deployment.load import load_predictor
    from inceptionkit.evaluation.predictor import run_stages
    from inceptionkit.preprocess import as_rgb

    predictor = load_predictor(model, mode="throughput")
    stages, encoded = predictor.stages(()), files(side)

    def prepared(data: bytes) -> np.ndarray:
        return predictor.prepare(as_rgb(data))

    images = np.stack([prepared(data) for data in encoded])

    def run(batch: int) -> int:
        run_stages(stages, images[:batch])
        return batch

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:

        def decode() -> int:
            return len(list(pool.map(prepared, encoded)))

        decoder = _per_second(decode, seconds)
    engine = {batch: _per_second(lambda b=batch: run(b), seconds) for batch in BATCHES}
    best = max(engine.values())
    both = 1 / (1 / best + 1 / decoder)
    return {"engine": engine, "decoder": decoder, "best": best, "engine_and_decoder": both}


def alone_in_a_process(model: Path, seconds: float, side: int) -> dict[str, Any]:
    """The same, in a process of its own, which leaves no threads behind."""
    here = str(Path(__file__).parent)
    words = [sys.executable, "-c", ALONE, str(model), str(seconds), here, str(side)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _per_second(work: Callable[[], int], seconds: float) -> float:
    """Images a second: the median of runs, after two that are not counted."""
    work()
    work()
    rates: list[float] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(rates) < 3:
        start = perf_counter()
        count = work()
        rates.append(count / (perf_counter() - start))
    return median(rates)


@contextmanager
def started(words: Sequence[str], cores: Cores, ready: Callable[[], bool]) -> Iterator[int]:
    """A server on its cores, from when it is ready until it is stopped: its process."""
    os.sched_setaffinity(0, cores.server)  # which it inherits
    process = subprocess.Popen(  # in a group of its own: some leave children behind
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    os.sched_setaffinity(0, cores.client)
    try:
        while not ready():
            if process.poll() is not None:
                msg = f"{words[0]} ... ended with {process.returncode} before it was ready"
                raise SystemExit(msg)
            sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def memory_mib(pid: int) -> float:
    """What a process and its children hold, pages that they share counted once."""
    total = 0.0
    for one in [pid, *_children(pid)]:
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(text.partition("Pss:")[2].split()[0]) / 1024
    return total


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found + [further for child in found for further in _children(child)]


def summary(samples: Sequence[Sample], seconds: float) -> dict[str, Any]:
    """Answers a second, and milliseconds of those that were good."""
    good = [1e3 * one.seconds for one in samples if one.status == 200]
    cuts = quantiles(good, n=100) if len(good) > 1 else [float("nan")] * 99
    return {
        "per_second": len(good) / seconds,
        "p50_ms": cuts[49],
        "p99_ms": cuts[98],
        "statuses": dict(Counter(str(one.status) for one in samples)),
    }


@dataclass
class MemoryLog:
    """Memory of a process, looked at twice a second in a thread."""

    pid: int
    mib: list[float] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            self.mib.append(memory_mib(self.pid))

    @property
    def growth(self) -> float:
        """Memory at the end, to that after a quarter of the time."""
        return self.mib[-1] / self.mib[len(self.mib) // 4] if self.mib else float("nan")


def measure(target: Target, pid: int, given: argparse.Namespace) -> dict[str, Any]:
    """Throughput, and latency at a part of it and of one request at a time."""
    as_fast_as_it_answers(target, given.clients, min(3.0, given.seconds))  # warm
    alone = summary(as_fast_as_it_answers(target, 1, 3.0), 3.0)
    fast = summary(as_fast_as_it_answers(target, given.clients, given.seconds), given.seconds)
    if not fast["per_second"]:
        msg = f"no request was answered well: {fast['statuses']}"
        raise SystemExit(msg)
    rate = LOAD * fast["per_second"]
    at_load = {
        spacing: summary(at_a_rate(target, rate, given.seconds, evenly=evenly), given.seconds)
        for spacing, evenly in SPACINGS.items()
    }
    return {
        "throughput": fast,
        "alone": alone,
        "at_load": at_load,
        "memory_mib": memory_mib(pid),
    }


def least_tail(load: float, requests: int = 100_000) -> float:
    """p99 to median that random requests have by their own, wherever one is answered after another.

    Args:
        load: of a server that takes the same time for each.
        requests: that are simulated.
    """
    free, waits = 0.0, []
    for due in moments(load, requests / load, evenly=False):
        free = max(free, due) + 1.0
        waits.append(free - due)
    cuts = quantiles(waits, n=100)
    return cuts[98] / cuts[49]


def overload(target: Target, pid: int, throughput: float, seconds: float) -> dict[str, Any]:
    """Three times what it can answer, and how soon after the last of it it is itself again."""
    usual = median(one.seconds for one in as_fast_as_it_answers(target, 1, 2.0))
    rate, calm = TOO_MUCH * throughput, 2 * RECOVERY_SECONDS
    with MemoryLog(pid) as log:
        every = at_a_rate(target, rate, seconds, evenly=False, calm=calm)
    samples = [one for one in every if one.at < seconds]
    calm_ones = [one for one in every if one.at >= seconds]
    slow = [one for one in calm_ones if one.seconds > 2 * usual + 0.01 or one.status != 200]
    good = sum(one.status == 200 for one in samples)
    return {
        **summary(samples, seconds),
        "of_throughput": good / seconds / throughput,
        "memory_mib": log.mib,
        "memory_growth": log.growth,
        "usual_ms": 1e3 * usual,
        "back_to_normal_s": max((one.at - seconds + one.seconds for one in slow), default=0.0),
    }


def sides(model: Path, given: argparse.Namespace, cores: Cores) -> Iterator[dict[str, Any]]:
    """Ours by HTTP with JPEGs and with pixels, LitServe, and Triton."""
    encoded = files()
    jpegs = [post("x", "/v1/predict", one, "image/jpeg") for one in encoded]
    yield {"side": "alone", **alone_on(model, given, cores)}
    port = free_port()
    named = f"googlenet={model}"
    ours = [sys.executable, "-m", "inceptionkit", "serve", named, "--port", str(port)]
    with started(ours, cores, lambda: listens(port)) as pid:
        target = Target("127.0.0.1", port, jpegs)
        row = {"side": "inceptionkit", **measure(target, pid, given)}
        rate = row["throughput"]["per_second"]
        row["overload"] = overload(target, pid, rate, given.overload)
        yield row
        pixels = Target("127.0.0.1", port, tensors(encoded, "image"))
        yield {"side": "inceptionkit, Triton's binary tensors", **measure(pixels, pid, given)}
    yield {"side": "alone", **alone_on(model, given, cores)}
    for side, python, script, theirs in (
        ("LitServe", given.litserve, "litserve_server.py", [_form(one) for one in encoded]),
        ("Triton's server", given.triton, "triton_server.py", tensors(encoded, "encoded")),
    ):
        if python:
            port = free_port()
            words = [python, str(Path(__file__).with_name(script)), str(model), str(port)]
            with started(words, cores, lambda at=port: listens(at)) as pid:
                yield {"side": side, **measure(Target("127.0.0.1", port, theirs), pid, given)}


def alone_on(model: Path, given: argparse.Namespace, cores: Cores) -> dict[str, Any]:
    """Engine and decoder alone, on the server's cores."""
    os.sched_setaffinity(0, cores.server)
    try:
        return alone_in_a_process(model, given.seconds / 6, SIDE)
    finally:
        os.sched_setaffinity(0, cores.client)


def tensors(
    encoded: Sequence[bytes], name: Literal["image", "encoded"], model: str = "googlenet"
) -> list[bytes]:
    """Requests of Triton's client: pixels, or files, as binary tensors."""
    import tritonclient.http as triton

    from inceptionkit.preprocess import decode

    found = []
    for data in encoded:
        one = decode(data)[None] if name == "image" else np.array([[data]], object)
        tensor = triton.InferInput(name, list(one.shape), "UINT8" if name == "image" else "BYTES")
        tensor.set_data_from_numpy(one)
        wanted = [triton.InferRequestedOutput("probabilities")] if name == "image" else None
        body, head = triton.InferenceServerClient.generate_request_body([tensor], outputs=wanted)
        length = f"Inference-Header-Content-Length: {head}"
        found.append(
            post("x", f"/v2/models/{model}/infer", body, "application/octet-stream", length)
        )
    return found


def _form(data: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="request"; filename="a.jpg"\r\n'
    head += "Content-Type: image/jpeg\r\n\r\n"
    body = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    return post("x", "/predict", body, f"multipart/form-data; boundary={BOUNDARY}")


def free_port() -> int:
    """A port that nobody listens at."""
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def listens(port: int) -> bool:
    """Whether a server answers with 200, which LitServe does once its model is loaded."""
    import urllib.request

    for path in ("/v2/health/ready", "/health"):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2):
                return True
        except OSError:
            continue
    return False


def verdicts(ours: dict[str, Any], ideal: float) -> dict[str, bool]:
    """Which requirements are met."""
    too_much = ours["overload"]
    share = ours["throughput"]["per_second"] / ideal
    tails = {name: one["p99_ms"] / one["p50_ms"] for name, one in ours["at_load"].items()}
    return {
        f"throughput {share:.2f} of engine and decoder alone, at least {LEAST_THROUGHPUT}": (
            share >= LEAST_THROUGHPUT
        ),
        f"p99 {tails['even']:.1f} times the median at 70 % load, requests evenly spaced, under "
        f"{MOST_TAIL:g}": tails["even"] < MOST_TAIL,
        f"p99 {tails['random']:.1f} times the median, requests at random, under {MOST_TAIL:g} "
        f"({least_tail(LOAD):.1f} where each takes the same time and nothing else happens)": (
            tails["random"] < MOST_TAIL
        ),
        "nothing was refused or failed at 70 % load": all(
            one["statuses"].keys() == {"200"} for one in ours["at_load"].values()
        ),
        f"three times too much: statuses {too_much['statuses']}, only 200 and 429": (
            too_much["statuses"].keys() <= {"200", "429"}
        ),
        f"memory {too_much['memory_growth']:.2f} times, at most {MOST_GROWTH}": (
            too_much["memory_growth"] <= MOST_GROWTH
        ),
        f"normal again after {too_much['back_to_normal_s']:.1f} s, at most {RECOVERY_SECONDS:g}": (
            too_much["back_to_normal_s"] <= RECOVERY_SECONDS
        ),
    }


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="an exported model; GoogLeNet if left out")
    parser.add_argument("--precision", choices=("int8", "fp32"), default="int8")
    parser.add_argument("--clients", type=int, default=64, help="concurrent requests")
    parser.add_argument("--seconds", type=float, default=30, help="of each measurement")
    parser.add_argument("--overload", type=float, default=60, help="seconds of too much load")
    parser.add_argument("--litserve", help="Python with inceptionkit and litserve")
    parser.add_argument("--triton", help="Python with inceptionkit and nvidia-pytriton")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> int:
    """Measure; 1 if a requirement is missed."""
    given, cores = arguments(), divided()
    with TemporaryDirectory() as folder:
        model = given.model or googlenet(Path(folder), given.precision)
        os.sched_setaffinity(0, cores.client)
        every = list(sides(model, given, cores))
        os.sched_setaffinity(0, cores.client | cores.server)
    alone_ones = [row for row in every if row["side"] == "alone"]
    rows = [row for row in every if row["side"] != "alone"]
    own = {key: mean(one[key] for one in alone_ones) for key in PARTS}
    met = verdicts(rows[0], own["engine_and_decoder"])
    result = {
        "alone": alone_ones,
        "sides": rows,
        "requirements": met,
        "server_cores": len(cores.server),
        "clients": given.clients,
        "precision": given.precision,
        "hardware": hardware(),
    }
    write(given.results, "serving", result)
    text = table(
        ("side", "requests/s", "alone", "p50, p99, even", "p50, p99, random", "memory"),
        [
            ("engine at its best batch", f"{own['best']:.0f}", "", "", "", ""),
            ("decoder", f"{own['decoder']:.0f}", "", "", "", ""),
            ("engine and decoder", f"{own['engine_and_decoder']:.0f}", "", "", "", ""),
            *(
                (
                    row["side"],
                    f"{row['throughput']['per_second']:.0f}",
                    f"{row['alone']['p50_ms']:.1f} ms",
                    *(
                        f"{at['p50_ms']:.0f}, {at['p99_ms']:.0f} ms"
                        for at in row["at_load"].values()
                    ),
                    f"{row['memory_mib']:.0f} MiB",
                )
                for row in rows
            ),
        ],
    )
    text += "".join(f"\n- {'met' if yes else 'MISSED'}: {what}" for what, yes in met.items()) + "\n"
    (given.results / "serving.md").write_text(text, encoding="utf-8")
    print(text)
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
