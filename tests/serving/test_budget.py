"""What is read of a request before it is refused, and what all requests together may hold."""

import asyncio
import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, current_thread
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from served import png

from inceptionkit.preprocess import as_rgb
from inceptionkit.serving.answering import Answering
from inceptionkit.serving.budget import Pixels
from inceptionkit.serving.models import Models

INFER = "/v2/models/tiny/infer"


def encoded(shape: list[int], data: object, **more: object) -> dict[str, Any]:
    tensor = {"name": "encoded", "datatype": "BYTES", "shape": shape, "data": data, **more}
    return {"inputs": [tensor]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/predict", {"images": 3 * ["*"]}),
        (INFER, encoded([3], 3 * ["*"])),
        (INFER, encoded([3, 1], [])),
        (INFER, encoded([3, 1, 1, 3], [], name="image", datatype="UINT8")),
    ],
)
def test_images_are_counted_before_they_are_read(client: Callable, path: str, body: dict) -> None:
    found = client(images=2).post(path, json=body)

    assert found.status_code == 400
    assert found.json()["detail"] == "a request has at most 2 images, got 3; send several"


def test_images_of_a_tensor_are_compared_with_its_shape_before_they_are_read(
    client: Callable,
) -> None:
    served = client()
    found = served.post(INFER, json=encoded([2], 3 * ["*"]))
    assert found.json()["detail"] == "shape [2] needs 2 values, got 3"

    own = {"binary_data_size": 12}
    head = json.dumps(encoded([2], None, parameters=own)).encode()
    length = {"Inference-Header-Content-Length": str(len(head))}
    found = served.post(INFER, content=head + bytes(12), headers=length)
    assert found.json()["detail"].startswith("the lengths of the binary tensor do not fit its")


@pytest.mark.parametrize("path", ["/v1/predict", INFER])
def test_values_of_json_are_counted_before_they_are_parsed(client: Callable, path: str) -> None:
    served, head = client(values=10), {"content-type": "application/json"}
    found = served.post(path, content=b"[" + 10 * b"0,", headers=head)

    assert found.status_code == 400
    assert found.json()["detail"].startswith("JSON may list 10 values; send encoded images, or")


@pytest.mark.parametrize("path", ["/v1/predict", INFER])
@pytest.mark.parametrize("large", [True, False])
def test_a_large_body_is_parsed_while_others_are_answered(
    client: Callable, monkeypatch: pytest.MonkeyPatch, path: str, *, large: bool
) -> None:
    threads, loads = [], json.loads

    def noted(text: bytes) -> Any:
        threads.append(current_thread().name)
        return loads(text)

    monkeypatch.setattr("inceptionkit.serving.requests.json.loads", noted)
    padding = " " * 300_000 if large else ""
    head = {"content-type": "application/json"}
    client().post(path, content=f"[{padding}]", headers=head)

    assert threads[0].startswith("asyncio_") is large  # the pool of the loop


