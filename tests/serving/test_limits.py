"""What strangers may cost: every limit refuses before it is spent, and says how to go on."""

import asyncio
import gc
import json
import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from served import png
from uvicorn.server import ServerState

from inceptionkit.errors import DeploymentError
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.metrics import Metrics
from inceptionkit.serving.server import _Limited, bind

TOKEN = "a-token-of-many-letters"  # noqa: S105 - of a test


def detail(response: Any) -> str:
    assert response.headers["content-type"] == "application/problem+json", response.text
    return str(response.json()["detail"])


def test_a_body_that_is_too_large_is_refused_by_its_header_and_while_it_comes(
    client: Callable,
) -> None:
    served = client(body_bytes=1_000)

    stated = served.post("/v1/predict", content=bytes(1_001))
    streamed = served.post("/v1/predict", content=iter([bytes(600), bytes(600)]))

    for found in (stated, streamed):
        assert found.status_code == 413
        assert "a request has at most" in detail(found)


def test_pixels_are_counted_before_they_are_decoded(client: Callable) -> None:
    found = client(image_pixels=399).post("/v1/predict", content=png(side=20))

    assert found.status_code == 422
    assert detail(found).startswith("the image cannot be used: claims 20x20 pixels, the limit is")
    assert client(image_pixels=400).post("/v1/predict", content=png(side=20)).status_code == 200


def test_a_request_has_so_many_images(client: Callable) -> None:
    files = [("image", ("a.png", png()))]
    served = client(images=2)

    assert served.post("/v1/predict", files=2 * files).status_code == 200
    found = served.post("/v1/predict", files=3 * files)
    assert found.status_code == 400


def test_a_full_queue_says_when_to_come_again(client: Callable) -> None:
    files = [("image", ("a.png", png()))]
    found = client(queue=2).post("/v1/predict", files=3 * files)

    assert found.status_code == 429
    assert found.headers["retry-after"] == "1"
    metrics = client(queue=2)
    metrics.post("/v1/predict", files=3 * files)
    assert 'inceptionkit_rejected_requests_total{model="tiny"} 1.0' in metrics.get("/metrics").text


def test_a_token_is_compared_and_asked_for(client: Callable) -> None:
    served = client(token=TOKEN)
    assert served.get("/openapi.json").json()["security"] == [{"token": []}]
    assert "security" not in client().get("/openapi.json").json()

    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}):
        for path in ("/v1/models", "/metrics", "/v2/models/tiny"):
            found = served.get(path, headers=headers)
            assert found.status_code == 401, path
            assert found.headers["www-authenticate"] == "Bearer"
    assert served.get("/v1/models", headers={"authorization": f"bearer {TOKEN}"}).status_code == 200
    pages = ("/", "/page.js", "/page.css", "/docs", "/openapi.json")
    for path in (*pages, "/v2/health/live", "/v2/health/ready"):
        assert served.get(path).status_code == 200, path


@pytest.mark.parametrize(
    "path",
    ["/../model.json", "/page/../../card.py", "/%2e%2e/%2e%2e/etc/passwd", "/page.css/%2e%2e"],
)
def test_no_path_reaches_a_file(client: Callable, path: str) -> None:
    found = client().get(path)

    assert found.status_code == 404
    assert detail(found) == "there is nothing at this address; see /docs"


def test_no_answer_sends_a_client_to_where_its_own_host_header_says(client: Callable) -> None:
    found = client().get("/v1/models/", headers={"host": "elsewhere"}, follow_redirects=False)

    assert found.status_code == 404
    assert detail(found) == "there is nothing at this address; see /docs"


def test_every_answer_carries_the_headers_of_safety_and_none_of_sharing(client: Callable) -> None:
    served = client()
    for found in (
        served.get("/"),
        served.get("/nothing"),
        served.post("/v1/predict", content=png(), headers={"origin": "http://elsewhere"}),
    ):
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["content-security-policy"].startswith("default-src 'none'")
        assert "access-control-allow-origin" not in found.headers
        assert "server" not in found.headers


