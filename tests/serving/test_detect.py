"""`/v1/detect`: boxes of images by name, score and limit; what it refuses."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import png

from inceptionkit.errors import DeploymentError
from inceptionkit.model.folder import CARD, RCNN
from inceptionkit.serving.answering import Answering
from inceptionkit.serving.app import make_app
from inceptionkit.serving.detect import load_detectors
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.models import Models
from inceptionkit.serving.server import Service, bind, serve_here

LONG = 50_000 * "x"


def test_an_r_cnn_is_not_served(tmp_path: Path) -> None:
    (tmp_path / CARD).write_text(json.dumps({"format": RCNN}))
    service = Service(places={"cells": tmp_path}, load=pytest.fail, limits=Limits())

    with bind("127.0.0.1", 0) as bound, pytest.raises(DeploymentError, match="takes seconds for"):
        serve_here(service, bound, pytest.fail)


@pytest.fixture
def ask(started: Callable[..., Models], tiny_model: Path, detector: Path) -> TestClient:
    return client_of(started({"tiny": tiny_model}, images=2, image_pixels=1_000), detector)


def client_of(models: Models, detector: Path) -> TestClient:
    answering = Answering(models, models.limits, models.metrics)
    detecting = load_detectors({"pets": detector, "again": detector}, answering, 1)
    return TestClient(make_app(answering, "", detecting), raise_server_exceptions=False)


def test_an_image_is_answered_with_its_boxes(ask: TestClient) -> None:
    files = [("image", ("a.png", png(1), "image/png")), ("image", ("b.png", b"?", "image/png"))]

    found = ask.post("/v1/detect?model=pets", files=files).json()

    first, second = found["answers"]
    assert found["model"] == "pets"
    assert (first["name"], first["width"], first["height"]) == ("a.png", 20, 20)
    assert first["objects"][0]["label"] == "cat"
    scores = [one["score"] for one in first["objects"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= edge <= 20 for one in first["objects"] for edge in one["box"])
    assert second == {"name": "b.png", "error": second["error"]}


def test_boxes_with_a_lower_score_are_left_out(ask: TestClient) -> None:
    body = {"image": base64.b64encode(png()).decode(), "model": "pets", "least_score": 0.99}

    assert ask.post("/v1/detect", json=body).json()["answers"][0]["objects"] == []


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 400, "say which detector, with model: pets, again"),
        ("?model=cows", 404, "no detector is called 'cows'"),
        ("?model=pets&least_score=2", 400, "least_score must be a number from 0 to 1, got '2'"),
        ("?model=pets&least_score=nan", 400, "least_score must be a number from 0 to 1"),
        ("?model=pets&top_k=2", 400, "there is no parameter 'top_k'"),
        (f"?{LONG}=2", 400, f"there is no parameter '{LONG[:40]}';"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    query: str, status: int, words: str, ask: TestClient
) -> None:
    answer = ask.post(f"/v1/detect{query}", content=png())

    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_a_name_is_cut_before_it_is_compared(
    ask: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []
    monkeypatch.setattr(
        "inceptionkit.serving.detect.did_you_mean", lambda name, _: compared.append(name)
    )
    body = {"image": base64.b64encode(png()).decode(), "model": LONG}

    assert ask.post("/v1/detect", json=body).status_code == 404
    assert compared == [LONG[:200]]


def test_an_image_that_is_none_or_too_large_is_refused(ask: TestClient) -> None:
    for body, words in ((b"?", "cannot be used"), (png(side=40), "claims 40x40 pixels")):
        answer = ask.post("/v1/detect?model=pets", content=body)

        assert answer.status_code == 422
        assert words in answer.json()["detail"]


def test_an_image_that_is_too_long_to_be_resized_is_refused(
    started: Callable[..., Models], detector: Path
) -> None:
    answer = client_of(started({}), detector).post(
        "/v1/detect?model=pets", content=png(side=1, width=70_000)
    )

    assert answer.status_code == 422
    assert "has 70000x1 pixels, the limit of a side is 65,535" in answer.text


def test_a_detector_is_listed_beside_the_models(ask: TestClient) -> None:
    tiny, pets, again = ask.get("/v1/models").json()

    assert (tiny["name"], tiny["task"]) == ("tiny", "classify")
    assert pets == {
        "task": "detect", "name": "pets", "architecture": "tiny", "classes": ["cat", "dog"],
        "size": [32, 32], "map50": None, "images": None, "trained_on": None, "show": 0.0,
    }  # fmt: skip
    assert again == pets | {"name": "again"}


def test_the_api_describes_both_kinds_of_models(ask: TestClient) -> None:
    found = ask.get("/openapi.json").json()
    answer = found["paths"]["/v1/models"]["get"]["responses"]["200"]["content"]["application/json"]

    assert answer["schema"]["items"]["discriminator"]["propertyName"] == "task"
    assert {"ModelCard", "DetectorCard"} <= found["components"]["schemas"].keys()
    assert "Schema DetectorCard" in ask.get("/docs").text


def test_what_a_detector_learned_from_is_named_without_its_folder(
    started: Callable[..., Models], detector: Path
) -> None:
    path = detector / CARD
    card = json.loads(path.read_text())
    card["origin"] = {"data": "/home/rose/cells/"}
    card["metrics"] = {"set": "test", "images": 40, "map50": 0.75}
    path.write_text(json.dumps(card))

    found = client_of(started({}), detector).get("/v1/models").json()[0]

    assert (found["trained_on"], found["map50"], found["images"]) == ("cells", 0.75, 40)


def test_what_is_refused_and_what_is_answered_is_counted(
    started: Callable[..., Models], detector: Path
) -> None:
    ask = client_of(started({}, queue=2), detector)
    files = [("image", (f"{n}.png", png(n), "image/png")) for n in range(3)]

    assert ask.post("/v1/detect?model=pets", files=files).status_code == 429
    assert ask.post("/v1/detect?model=pets", content=b"?").status_code == 422
    assert ask.post("/v1/detect?model=pets", content=png()).status_code == 200

    numbers = ask.get("/metrics").text.splitlines()
    assert 'inceptionkit_rejected_requests_total{model="pets"} 1.0' in numbers
    assert 'inceptionkit_unusable_images_total{model="pets"} 1.0' in numbers
    assert 'inceptionkit_engine_seconds_count{model="pets"} 1.0' in numbers
    assert 'inceptionkit_queue_images{model="pets"} 0.0' in numbers


def test_a_server_with_detectors_alone_says_so(started: Callable[..., Models]) -> None:
    models = started({})
    ask = TestClient(make_app(Answering(models, models.limits, models.metrics)))

    answer = ask.post("/v1/predict", content=png())

    assert answer.status_code == 404
    assert "only detectors" in answer.json()["detail"]


def test_a_server_without_detectors_has_no_such_address(client: Callable[..., TestClient]) -> None:
    assert client().post("/v1/detect", content=png()).status_code == 404


@pytest.mark.slow
def test_the_program_serves_a_detector_beside_a_model(
    server: Callable, tiny_model: Path, detector: Path
) -> None:
    import httpx

    address, _ = server(f"tiny={tiny_model}", f"pets={detector}")

    found = httpx.post(f"{address}/v1/detect", content=png(), timeout=60)
    assert found.json()["model"] == "pets"
    assert httpx.post(f"{address}/v1/predict", content=png(), timeout=60).status_code == 200
