"""Thousands of requests that nobody should send: each gets an answer that the API states."""

import asyncio
import base64
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from served import PIXELS, free_port, png

from inceptionkit.serving.answering import Answering
from inceptionkit.serving.app import make_app
from inceptionkit.serving.detect import load_detectors
from inceptionkit.serving.models import Models
from inceptionkit.serving.schemas import LENGTH

INFER = "/v2/models/tiny/infer"
COUNTS = pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
FORM = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
STATED = {200, 400, 401, 404, 405, 408, 413, 422, 429}
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "AVIF", "JPEG2000")


def encoded() -> list[bytes]:
    """Small images, and a HEIC file whose codec is another: no package that we use writes HEIC."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 31, 3), np.uint8)
    found = {}
    for name in FORMATS:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, name)
        found[name] = file.getvalue()
    return [*found.values(), found["AVIF"].replace(b"ftypavif", b"ftypheic", 1)]


def mutants(bodies: Sequence[bytes], count: int) -> Iterator[bytes]:
    """Bodies in turn, with bytes changed, cut, doubled and mixed."""
    random = np.random.default_rng(count)
    for number in range(count):
        data = bytearray(bodies[number % len(bodies)])
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
    found: Counter[int] = Counter()
    for number, image in enumerate(mutants(encoded(), count)):
        if number % 3 == 0:
            answer = served.post("/v1/predict", content=image)
        elif number % 3 == 1:
            answer = served.post("/v1/predict", files=[("image", ("a", image))])
        else:
            answer = served.post(INFER, content=image)
        found[answer.status_code] += 1

    assert found.keys() <= STATED, found
    assert len(found) > 1
    assert served.get("/v2/health/ready").json() == {"ready": True, "problems": {}}


def inference() -> tuple[list[bytes], list[dict[str, str]]]:
    """Bodies of JSON and of binary tensors, each with the header that it needs."""
    image = {"name": "image", "datatype": "UINT8", "shape": [1, 2, 2, 3]}
    text = {"name": "encoded", "datatype": "BYTES", "shape": [1]}
    asked = {"id": "a", "parameters": {"effort": "fast"}, "outputs": [{"name": "label"}]}
    data = {"data": base64.b64encode(png()).decode()}
    bodies = [
        json.dumps(asked | {"inputs": [image | {"data": list(range(12))}]}).encode(),
        json.dumps(asked | {"inputs": [text | {"data": list(data.values())}]}).encode(),
    ]
    headers: list[dict[str, str]] = [{}, {}]
    for tensor, binary in ((image, bytes(12)), (text, len(png()).to_bytes(4, "little") + png())):
        sized = tensor | {"parameters": {"binary_data_size": len(binary)}}
        head = json.dumps({"inputs": [sized]}).encode()
        bodies.append(head + binary)
        headers.append({LENGTH: str(len(head))})
    return bodies, headers


@COUNTS
def test_damaged_tensors_are_answered_or_refused(client: Callable, count: int) -> None:
    served, (bodies, headers) = client(seconds=60.0), inference()
    for body, header in zip(bodies, headers, strict=True):
        assert served.post(INFER, content=body, headers=header).status_code == 200
    found: Counter[int] = Counter()
    for number, body in enumerate(mutants(bodies, count)):
        header = headers[number % len(headers)]
        found[served.post(INFER, content=body, headers=header).status_code] += 1

    assert found.keys() <= STATED, found
    assert len(found) > 1
    assert served.get("/v2/health/ready").json() == {"ready": True, "problems": {}}


@COUNTS
def test_damaged_requests_for_objects_are_answered_or_refused(
    started: Callable[..., Models], detector: Path, count: int
) -> None:
    models = started({}, seconds=60.0)
    answering = Answering(models, models.limits, models.metrics)
    app = make_app(answering, "", load_detectors({"pets": detector}, answering, 1))
    served = TestClient(app, raise_server_exceptions=False)
    text = base64.b64encode(png()).decode()
    asked = json.dumps({"image": text, "model": "pets", "least_score": 0.5}).encode()
    bodies = [png(), asked, FORM + png() + b"\r\n--x--\r\n"]
    kinds = ["image/png", "application/json", "multipart/form-data; boundary=x"]
    found: Counter[int] = Counter()
    for number, body in enumerate([*bodies, *mutants(bodies, count)]):
        header = {"content-type": kinds[number % len(kinds)]}
        found[served.post("/v1/detect", content=body, headers=header).status_code] += 1

    assert found.keys() <= STATED, found
    assert found[200] >= len(bodies)
    assert len(found) > 1


@COUNTS
def test_damaged_messages_are_answered_or_refused(
    started: Callable[..., Models], tiny_model: Path, count: int
) -> None:
    grpc = pytest.importorskip("grpc", reason="grpcio is not installed")
    module = pytest.importorskip("inceptionkit.serving.grpc_server")
    models = started({"tiny": tiny_model}, seconds=60.0)
    answering = Answering(models, models.limits, models.metrics)
    raw = module.MESSAGES["ModelInferRequest"](model_name="tiny", id="a")
    raw.inputs.add(name="image", datatype="UINT8", shape=PIXELS.shape)
    raw.raw_input_contents.append(PIXELS.tobytes())
    raw.parameters["effort"].string_param = "fast"
    typed = module.MESSAGES["ModelInferRequest"](model_name="tiny")
    typed.inputs.add(name="encoded", datatype="BYTES", shape=[1]).contents.bytes_contents.append(
        png()
    )
    typed.outputs.add(name="label")
    bodies = [one.SerializeToString() for one in (raw, typed)]

    async def run() -> Counter[str]:
        found: Counter[str] = Counter()
        address = f"127.0.0.1:{free_port()}"
        server = module.make_grpc_server(models, answering, address, "")
        await server.start()
        async with grpc.aio.insecure_channel(address) as channel:
            infer = channel.unary_unary(f"/{module.PACKAGE}.{module.SERVICE}/ModelInfer")
            for body in [*bodies, *mutants(bodies, count)]:
                call = infer(body)
                found[(await call.code()).name] += 1
        await server.stop(0)
        return found

    found = asyncio.run(run())

    assert found.keys() <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}, found
    assert found["OK"] >= len(bodies)
    assert len(found) > 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/predict", "image/png"),
        ("/v1/predict", "application/json"),
        ("/v1/predict", "multipart/form-data; boundary=x"),
        (INFER, "application/json"),
    ],
)
def test_an_upload_that_is_cut_leaves_nothing_behind(
    client: Callable, path: str, kind: str
) -> None:
    served = client()
    statuses: list[int] = []

    async def upload(*came: bytes) -> None:
        parts = list(came)

        async def receive() -> dict[str, Any]:
            if parts:
                return {"type": "http.request", "body": parts.pop(0), "more_body": True}
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            statuses.append(message.get("status", 0))

        headers = [(b"content-type", kind.encode()), (b"content-length", b"10000")]
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
        await served.app(scope | {"query_string": b"", "raw_path": path.encode()}, receive, send)

    for end in (0, 10, len(FORM), len(FORM) + 50):
        asyncio.run(upload((FORM + png())[:end], b""))

    assert statuses == 4 * [499, 0]
    assert served.app.answering.bodies.held == 0
    assert served.post("/v1/predict", content=png()).status_code == 200


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
