"""The Open Inference Protocol, asked by Triton's own client over both transports."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import numpy as np
import pytest
from served import PIXELS, free_port, png

http = pytest.importorskip("tritonclient.http", reason="tritonclient is not installed")
grpc = pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed")

ENCODED = np.array([png(seed) for seed in range(3)], object)


@pytest.fixture
def address(server: Callable, folder: Any, port: int) -> str:
    return str(server(str(folder), "--grpc-port", str(port))[0])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def clients(address: str, port: int) -> Iterator[dict[str, Any]]:
    made = {
        "http": http.InferenceServerClient(address.removeprefix("http://")),
        "grpc": grpc.InferenceServerClient(f"127.0.0.1:{port}"),
    }
    yield made
    for one in made.values():
        one.close()


def test_triton_clients_get_the_same_answers_over_both_transports(clients: dict[str, Any]) -> None:
    found: dict[str, list[np.ndarray]] = {}
    for name, module in (("http", http), ("grpc", grpc)):
        client = clients[name]
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("tiny")
        for tensor, kind, array in (("image", "UINT8", PIXELS), ("encoded", "BYTES", ENCODED)):
            asked = module.InferInput(tensor, list(array.shape), kind)
            asked.set_data_from_numpy(array)
            answer = client.infer("tiny", [asked])
            shares = answer.as_numpy("probabilities")
            assert shares.shape == (len(array), 10)
            assert shares.sum(1) == pytest.approx(1, abs=1e-5)
            labels = [label.decode() for label in answer.as_numpy("label")]
            assert labels == [str(n) for n in shares.argmax(1)]
            found.setdefault(tensor, []).append(shares)
    for first, second in found.values():
        assert first == pytest.approx(second, abs=1e-6)


def test_metadata_say_what_a_model_takes_and_gives(clients: dict[str, Any]) -> None:
    over_http = clients["http"].get_model_metadata("tiny")
    over_grpc = clients["grpc"].get_model_metadata("tiny", as_json=True)

    for found in (over_http, over_grpc):
        assert found["name"] == "tiny"
        assert [one["name"] for one in found["inputs"]] == ["image", "encoded"]
        assert [one["name"] for one in found["outputs"]] == ["probabilities", "label", "exit"]
    assert clients["http"].get_server_metadata()["name"] == "inceptionkit"
    assert clients["grpc"].get_server_metadata().name == "inceptionkit"


def test_outputs_effort_and_errors(clients: dict[str, Any]) -> None:
    for name, module in (("http", http), ("grpc", grpc)):
        client = clients[name]
        asked = module.InferInput("image", [4, 20, 24, 3], "UINT8")
        asked.set_data_from_numpy(PIXELS)
        wanted = [module.InferRequestedOutput("exit")]
        answer = client.infer("tiny", [asked], outputs=wanted, parameters={"effort": "fast"})
        assert answer.as_numpy("exit").tolist() == [b"first"] * 4
        assert answer.as_numpy("probabilities") is None
        with pytest.raises(Exception, match="no model is called 'tin'"):
            client.infer("tin", [asked])
        with pytest.raises(Exception, match="there is no output 'logits'"):
            client.infer("tiny", [asked], outputs=[module.InferRequestedOutput("logits")])


def test_calls_over_grpc_are_logged_and_counted(
    clients: dict[str, Any], address: str, tmp_path: Path
) -> None:
    client, method = clients["grpc"], "/inference.GRPCInferenceService/ModelInfer"
    asked = grpc.InferInput("image", list(PIXELS.shape), "UINT8")
    asked.set_data_from_numpy(PIXELS)
    client.infer("tiny", [asked])
    with pytest.raises(Exception, match="no model is called 'tin'"):
        client.infer("tin", [asked])

    until = monotonic() + 30  # a line is written once the client has its answer
    while len(calls := calls_in(tmp_path / "log.jsonl", method)) < 2 and monotonic() < until:
        sleep(0.01)
    fine, refused = calls
    assert (fine["method"], fine["status"], fine["client"]) == ("gRPC", "OK", "127.0.0.1")
    assert (fine["model"], fine["images"]) == ("tiny", len(PIXELS))
    assert fine["bytes_in"] > PIXELS.nbytes
    assert min(fine["bytes_out"], fine["ms"]) > 0
    assert (refused["status"], refused["bytes_out"]) == ("NOT_FOUND", 0)
    assert "model" not in refused

    numbers = httpx.get(f"{address}/metrics").text
    counted = 'inceptionkit_requests_total{model="%s",path="%s",status="%s"} 1.0'
    assert counted % ("tiny", method, "OK") in numbers
    assert counted % ("", method, "NOT_FOUND") in numbers


def calls_in(log: Path, method: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if "\n" in line]
    return [line for line in lines if line["path"] == method]


def test_json_alone_needs_no_client(client: Callable) -> None:
    tensor = {"name": "image", "shape": [1, 2, 2, 3], "datatype": "UINT8", "data": [0] * 12}
    found = client().post("/v2/models/tiny/infer", json={"id": "a", "inputs": [tensor]}).json()

    assert (found["id"], found["model_name"], found["model_version"]) == ("a", "tiny", "1")
    assert [one["name"] for one in found["outputs"]] == ["probabilities", "label", "exit"]
    assert len(found["outputs"][0]["data"]) == 10


LONG = 50_000 * "x"
TIME = "time_limit_ms cannot be combined with exits or explain; leave out one of them"
TENSOR = {"name": "image", "shape": [1, 1, 1, 3], "datatype": "UINT8", "data": [1, 2, 3]}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ([], "the body must be a JSON object"),
        ({}, "inputs must be a list of one tensor"),
        ({"inputs": [TENSOR, TENSOR]}, "inputs must be a list of one tensor"),
        ({"inputs": [TENSOR | {"name": "x"}]}, "inputs are image (UINT8) and encoded (BYTES)"),
        ({"inputs": [TENSOR | {"datatype": "FP32"}]}, "inputs are image (UINT8)"),
        ({"inputs": [TENSOR | {"shape": [1, 1, 3]}]}, "image has the shape"),
        ({"inputs": [TENSOR | {"shape": [1, 1, 2, 3]}]}, "shape [1, 1, 2, 3] needs 6 values"),
        ({"inputs": [TENSOR | {"shape": [-1, 1, 1, 3]}]}, "shape must be a list of 1 to 4"),
        ({"inputs": [TENSOR | {"shape": [2**62] * 4}]}, "shape must be a list of 1 to 4"),
        ({"inputs": [TENSOR | {"data": [1, 2, 300]}]}, "pixels are whole numbers from 0 to 255"),
        ({"inputs": [TENSOR | {"data": [1, 2, "x"]}]}, "data must be a list of numbers"),
        ({"inputs": [TENSOR | {"data": None}]}, "pixels are whole numbers"),
        ({"inputs": [TENSOR], "parameters": {"effort": 3}}, "effort must be fast or"),
        ({"inputs": [TENSOR], "parameters": {"exits": True, "time_limit_ms": 1}}, TIME),
        ({"inputs": [TENSOR], "parameters": {"explain": "cam", "time_limit_ms": 1}}, TIME),
        ({"inputs": [TENSOR], "parameters": {LONG: 1}}, "there is no parameter"),
        ({"inputs": [TENSOR], "outputs": [{"name": LONG}]}, "there is no output"),
        (
            {"inputs": [TENSOR | {"parameters": {"binary_data_size": [LONG]}}]},
            "binary_data_size must be 0",
        ),
        ({"inputs": [TENSOR], "outputs": [1]}, "outputs must be a list of objects"),
        (
            {"inputs": [TENSOR | {"parameters": {"binary_data_size": 9}}]},
            "binary_data_size must be 0",
        ),
    ],
)
def test_what_is_wrong_is_said(client: Callable, body: object, detail: str) -> None:
    found = client().post("/v2/models/tiny/infer", json=body)

    assert found.status_code == 400, found.text
    assert found.json()["error"].startswith(detail), found.json()
    assert len(found.json()["error"]) < 200


def test_a_header_length_that_does_not_fit_is_refused(client: Callable) -> None:
    body = json.dumps({"inputs": [TENSOR]}).encode()
    for length in ("x", str(len(body) + 1), "-1", "9" * 30):
        head = {"Inference-Header-Content-Length": length}
        found = client().post("/v2/models/tiny/infer", content=body, headers=head)
        assert found.status_code == 400


@pytest.mark.parametrize("path", ["", "/ready", "/versions/1", "/infer", "/versions/1/infer"])
def test_a_name_is_cut_before_it_is_compared(client: Callable, path: str) -> None:
    method = "POST" if path.endswith("infer") else "GET"
    found = client().request(method, f"/v2/models/{LONG}{path}", json={})

    assert found.status_code == 404
    assert len(found.json()["error"]) < 300


def test_the_description_has_binary_tensors_and_their_header(client: Callable) -> None:
    described = client().get("/openapi.json").json()["paths"]["/v2/models/{name}/infer"]["post"]

    assert described["requestBody"]["content"].keys() == {
        "application/json", "application/octet-stream",
    }  # fmt: skip
    headers = {one["name"]: one["in"] for one in described["parameters"]}
    assert headers["Inference-Header-Content-Length"] == "header"
    assert headers["name"] == "path"
