"""Thousands of requests that nobody should send: each gets an answer that the API states."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

STATED = {200, 400, 401, 404, 405, 408, 413, 422, 429}
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "AVIF", "JPEG2000")


def encoded() -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 31, 3), np.uint8)
    found = []
    for name in FORMATS:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, name)
        found.append(file.getvalue())
    return found


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """Images with bytes changed, cut, doubled and mixed."""
    random, images = np.random.default_rng(seed), encoded()
    for number in range(count):
        data = bytearray(images[number % len(images)])
        for _ in range(random.integers(1, 8)):
            at = int(random.integers(0, max(1, len(data))))
            match random.integers(0, 4):
                case 0:
                    data[at : at + 1] = bytes([random.integers(0, 256)])
                case 1:
                    del data[at:]
                case 2:
                    data[at:at] = random.bytes(int(random.integers(1, 9)))
                case _:
                    data[at : at + 4] = b"\xff\xff\xff\x7f"
        yield bytes(data)


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_images_are_answered_or_refused(client: Callable, count: int) -> None:
    served = client(seconds=60.0)
    found: dict[int, int] = {}
    for number, image in enumerate(mutants(count, seed=count)):
        if number % 3 == 0:
            answer = served.post("/v1/predict", content=image)
        elif number % 3 == 1:
            answer = served.post("/v1/predict", files=[("image", ("a", image))])
        else:
            answer = served.post("/v2/models/tiny/infer", content=image)
        found[answer.status_code] = found.get(answer.status_code, 0) + 1

    assert found.keys() <= STATED, found
    assert len(found) > 1
    assert served.get("/v2/health/ready").json() == {"ready": True, "problems": {}}


@pytest.mark.slow
def test_schemathesis_finds_no_answer_that_the_api_does_not_state(
    server: Callable, folder: Path
) -> None:
    tool = Path(sys.executable).parent / "schemathesis"
    if not tool.exists():
        pytest.skip("schemathesis is not installed")
    address, _ = server(str(folder))
    checks = "not_a_server_error,status_code_conformance,content_type_conformance"
    words = ["run", f"{address}/openapi.json", "--checks", f"{checks},response_schema_conformance"]
    done = subprocess.run(
        [tool, *words, "--max-examples", "100", "--seed", "1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder.parent,
    )

    assert done.returncode == 0, done.stdout[-5_000:]