def test_one_line_of_json_for_each_request(
    client: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("inceptionkit.access")
    logger.propagate = True
    with caplog.at_level(logging.INFO, "inceptionkit.access"):
        client().post("/v1/predict?top_k=3", content=png())
        client().get("/a%0Ab")
    first, second = (json.loads(record.message) for record in caplog.records)

    assert (first["path"], first["status"], first["model"]) == ("/v1/predict", 200, "tiny")
    assert (first["images"], first["bytes_in"]) == (1, len(png()))
    assert second["status"] == 404


def test_defects_show_no_trace_and_no_path(
    client: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        msg = "/secret/path"
        raise RuntimeError(msg)

    monkeypatch.setattr("inceptionkit.serving.batching.run_effort", broken)
    found = client().post("/v1/predict", content=png())

    assert found.status_code == 500
    assert detail(found) == "the answer failed; see the log of the server"


def test_an_error_of_the_system_is_kept_as_it_was_answered(
    client: Callable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("inceptionkit.serving.batching.run_effort", full)
    logging.getLogger("inceptionkit.access").propagate = True
    served = client()
    with caplog.at_level(logging.INFO, "inceptionkit.access"):
        assert served.post("/v1/predict", content=png()).status_code == 500

    assert json.loads(caplog.messages[-1])["status"] == 500
    assert 'path="/v1/predict",status="500"' in served.get("/metrics").text


def test_a_request_may_take_so_long(client: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = threading.Event()
    monkeypatch.setattr("inceptionkit.serving.batching.run_effort", lambda *_: wait.wait(20) and [])
    found = client(seconds=0.3).post("/v1/predict", content=png())
    wait.set()

    assert found.status_code == 408
    assert detail(found).startswith("the request took more than 0.3 s")


def test_a_header_that_does_not_come_is_not_waited_for(server: Callable, folder: Path) -> None:
    address, _ = server(str(folder), "--header-timeout", "0.5")
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as slow:
        slow.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\n")
        assert slow.recv(100) == b""  # closed by the server
    assert httpx.get(f"{address}/v2/health/live").status_code == 200


def test_a_connection_beyond_the_limit_is_closed_at_once_until_another_one_ends() -> None:
    async def empty(_: dict, __: Callable, send: Callable) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(port: int) -> tuple[bytes, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            return await asyncio.wait_for(reader.readline(), 20), writer
        except ConnectionError:
            return b"", writer

    async def run() -> list[bytes]:
        lost = asyncio.Event()

        class Limited(_Limited):
            limits, metrics = Limits(connections=1), Metrics()

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                lost.set()

        state, config = ServerState(), uvicorn.Config(empty, log_config=None)
        config.load()
        with bind("127.0.0.1", 0) as bound:
            made = asyncio.get_running_loop().create_server(
                lambda: Limited(config, state, {}), sock=bound
            )
            async with await made:
                port = bound.getsockname()[1]
                first, stays = await ask(port)
                second, closed = await ask(port)
                lost.clear()
                stays.close()
                await asyncio.wait_for(lost.wait(), 20)
                third, last = await ask(port)
                closed.close()
                last.close()
        return [first, second, third]

    served = b"HTTP/1.1 204 No Content\r\n"
    assert asyncio.run(run()) == [served, b"", served]


def test_a_client_that_never_reads_is_cut_off(server: Callable, folder: Path) -> None:
    address, _ = server(str(folder), "--timeout", "0.5")
    host, port = address.removeprefix("http://").split(":")
    asks = 10**6 * b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"  # more than buffers hold
    with (
        socket.create_connection((host, int(port)), timeout=20) as deaf,
        pytest.raises(ConnectionError),
    ):
        deaf.sendall(asks)


def test_what_a_closed_connection_has_left_is_not_kept_for_ever() -> None:
    async def nothing(scope: dict, receive: Callable, send: Callable) -> None: ...

    async def run() -> None:
        lost, here, there = asyncio.Event(), *socket.socketpair()

        class Noted(_Limited):
            limits = Limits(seconds=0.05)

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                lost.set()

        def make() -> Noted:
            return Noted(uvicorn.Config(nothing, log_config=None), ServerState(), {})

        with here, there:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.connect_accepted_socket(make, there)
            while not transport.get_write_buffer_size():
                transport.write(bytes(100))
            transport.close()
            await asyncio.wait_for(lost.wait(), 20)

    asyncio.run(run())


@pytest.mark.parametrize(
    "asked",
    [
        b"GARBAGE\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: %b\r\n\r\n" % (23 * b"9"),
    ],
)
def test_what_is_no_http_gets_a_problem_and_is_kept(
    server: Callable, folder: Path, tmp_path: Path, asked: bytes
) -> None:
    address, _ = server(str(folder))
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as rude:
        rude.sendall(asked)
        head, _, body = b"".join(iter(lambda: rude.recv(4_096), b"")).partition(b"\r\n\r\n")
    numbers = httpx.get(f"{address}/metrics").text

    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"x-content-type-options: nosniff" in head
    assert json.loads(body)["detail"].startswith("this is not HTTP/1.1")
    assert 'inceptionkit_requests_total{model="",path="other",status="400"} 1.0' in numbers
    assert '"status": 400' in (tmp_path / "log.jsonl").read_text()


def test_a_stop_answers_what_came(server: Callable, folder: Path) -> None:
    address, process = server(str(folder), "--batch", "1")
    files = [("image", (f"{n}.png", png(n, side=700), "image/png")) for n in range(20)]
    found: list[httpx.Response] = []
    thread = threading.Thread(
        target=lambda: found.append(httpx.post(f"{address}/v1/predict", files=files, timeout=30))
    )
    thread.start()
    waiting = re.compile(r'inceptionkit_queue_images\{model="tiny"\} [1-9]')
    while not waiting.search(httpx.get(f"{address}/metrics").text):
        assert thread.is_alive(), "it was answered before the stop"
        time.sleep(0.001)
    process.terminate()
    thread.join(30)

    assert found[0].status_code == 200
    assert len(found[0].json()["answers"]) == 20
    assert process.wait(30) == 0


@pytest.mark.slow
def test_several_workers_share_a_port_and_one_that_falls_is_replaced(
    server: Callable, folder: Path
) -> None:
    address, process = server(str(folder), "--workers", "2")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def workers() -> list[int]:
        return [
            int(pid)
            for pid in children.read_text().split()
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    def ask() -> int:
        try:
            return httpx.post(f"{address}/v1/predict", content=png(), timeout=20).status_code
        except httpx.TransportError:
            return 0  # the connection was the fallen worker's

    first = workers()
    assert len(first) == 2
    os.kill(first[0], signal.SIGKILL)
    end = time.monotonic() + 30
    while len(workers()) < 2 or first[0] in workers():
        assert time.monotonic() < end
        assert ask() in {200, 0}
    assert [ask() for _ in range(8)] == [200] * 8
    assert 'status="200"' in httpx.get(f"{address}/metrics").text
    process.terminate()
    assert process.wait(30) == 0
    assert workers_of(first) == []


def workers_of(pids: list[int]) -> list[int]:
    """Those that still run."""
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_requests_are_counted_by_model(client: Callable, tiny_model: Path) -> None:
    served = client(places={"one": tiny_model, "two": tiny_model})
    served.post("/v1/predict?model=two", content=png())
    served.post("/v1/predict?model=none", content=png())
    text = served.get("/metrics").text

    head = 'inceptionkit_requests_total{model="'
    assert f'{head}two",path="/v1/predict",status="200"}} 1.0' in text
    assert f'{head}",path="/v1/predict",status="404"}} 1.0' in text
    assert 'inceptionkit_request_seconds_count{model="two",path="/v1/predict"} 1.0' in text


def test_batches_and_the_exits_that_answered_are_counted(client: Callable) -> None:
    served = client()
    for effort in ("full", "fast", "fast"):
        served.post(f"/v1/predict?effort={effort}", content=png())
    lines = served.get("/metrics").text.splitlines()

    for counted in (
        'inceptionkit_images_total{exit="first",model="tiny"} 2.0',
        'inceptionkit_images_total{exit="main",model="tiny"} 1.0',
        'inceptionkit_batch_images_count{model="tiny"} 3.0',
        'inceptionkit_batch_images_sum{model="tiny"} 3.0',
        'inceptionkit_batch_images_bucket{le="1.0",model="tiny"} 3.0',
        'inceptionkit_engine_seconds_count{model="tiny"} 3.0',
    ):
        assert counted in lines


def test_a_port_that_is_taken_is_refused() -> None:
    with bind("127.0.0.1", 0) as bound:
        bound.listen()
        with pytest.raises(DeploymentError, match="choose another --port"):
            bind("127.0.0.1", bound.getsockname()[1])
        gc.collect()  # a socket that is left open would warn
