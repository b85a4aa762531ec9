"""Traces of requests: one span for each request, one for each part, in the trace of the caller."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from fastapi.testclient import TestClient
from served import PIXELS, png

from inceptionkit.errors import OptionError
from inceptionkit.serving.answering import Answering
from inceptionkit.serving.app import make_app
from inceptionkit.serving.tracing import collector, tracing_to

memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def traced(started: Callable, tiny_model: Path) -> tuple[TestClient, Callable[[], list]]:
    """A client of a traced server, and the spans that have ended."""
    exporter = memory.InMemorySpanExporter()
    models = started({"tiny": tiny_model})
    tracing = tracing_to(exporter, at_once=True)
    answering = Answering(models, models.limits, models.metrics, tracing)
    return TestClient(make_app(answering)), exporter.get_finished_spans


def test_a_request_is_a_span_of_the_callers_trace_and_its_parts_lie_within(
    traced: tuple, caplog: pytest.LogCaptureFixture
) -> None:
    client, spans = traced
    logging.getLogger("inceptionkit.access").propagate = True
    files = [("image", ("a.png", png())), ("image", ("b.png", png(1)))]
    with caplog.at_level(logging.INFO, "inceptionkit.access"):
        client.post("/v1/predict", files=files, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    *parts, whole = spans()

    assert whole.name == "POST /v1/predict"
    assert (whole.kind.name, f"{whole.parent.span_id:016x}") == ("SERVER", PARENT)
    assert dict(whole.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/predict",
        "http.response.status_code": 200,
    }
    assert sorted(part.name for part in parts) == ["answer", "answer", "decode", "decode"]
    for part in parts:
        assert part.parent.span_id == whole.context.span_id
        assert whole.start_time <= part.start_time <= part.end_time <= whole.end_time
    for span in spans():
        assert f"{span.context.trace_id:032x}" == TRACE
    assert dict(parts[-1].attributes) == {"model": "tiny", "version": "1"}
    assert json.loads(caplog.messages[-1])["trace"] == TRACE


def test_no_address_and_no_text_of_a_request_is_in_a_name(traced: tuple) -> None:
    client, spans = traced
    assert client.get("/secret/person?name=x").status_code == 404
    assert client.post("/v1/predict", content=b"no image").status_code == 422
    body = {"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, *PIXELS.shape[1:]],
                        "data": PIXELS[0].ravel().tolist()}]}  # fmt: skip
    assert client.post("/v2/models/tiny/infer", json=body).status_code == 200
    names = [span.name for span in spans()]

    infer = ["decode", "answer", "POST /v2/models/{name}/infer"]
    assert names == ["GET other", "decode", "POST /v1/predict", *infer]
    assert "secret" not in "".join(span.to_json() for span in spans())


def test_the_servers_failure_is_an_error_of_the_span(
    traced: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, spans = traced
    monkeypatch.setattr("inceptionkit.serving.batching.run_effort", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        client.post("/v1/predict", content=png())

    assert {span.name: span.status.status_code.name for span in spans()} == {
        "decode": "UNSET", "answer": "ERROR", "POST /v1/predict": "ERROR"
    }  # fmt: skip


def test_a_collector_gets_them_over_otlp(server: Callable, folder: Path) -> None:
    came: list[tuple[str, bytes]] = []

    class Collects(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collects) as otlp:
        Thread(target=otlp.serve_forever, daemon=True).start()
        there = f"http://127.0.0.1:{otlp.server_port}"
        address, process = server(str(folder), "--traces", there)
        assert httpx.post(f"{address}/v1/predict", content=png()).status_code == 200
        process.terminate()
        assert process.wait(30) == 0
        otlp.shutdown()

    assert {path for path, _ in came} == {"/v1/traces"}
    assert b"POST /v1/predict" in b"".join(body for _, body in came)


@pytest.mark.slow
def test_a_collector_that_is_not_there_stops_no_answer(server: Callable, folder: Path) -> None:
    address, process = server(str(folder), "--traces", "http://127.0.0.1:9")
    codes = [httpx.post(f"{address}/v1/predict", content=png()).status_code for _ in range(3)]
    process.terminate()

    assert codes == [200] * 3
    assert process.wait(30) == 0


def test_addresses_of_collectors() -> None:
    assert collector(None) == ""
    assert collector("https://a.example/own/path") == "https://a.example/own/path"
    for wrong in ("localhost:4318", "file:///etc/passwd", "http://", "http://[", ""):
        with pytest.raises(OptionError, match="traces go to an address such as"):
            collector(wrong)


def test_a_server_without_traces_imports_nothing_for_them() -> None:
    code = "import sys, inceptionkit.serving.server; print('opentelemetry.sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
