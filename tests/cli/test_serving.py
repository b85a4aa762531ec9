"""Exports that model servers take as they are, and graphs that resize by themselves."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.model import read_card, read_model, write_model
from inceptionkit.preprocess import decode

CLIENT = Path(__file__).parents[2] / "docs" / "serving" / "client.py"
SERVERS = {"ovms": "1/model.xml", "triton": "1/model.onnx"}


def answers(said: str) -> list[tuple[str, float]]:
    rows = [json.loads(line) for line in said.splitlines()]
    return [(row["label"], round(row["probability"], 4)) for row in rows]


def served(graph: Path) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """What a server makes of the graph: it knows nothing of us."""
    if graph.suffix == ".onnx":
        ort = pytest.importorskip("onnxruntime")
        session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
        return lambda images: session.run(["probabilities"], {"image": images})[0]
    ov = pytest.importorskip("openvino")
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: compiled({"image": images})["probabilities"]


@pytest.mark.parametrize("server", SERVERS)
def test_a_servers_folder_predicts_what_the_trained_model_does(
    inceptionkit: Callable, model: Path, photo: Path, tmp_path: Path, server: str
) -> None:
    place = tmp_path / "models" / "flowers"
    said = inceptionkit("export", model, "--to", server, "--out", place, "--json")
    trained = inceptionkit("predict", model, photo, "--json")

    assert said.code == 0, said.err
    assert json.loads(said.out)["server"] == server
    assert (place / SERVERS[server]).is_file()
    assert answers(inceptionkit("predict", place, photo, "--json").out) == answers(trained.out)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("count", [1, 3])
def test_a_server_gives_the_models_probabilities_for_a_batch_of_any_size(
    inceptionkit: Callable, model: Path, photo: Path, tmp_path: Path, server: str, count: int
) -> None:
    inceptionkit("export", model, "--to", server, "--out", tmp_path / "flowers", "--quiet")
    fitted = read_card(model)[0].preprocessing.fit(decode(photo))
    (wanted,) = answers(inceptionkit("predict", model, photo, "--json").out)

    got = served(tmp_path / "flowers" / SERVERS[server])(np.stack([fitted] * count))

    assert got.shape == (count, 10)
    assert [(str(row.argmax()), round(float(row.max()), 4)) for row in got] == [wanted] * count


def test_the_configurations_name_the_folder(
    inceptionkit: Callable, model: Path, tmp_path: Path
) -> None:
    for server in SERVERS:
        inceptionkit("export", model, "--to", server, "--out", tmp_path / server, "--quiet")

    config = json.loads((tmp_path / "ovms" / "config.json").read_text())
    assert config["model_config_list"][0]["config"]["name"] == "ovms"
    assert 'name: "triton"' in (tmp_path / "triton" / "config.pbtxt").read_text()
    assert (tmp_path / "triton" / "labels.txt").read_text().split() == list("0123456789")


@pytest.fixture
def stub() -> Iterator[Callable[[Path], str]]:
    """Answers as servers do that speak KServe's protocol, with its binary data; its address."""
    graphs: dict[str, Callable] = {}

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head = int(self.headers["Inference-Header-Content-Length"])
            (image,) = json.loads(body[:head])["inputs"]
            pixels = np.frombuffer(body[head:], np.uint8).reshape(image["shape"])
            sizes = image["parameters"]["binary_data_size"], image["datatype"], image["name"]
            found = graphs[self.path](pixels)[0].tolist()
            output = {"name": "probabilities", "datatype": "FP32", "shape": [1, 10], "data": found}
            self.send_response(200 if sizes == (pixels.size, "UINT8", "image") else 400)
            self.end_headers()
            self.wfile.write(json.dumps({"outputs": [output]}).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    Thread(target=server.serve_forever, daemon=True).start()

    def serve(folder: Path) -> str:
        graphs[f"/v2/models/{folder.name}/infer"] = served(folder / "1" / "model.onnx")
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("options", [(), ("--resize",)])
def test_the_client_on_the_page_gets_the_models_answer(
    inceptionkit: Callable, model: Path, photo: Path, tmp_path: Path, stub: Callable, options: tuple
) -> None:
    folder = tmp_path / "flowers"
    inceptionkit("export", model, "--to", "triton", *options, "--out", folder, "--quiet")
    ((label, probability),) = answers(inceptionkit("predict", model, photo, "--json").out)

    done = subprocess.run(
        [sys.executable, CLIENT, stub(folder), folder, photo],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{photo}  {label}  {probability:.1%}\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["openvino", "onnx"])
@pytest.mark.parametrize("exits", [(), ("--exits",)])
def test_a_graph_that_resizes_answers_for_images_of_any_size(
    inceptionkit: Callable, model: Path, tmp_path: Path, kind: str, exits: tuple[str, ...]
) -> None:
    random = np.random.default_rng(1)
    for number, sides in enumerate([(40, 52), (200, 131), (9, 9), (16, 16)]):
        pixels = random.integers(0, 256, (*sides, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    paths = sorted(tmp_path.glob("*.png"))

    said = inceptionkit(
        "export", model, "--to", kind, "--resize", *exits, "--images", tmp_path,
        "--out", tmp_path / "out",
    )  # fmt: skip
    exported = inceptionkit("predict", tmp_path / "out", *paths, "--json")

    assert said.code == 0, said.err
    assert "its own resize agrees with Pillow's on 100 % of 4 images" in said.out
    trained = answers(inceptionkit("predict", model, *paths, "--json").out)
    assert [label for label, _ in answers(exported.out)] == [label for label, _ in trained]
    got, wanted = ([p for _, p in rows] for rows in (answers(exported.out), trained))
    assert got == pytest.approx(wanted, abs=0.005)


def test_the_models_card_says_how_its_resize_agrees(
    inceptionkit: Callable, model: Path, photo: Path, tmp_path: Path
) -> None:
    inceptionkit("export", model, "--resize", "--images", photo, "--out", tmp_path / "out")
    inceptionkit("export", model, "--images", photo, "--out", tmp_path / "plain")

    found = read_card(tmp_path / "out")[0].exported
    assert found is not None
    assert found.resize is not None
    assert found.resize.keys() == {"images", "top1", "difference", "worst"}
    assert found.resize["worst"] == str(photo)
    assert found.resize["difference"] < 0.01
    plain = read_card(tmp_path / "plain")[0].exported
    assert plain is not None
    assert plain.resize is None


def test_a_resize_that_disagrees_with_pillows_is_refused(
    inceptionkit: Callable,
    model: Path,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from inceptionkit.deployment import parity as agree
    from inceptionkit.deployment import resize

    monkeypatch.setattr(resize, "levels", lambda write, sums: write("Mul", sums, 0.1))
    monkeypatch.setattr(agree, "RESIZE_TOLERANCE", 1e-4)  # an untrained network hardly minds
    said = inceptionkit("export", model, "--resize", "--images", photo, "--out", tmp_path / "out")

    assert said.code == 2
    assert f"the graph's own resize changes a probability of {photo} by" in said.err
    assert not (tmp_path / "out").exists()


def test_an_image_too_long_for_the_graphs_resize_is_told_and_the_others_are_classified(
    inceptionkit: Callable, model: Path, photo: Path, tmp_path: Path
) -> None:
    inceptionkit("export", model, "--resize", "--out", tmp_path / "out")
    Image.new("RGB", (60_000, 2)).save(tmp_path / "long.png")

    said = inceptionkit("predict", tmp_path / "out", tmp_path / "long.png", photo)

    assert said.code == 2
    assert "60000x2 pixels are too long for the resize in the graph" in said.err
    assert str(photo) in said.out


def test_a_model_whose_interpolation_no_graph_has_is_not_exported_with_a_resize(
    inceptionkit: Callable, model: Path, tmp_path: Path
) -> None:
    card, tensors = read_model(model)
    sharp = replace(card.preprocessing, interpolation="lanczos")
    write_model(tmp_path / "sharp", replace(card, preprocessing=sharp), tensors)

    said = inceptionkit("export", tmp_path / "sharp", "--resize", "--out", tmp_path / "out")

    assert said.code == 2
    assert "this model is used with lanczos; export it without --resize" in said.err
