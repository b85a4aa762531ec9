"""A model is loaded into the engine and tuned for the mode that is asked for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inceptionkit import load
from inceptionkit.api.export import Wanted, export
from inceptionkit.deployment.runtime import Deployed
from inceptionkit.errors import DeploymentError, UnknownNameError
from inceptionkit.evaluation.classifier import Classifier
from inceptionkit.evaluation.early_exit import StopWhenSure
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
    kind = Classifier if engine == "torch" else Deployed

    assert type(load(tiny_model, engine=engine)) is kind


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
    export(tiny_model, tmp_path / "onnx", asked=Wanted(kind="onnx"))
    export(tiny_model, tmp_path / "openvino")
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
    export(tiny_model, tmp_path / "out", asked=Wanted(kind=kind, resize=True))
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
