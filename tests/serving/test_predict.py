"""`POST /v1/predict`: the same answers as `predict`, however an image is sent."""

import base64
import json
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from time import perf_counter

import pytest
import torch
from PIL import Image
from served import LOAD, png

import inceptionkit
from inceptionkit.data.transforms.pipeline import normalize
from inceptionkit.deployment.load import load_predictor
from inceptionkit.evaluation.classifier import Classifier
from inceptionkit.evaluation.explain.maps import evidence_maps
from inceptionkit.preprocess import as_rgb
from inceptionkit.serving.efforts import Deadline, Efforts
from inceptionkit.serving.heat import heat_maps

IMAGES = [png(seed, side=16 + 3 * seed) for seed in range(5)]


@pytest.fixture
def expected(tiny_model: Path) -> list[inceptionkit.Prediction]:
    return LOAD(tiny_model).predict(IMAGES)


def answers(response: object) -> list[dict]:
    assert response.status_code == 200, response.text  # type: ignore[attr-defined]
    return response.json()["answers"]  # type: ignore[attr-defined]


def test_a_form_json_and_bare_bytes_give_what_predict_gives(
    client: Callable, expected: list[inceptionkit.Prediction]
) -> None:
    served = client()
    files = [("image", (f"{n}.png", image, "image/png")) for n, image in enumerate(IMAGES)]
    texts = [base64.b64encode(image).decode() for image in IMAGES]

    form = answers(served.post("/v1/predict", files=files, data={"effort": "full"}))
    data = answers(served.post("/v1/predict", json={"images": texts, "effort": "full"}))
    bare = [answers(served.post("/v1/predict?effort=full", content=image))[0] for image in IMAGES]

    for found in (form, data, bare):
        assert [one["label"] for one in found] == [one.label for one in expected]
        for one, right in zip(found, expected, strict=True):
            assert one["exit"] == "main"
            assert [top["label"] for top in one["top"]] == [label for label, _ in right.top]
            shares = [top["probability"] for top in one["top"]]
            assert shares == pytest.approx([p for _, p in right.top], abs=1e-5)
    assert [one["name"] for one in form] == [f"{n}.png" for n in range(5)]


def test_a_data_address_is_an_image(client: Callable) -> None:
    text = "data:image/png;base64," + base64.b64encode(IMAGES[0]).decode()

    assert len(answers(client().post("/v1/predict", json={"image": text, "top_k": 1}))) == 1


def test_efforts_stop_where_they_say(client: Callable) -> None:
    served = client()

    def exits(**asked: object) -> list[str]:
        found = served.post("/v1/predict", params=asked, content=IMAGES[0])
        return [one["exit"] for one in answers(found)]

    assert exits(effort="full") == ["main"]
    assert exits(effort="fast") == ["first"]
    assert exits(time_limit_ms=0) == ["first"]
    assert exits(time_limit_ms=60_000) == ["main"]


def test_every_exit_answers_where_that_is_asked(client: Callable, tiny_model: Path) -> None:
    found = answers(client().post("/v1/predict?exits=true&top_k=2", content=IMAGES[1]))[0]
    predictor = LOAD(tiny_model)

    assert [one["exit"] for one in found["exits"]] == ["first", "second", "main"]
    assert all(len(one["top"]) == 2 for one in found["exits"])
    (whole,) = predictor.predict([IMAGES[1]])
    assert found["exits"][-1]["label"] == whole.label == found["label"]
    milliseconds = [one["ms"] for one in found["exits"]]
    assert milliseconds == sorted(milliseconds)


def test_an_unusable_image_among_others_is_said_and_the_others_are_answered(
    client: Callable,
) -> None:
    files = [("image", ("a.png", IMAGES[0])), ("image", ("b.png", b"no image"))]
    first, second = answers(client().post("/v1/predict", files=files))

    assert "label" in first
    assert second == {"name": "b.png", "error": "not an image"}