def test_a_form_never_goes_to_a_disk(client: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", full)
    image = png(side=700)
    assert len(image) > 2**20

    found = client().post("/v1/predict", files=[("image", ("a.png", image))])
    assert found.status_code == 200


def test_a_form_without_an_end_is_refused(client: Callable) -> None:
    head = {"content-type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n%b\r\n'
    served, whole = client(), 2 * (part % png()) + b"--x--\r\n"

    assert len(served.post("/v1/predict", content=whole, headers=head).json()["answers"]) == 2
    for missing in (5, 10, len(part)):
        found = served.post("/v1/predict", content=whole[:-missing], headers=head)
        assert found.status_code == 400
        assert found.json()["detail"] == (
            "the form cannot be read: its last boundary is missing; send it whole"
        )


def test_bodies_of_all_requests_share_their_memory(client: Callable) -> None:
    served, image = client(body_bytes=10_000, all_body_bytes=10_000), png()
    bodies = served.app.answering.bodies
    with bodies.of(10_001 - len(image)):
        stated = served.post("/v1/predict", content=image)
        streamed = served.post("/v1/predict", content=iter([image[:600], image[600:]]))
        other = bodies.held

    for found in (stated, streamed):
        assert found.status_code == 429
        assert found.headers["retry-after"] == "1"
        assert found.json()["detail"].startswith("other requests hold the")
    assert (other, bodies.held) == (10_001 - len(image), 0)
    assert served.post("/v1/predict", content=image).status_code == 200
    assert bodies.held == 0
    assert 'inceptionkit_rejected_requests_total{model=""} 2.0' in served.get("/metrics").text


def test_the_largest_body_alone_has_room(client: Callable) -> None:
    served, image = client(body_bytes=10_000, all_body_bytes=1), png()

    assert served.post("/v1/predict", content=image).status_code == 200


def test_calls_over_grpc_share_the_memory_for_bodies(
    started: Callable[..., Models], tiny_model: Path
) -> None:
    grpc_server = pytest.importorskip("inceptionkit.serving.grpc_server")
    models = started({"tiny": tiny_model})
    answering = Answering(models, models.limits, models.metrics)
    held: list[int] = []

    class Context:
        code: Any = None

        async def read(self) -> bytes:
            return bytes(asked.SerializeToString())

        def invocation_metadata(self) -> tuple:
            return ()

        def peer(self) -> str:
            return "ipv4:127.0.0.1:1"

        async def abort(self, code: Any, _: str) -> None:
            self.code = code
            raise InterruptedError

    async def answer(request: Any) -> Any:
        held.append(answering.bodies.held)
        return request

    asked = grpc_server.MESSAGES["ModelReadyRequest"](name="tiny")
    arriving = asyncio.Semaphore()
    guarded = grpc_server._guarded("ModelReady", answer, answering, "", arriving)
    asyncio.run(guarded(None, Context()))
    context = Context()
    with answering.bodies.of(answering.bodies.most), pytest.raises(InterruptedError):
        asyncio.run(guarded(None, context))

    assert held == [asked.ByteSize()]
    assert context.code.name == "RESOURCE_EXHAUSTED"


def test_a_tensor_over_grpc_that_is_not_binary_is_counted_before_it_is_read(
    started: Callable[..., Models],
) -> None:
    grpc_server = pytest.importorskip("inceptionkit.serving.grpc_server")
    asked = grpc_server.MESSAGES["ModelInferRequest"](model_name="tiny")
    tensor = asked.inputs.add(name="image", datatype="UINT8", shape=[1, 2, 2, 3])
    tensor.contents.uint_contents.extend([0] * 12)

    with pytest.raises(grpc_server.Problem, match="contents may list 11 values; send raw_input"):
        grpc_server._read(asked, started({}, values=11).limits)
    assert len(grpc_server._read(asked, started({}, values=12).limits).images) == 1


def test_an_image_is_decoded_within_the_pixels_of_all(
    client: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, held = client(decoded_pixels=1), []  # it is larger, and decoded alone

    def noted(image: object, depth: int) -> NDArray[np.uint8]:
        held.append(served.app.answering.pixels.held)
        return as_rgb(image, depth)

    monkeypatch.setattr("inceptionkit.serving.answering.as_rgb", noted)

    assert served.post("/v1/predict", content=png(side=20)).status_code == 200
    assert (held, served.app.answering.pixels.held) == ([400], 0)


def test_no_more_pixels_than_fit_are_decoded_at_once() -> None:
    pixels, pairs = Pixels(most=100), Barrier(2, timeout=20)

    def decode(_: int) -> int:
        with pixels.of(40):
            pairs.wait()  # two come together, and a third does not
            return pixels.held

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(decode, range(12)))

    assert max(found) <= 80
    assert pixels.held == 0


def test_an_image_larger_than_all_is_decoded_alone() -> None:
    pixels = Pixels(most=100)
    with pixels.of(500):
        assert pixels.held == 500
