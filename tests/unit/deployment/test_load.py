"""A model is loaded into the engine and tuned for the mode that is asked for."""

from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inceptionkit import load
from inceptionkit.api.export import export
from inceptionkit.api.predict import predict
from inceptionkit.deployment import load as loading
from inceptionkit.deployment.engines import OnnxRuntime, OpenVino
from inceptionkit.errors import DeploymentError, UnknownNameError
from inceptionkit.evaluation.classifier import Classifier
from inceptionkit.evaluation.early_exit import StopWhenSure
from inceptionkit.evaluation.predictor import Predictor
from inceptionkit.model.export_info import Kind

ENGINES = ("openvino", "onnxruntime", "torch")


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    random = np.random.default_rng(4)
    return [random.integers(0, 256, (20, 24, 3), np.uint8) for _ in range(37)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sure", [None, 0.105])
def test_throughput_answers_as_latency_does_and_in_order(
    tiny_model: Path, images: list[np.ndarray], engine: str, sure: float | None
) -> None:
    policy = None if sure is None else StopWhenSure(sure)
    one, many = (
        load(tiny_model, engine=engine, threads=2, mode=mode).predict(images, policy)
        for mode in ("latency", "throughput")
    )

    assert [(p.label, p.exit) for p in many] == [(p.label, p.exit) for p in one]
    assert [p.probability for p in many] == pytest.approx([p.probability for p in one], abs=1e-5)
    assert len({p.label for p in one}) > 1 or sure is not None


@pytest.mark.parametrize("engine", ENGINES)
def test_no_image_gives_no_prediction(tiny_model: Path, engine: str) -> None:
    assert load(tiny_model, engine=engine, mode="throughput").predict([]) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_is_there_when_asked_for(tiny_model: Path, engine: str) -> None:
    predictor = load(tiny_model, engine=engine)

    assert type(predictor) is (Classifier if engine == "torch" else Predictor)
    if engine != "torch":
        assert (
            type(engine_of(predictor)) is {"openvino": OpenVino, "onnxruntime": OnnxRuntime}[engine]
        )


def engine_of(predictor: Predictor) -> object:
    stage: Any = predictor.stages(())["main"]
    return stage.args[0]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The engines that a model is put into."""
    names: list[str] = []
    for name, make in loading.ENGINE_TYPES.items():

        def noted(*files: bytes, name: str = name, make: Any = make, **options: Any) -> Any:
            names.append(name)
            return make(*files, **options)

        monkeypatch.setitem(loading.ENGINE_TYPES, name, noted)
    return names


@pytest.mark.parametrize("missing", [None, "openvino", "onnxruntime"])
def test_a_few_images_take_the_first_engine_that_is_installed(
    tiny_model: Path,
    images: list[np.ndarray],
    made: list[str],
    monkeypatch: pytest.MonkeyPatch,
    missing: str | None,
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: name != missing or None)

    load(tiny_model).predict(images)

    assert made == ["onnxruntime" if missing == "openvino" else "openvino"]


def test_without_an_engine_torch_answers(
    tiny_model: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda _: None)

    assert type(load(tiny_model)) is Classifier
    assert made == []


@pytest.mark.parametrize("slow", ENGINES[:2])
def test_many_images_take_the_faster_engine(
    tiny_model: Path, made: list[str], monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    kinds = {"openvino": OpenVino, "onnxruntime": OnnxRuntime}
    run = kinds[slow].__call__
    monkeypatch.setattr(kinds[slow], "__call__", lambda *asked: [sleep(0.05), run(*asked)][1])
    few, many = (
        loading.load_predictor(tiny_model, images=count)
        for count in (loading.PROBE_FROM - 1, loading.PROBE_FROM)
    )

    assert type(engine_of(few)) is OpenVino
    assert type(engine_of(many)) is not kinds[slow]
    assert made[:2] == ["openvino", "onnxruntime"]


def test_predict_says_how_many_images_come(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        Image.new("RGB", (20, 20)).save(tmp_path / f"{name}.png")
    counts: list[int] = []
    load_it = loading.load_predictor
    monkeypatch.setattr(
        loading,
        "load_predictor",
        lambda path, images, **how: counts.append(images) or load_it(path, images=images, **how),
    )

    found = predict(tiny_model, [tmp_path, tmp_path / "a.png"])

    assert counts == [4] == [len(found.answers)]


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"engine": "openvin"}, "engine cannot be 'openvin'; did you mean 'openvino'?"),
        ({"mode": "thruput"}, "mode cannot be 'thruput'; did you mean 'throughput'?"),
        ({"mode": "fast"}, "mode cannot be 'fast'; there are latency, throughput"),
    ],
)
def test_a_wish_that_there_is_not_is_refused(
    tiny_model: Path, wish: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UnknownNameError) as error:
        load(tiny_model, **wish)  # type: ignore[arg-type]

    assert str(error.value) == sentence


def test_an_exported_model_runs_in_the_engines_that_know_its_graph(
    tiny_model: Path, images: list[np.ndarray], tmp_path: Path
) -> None:
    for name in ("openvino", "onnxruntime"):
        pytest.importorskip(name)
    export(tiny_model, out=tmp_path / "onnx", to="onnx")
    export(tiny_model, out=tmp_path / "openvino")
    ways: list[Callable[[], object]] = [
        lambda: load(tmp_path / "onnx"),
        lambda: load(tmp_path / "onnx", engine="onnxruntime"),
        lambda: load(tmp_path / "onnx", engine="openvino", mode="throughput"),
        lambda: load(tmp_path / "openvino", engine="openvino", threads=1),
    ]

    found = [way().predict(images) for way in ways]  # type: ignore[attr-defined]

    assert [[p.label for p in one] for one in found] == [[p.label for p in found[0]]] * 4
    with pytest.raises(DeploymentError, match="a graph for openvino, which onnxruntime does not"):
        load(tmp_path / "openvino", engine="onnxruntime")


@pytest.mark.parametrize("kind", ["openvino", "onnx"])
@pytest.mark.parametrize("engine", ["auto", "openvino"])
def test_a_graph_that_resizes_takes_images_of_different_sizes_in_either_mode(
    tiny_model: Path, tmp_path: Path, kind: Kind, engine: str
) -> None:
    for name in ("openvino", "onnxruntime"):
        pytest.importorskip(name)
    random = np.random.default_rng(4)
    sizes = [(20, 24), (31, 17), (16, 16), (20, 24)]
    different = [random.integers(0, 256, (*sides, 3), np.uint8) for sides in sizes]
    export(tiny_model, out=tmp_path / "out", to=kind, resize=True)
    latency, throughput = (
        load(tmp_path / "out", engine=engine, mode=mode).predict(different)
        for mode in ("latency", "throughput")
    )
    trained = load(tiny_model, engine="torch").predict(different)

    assert [p.top for p in throughput] == [p.top for p in latency]
    assert [p.label for p in latency] == [p.label for p in trained]
    assert [p.probability for p in latency] == pytest.approx(
        [p.probability for p in trained], abs=0.005
    )