@pytest.mark.parametrize(
    ("asked", "status", "detail"),
    [
        ({"content": b""}, 400, "send an image: curl -F image=@photo.jpg ADDRESS"),
        ({"content": b"no image"}, 422, "the image cannot be used: not an image"),
        ({"content": IMAGES[0], "params": {"top_k": 0}}, 400, "top_k must be a whole number from"),
        ({"content": IMAGES[0], "params": {"top_k": "x"}}, 400, "top_k must be a whole number"),
        ({"content": IMAGES[0], "params": {"effort": "no"}}, 400, "effort must be fast or"),
        ({"content": IMAGES[0], "params": {"efort": "full"}}, 400, "there is no parameter 'efort'"),
        ({"content": IMAGES[0], "params": {"model": "tin"}}, 404, "no model is called 'tin'; did"),
        ({"content": IMAGES[0], "params": {"version": "9"}}, 404, "model 'tiny' has no version"),
        ({"json": [1]}, 400, 'the body must be a JSON object such as {"image": "BASE64"}'),
        ({"json": {"image": "*"}}, 400, "an image in JSON is text in base64"),
        ({"json": {"image": 3}}, 400, "an image in JSON is text in base64"),
        ({"json": {}}, 400, "send an image"),
        ({"files": [("file", ("a.png", IMAGES[0]))]}, 400, "a file is sent as image, got 'file'"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "the body is no"),
        (
            {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
            400,
            "the form cannot be read",
        ),
    ],
)
def test_what_is_wrong_is_a_problem_in_one_sentence(
    client: Callable, asked: dict, status: int, detail: str
) -> None:
    found = client().post("/v1/predict", **asked)

    assert found.headers["content-type"] == "application/problem+json"
    assert found.status_code == status, found.text
    problem = found.json()
    assert problem.keys() == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert problem["detail"].startswith(detail)
    assert "\n" not in problem["detail"]


def test_a_heat_map_is_a_picture_of_what_the_model_sees(client: Callable) -> None:
    found = answers(client().post("/v1/predict?explain=cam", content=IMAGES[2]))[0]
    picture = Image.open(BytesIO(base64.b64decode(found["heat"]["png"])))

    assert found["heat"]["label"] == found["label"]
    assert (picture.mode, picture.size) == ("RGBA", (224, 224))
    assert picture.getchannel("A").getextrema()[1] > 200


def test_the_heat_map_is_that_of_explain(tiny_model: Path) -> None:
    predictor, model = LOAD(tiny_model), load_predictor(tiny_model, engine="torch")
    assert isinstance(model, Classifier)
    how, image = predictor.card.preprocessing, predictor.prepare(as_rgb(IMAGES[3]))
    pixels = normalize(torch.from_numpy(image).permute(2, 0, 1)[None], how.mean, how.std)
    (rows,) = evidence_maps(model.model, pixels, [4], ["main"], "cam")

    assert heat_maps(predictor)(image, 4) == pytest.approx(rows[0].map, abs=1e-4)


def test_images_whose_heat_maps_are_drawn_are_still_in_the_queue(
    client: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, found = client(), []

    def noted(_: object) -> str:
        found.append(served.app.answering.metrics.text().decode())
        return ""

    monkeypatch.setattr("inceptionkit.serving.answering.picture", noted)
    answers(served.post("/v1/predict?explain=cam", content=IMAGES[2]))

    assert 'inceptionkit_queue_images{model="tiny"} 1.0' in found[0]


def test_a_time_limit_counts_from_the_header_of_a_request(
    client: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, until = [], []

    def body() -> Iterator[bytes]:
        began.append(perf_counter())
        yield IMAGES[0]

    def noted(efforts: Efforts, moment: float) -> Deadline:
        until.append(moment)
        return Deadline(efforts, moment)

    monkeypatch.setattr("inceptionkit.serving.answering.Deadline", noted)
    answers(client().post("/v1/predict?time_limit_ms=9000", content=body()))

    assert until[0] - 9 < began[0]


def test_models_say_what_they_are(client: Callable) -> None:
    (card,) = client().get("/v1/models").json()

    assert (card["name"], card["task"]) == ("tiny", "classify")
    assert card["classes"] == list("0123456789")
    assert card["efforts"].keys() == {"fast", "balanced", "full"}
    assert card["efforts"]["fast"]["exits"] == ["first"]
    json.dumps(card, allow_nan=False)
