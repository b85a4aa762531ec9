"""Twenty minutes of good, wrong and cut requests, and of models that are replaced: nothing grows.

Requests come over HTTP and gRPC, and ask for classes, every exit, heat maps and tensors.

Memory, open files and threads of the server are looked at every second. None may grow from the
second quarter of the time to the last one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import monotonic, sleep

import numpy as np
from hardware import RESULTS, hardware, write
from http_load import Sample, Target, as_fast_as_it_answers, post
from serving import divided, files, free_port, googlenet, listens, memory_mib, started, tensors

MOST_GROWTH, MOST_MIB = 1.03, 8.0  # of memory; the larger of both
STATED = {200, 400, 404, 413, 422, 429}
REPLACED_EVERY = 10.0  # seconds
SHIPPED = "inceptionkit/small"  # it draws heat maps


@dataclass(frozen=True, slots=True)
class Look:
    """What a server holds at a moment."""

    seconds: float
    mib: float
    files: int
    threads: int


def requests() -> list[bytes]:
    """Good ones, and each kind of wrong one."""
    jpeg = files()[0]
    form = b"--x\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n" + jpeg
    text = json.dumps({"images": [b64encode(jpeg).decode()] * 3, "top_k": 2}).encode()
    kind, at = "multipart/form-data; boundary=x", "/v1/predict?model=served"
    return [
        *(post("x", at, one, "image/jpeg") for one in files()[:8]),
        *tensors(files()[:2], "image", "served"),
        *tensors(files()[:2], "encoded", "served"),
        post("x", f"{at}&effort=full&exits=true", jpeg, "image/jpeg"),
        post("x", "/v1/predict?model=small&explain=cam", jpeg, "image/jpeg"),
        post("x", "/v1/predict?model=small&time_limit_ms=5", jpeg, "image/jpeg"),
        post("x", at, form + b"\r\n--x--\r\n", kind),
        post("x", at, form, kind),  # without its end
        post("x", at, text, "application/json"),
        post("x", at, text[:-9], "application/json"),
        post("x", at, jpeg[:2_000], "image/jpeg"),
        post("x", at, b"no image", "image/jpeg"),
        post("x", at, b"", "image/jpeg"),
        post("x", "/v1/predict?model=none", jpeg, "image/jpeg"),
        post("x", "/nothing/../there", jpeg, "image/jpeg"),
        post("x", "/v2/models/served/infer", b"{}", "application/json"),
    ]


def over_grpc(port: int) -> None:
    """A good call and a wrong one, with Triton's client, each with a connection of its own."""
    import tritonclient.grpc as triton

    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        for data in (files()[0], b"no image"):
            image = triton.InferInput("encoded", [1], "BYTES")
            image.set_data_from_numpy(np.array([data], object))
            with suppress(triton.InferenceServerException):
                client.infer("served", [image])


def cut_off(port: int) -> None:
    """Uploads whose clients go in the midst."""
    for length in (0, 10, 5_000):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as one:
            head = "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n"
            one.sendall(head.encode() + bytes(length))


def look(pid: int, since: float) -> Look:
    """What a server holds now."""
    place = Path(f"/proc/{pid}")
    return Look(
        monotonic() - since,
        memory_mib(pid),
        len(list((place / "fd").iterdir())),
        len(list((place / "task").iterdir())),
    )


def in_turn(work: Callable[[], object], every: float, stop: Event) -> Thread:
    """A thread that does something every so many seconds."""

    def run() -> None:
        while not stop.wait(every):
            work()

    thread = Thread(target=run)
    thread.start()
    return thread


def growth(values: list[float]) -> tuple[float, float]:
    """The median of the second quarter, and of the last one."""
    quarter = max(1, len(values) // 4)
    return median(values[quarter : 2 * quarter]), median(values[-quarter:])


def replaced(model: Path) -> None:
    """Put a copy of a model into its place."""
    copy, old = model.with_name("copy"), model.with_name("old")
    shutil.copytree(model, copy)
    model.rename(old)
    copy.rename(model)
    shutil.rmtree(old)


def watched(
    model: Path, seconds: float, clients: int
) -> tuple[list[Look], Counter[int], list[Sample]]:
    """Load a server for a time: what it held, the statuses, and the answers after it was quiet."""
    port, grpc_port = free_port(), free_port()
    words = [sys.executable, "-m", "inceptionkit", "serve", f"served={model}", f"small={SHIPPED}"]
    words += ["--port", str(port), "--grpc-port", str(grpc_port)]
    statuses: Counter[int] = Counter()
    with started(words, divided(), lambda: listens(port)) as pid:
        target, looks, stop, since = Target("127.0.0.1", port, requests()), [], Event(), monotonic()
        threads = [
            in_turn(lambda: looks.append(look(pid, since)), 1.0, stop),
            in_turn(lambda: replaced(model), REPLACED_EVERY, stop),
            in_turn(lambda: cut_off(port), 0.5, stop),
            in_turn(lambda: over_grpc(grpc_port), 0.5, stop),
        ]
        try:
            while monotonic() - since < seconds:
                statuses.update(one.status for one in as_fast_as_it_answers(target, clients, 5.0))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        sleep(1)
        good = Target("127.0.0.1", port, requests()[:1])
        return looks, statuses, as_fast_as_it_answers(good, 1, 1.0)


def findings(
    looks: list[Look], statuses: Counter[int], after: list[Sample]
) -> Iterator[tuple[str, bool]]:
    """What is required, and whether it is met."""
    before, end = growth([one.mib for one in looks])
    most = max(MOST_GROWTH * before, before + MOST_MIB)
    yield f"memory {before:.0f} MiB, at the end {end:.0f} MiB, at most {most:.0f}", end <= most
    for name in ("files", "threads"):
        was, now = growth([float(getattr(one, name)) for one in looks])
        yield f"{name}: {was:g}, at the end {now:g}, at most 3 more", now <= was + 3
    wrong = set(statuses) - STATED
    yield f"statuses {dict(sorted(statuses.items()))}", not wrong
    yield "it answers at the end", {one.status for one in after} == {200}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="an exported model; GoogLeNet if left out")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clients", type=int, default=8, help="concurrent requests")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> int:
    """Load a server; 1 if something grows."""
    given = arguments()
    with TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        if given.model:
            shutil.copytree(given.model, model)
        else:
            googlenet(Path(folder), "fp32").rename(model)
        looks, statuses, after = watched(model, 60 * given.minutes, given.clients)
    found = dict(findings(looks, statuses, after))
    result = {
        "minutes": given.minutes,
        "requirements": found,
        "looks": [asdict(one) for one in looks],
        "hardware": hardware(),
    }
    write(given.results, "leaks", result)
    print("".join(f"- {'met' if yes else 'MISSED'}: {what}\n" for what, yes in found.items()))
    return 0 if all(found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
