"""What tests of the server send, and how they load a model."""

import io
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from inceptionkit.deployment.load import load_predictor

LOAD = partial(load_predictor, engine="onnxruntime", threads=1, mode="throughput")


def png(seed: int = 0, side: int = 20, width: int | None = None) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, width or side, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


PIXELS = np.random.default_rng(5).integers(0, 256, (4, 20, 24, 3), np.uint8)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def serving(logs: Path, *words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`inceptionkit serve` in a process of its own: its address, and the process."""
    command = [sys.executable, "-m", "inceptionkit", "serve", *words]
    command += ["--port", "0", "--json", "--engine", "onnxruntime", "--threads", "1"]
    with (logs / "log.jsonl").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    with process.stdout:
        line = process.stdout.readline()
        assert line, (logs / "log.jsonl").read_text()
        yield json.loads(line)["address"], process
        process.terminate()
        process.wait(30)
