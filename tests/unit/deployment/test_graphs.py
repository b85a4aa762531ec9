"""A graph says what torch says, in either engine, for every way a network can be written."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from inceptionkit.catalog import architecture
from inceptionkit.deployment.engines import Engine, OnnxRuntime, OpenVino
from inceptionkit.deployment.graph import ONWARD, PROBABILITIES, Graph, Slide
from inceptionkit.deployment.lower import staged, traced, whole
from inceptionkit.deployment.onnx import onnx_model, openvino_model
from inceptionkit.spec import Conv, GlobalPool, Linear, Net, Pool, named, with_classes, with_input

SAME_MATHS = 2e-5  # share of the largest probability: other orders of summation
ENGINES = ("openvino", "onnxruntime")


def put(graph: Graph, engine: str) -> Engine:
    if engine == "openvino":
        pytest.importorskip("openvino")
        return OpenVino(openvino_model(graph), size=graph.reads[0], precision="fp32", threads=1)
    pytest.importorskip("onnxruntime")
    return OnnxRuntime(onnx_model(graph).SerializeToString(), threads=1)


def close(got: Any, wanted: Any) -> bool:
    return bool(np.abs(got - wanted).max() <= SAME_MATHS * wanted.max())


NAMES = {
    "googlenet": 64,
    "googlenet:bn": 64,
    "googlenet:torchvision": 64,
    "googlenet:tf_slim": 64,
    "bn_inception": 64,
    "bn_inception:tf_slim": 64,
    "inception_v2": 107,
    "inception_v3": 107,
    "inception_v3:keras": 107,
    "inception_v3:fid": 107,
    "inception_v3_79": 79,
    "nin_cifar10": 32,
    "compact": 32,
}  # catalog entries at an input that keeps the tests fast


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_every_architecture_gives_the_probabilities_that_torch_gives(
    fill: Callable[[Net], Any], name: str, engine: str
) -> None:
    net = with_classes(with_input(architecture(name), NAMES[name]), 7)
    model = fill(net)
    images = model.pictures(3)

    got = put(whole(net, model.tensors, model.card.preprocessing), engine)(images)

    assert close(got[PROBABILITIES], model.expected(images)["main"])


@pytest.mark.parametrize("engine", ENGINES)
def test_each_stage_gives_its_exits_probabilities_and_what_the_next_one_reads(
    small: Any, engine: str
) -> None:
    net, images = small.card.architecture, small.pictures(4)
    expected = small.expected(images)

    x, seen = images, []
    for name, graph in staged(net, small.tensors, small.card.preprocessing, small.exits):
        results = put(graph, engine)(x)
        seen.append(name)
        assert close(results[PROBABILITIES], expected[name])
        x = results.get(ONWARD)

    assert seen == ["first", "second", "main"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("taller", "wider"), [(0, 9), (5, 0), (3, 4), (1, 1)])
def test_the_middle_is_cut_out_of_larger_images_as_preprocessing_does(
    small: Any, engine: str, taller: int, wider: int
) -> None:
    images = small.pictures(2, taller=taller, wider=wider)
    side = small.card.preprocessing.size
    middle = images[:, taller // 2 : taller // 2 + side, wider // 2 : wider // 2 + side]

    graph = whole(small.card.architecture, small.tensors, small.card.preprocessing)
    got = put(graph, engine)(images)

    assert close(got[PROBABILITIES], small.expected(np.ascontiguousarray(middle))["main"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_batch_gives_each_image_the_same_answer(small: Any, engine: str, count: int) -> None:
    images = small.pictures(5)
    graph = whole(small.card.architecture, small.tensors, small.card.preprocessing)

    got = put(graph, engine)(images[:count])

    assert close(got[PROBABILITIES], small.expected(images)["main"][:count])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("padding", ["same", "valid", "tensorflow", "ceil", 1])
@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("side", [11, 12])  # of 12 cells a window of stride 2 hangs over the border
def test_every_pool_is_exact_at_the_borders(
    fill: Callable[[Net], Any],
    engine: str,
    padding: Any,
    kind: Any,
    stride: int,
    counted: bool,
    side: int,
) -> None:
    if kind == "max" and not counted:
        pytest.skip("a maximum counts nothing")
    pool = Pool(kind, stride=stride, padding=padding, count_padding=counted)
    net = Net(
        name="pooled",
        source="the tests",
        image=(3, side, side),
        trunk=named(conv1=Conv(9, (3, 3)), pooled=(pool, Conv(4))),
        head=(GlobalPool(), Linear(5, classifier=True)),
    )
    model = fill(net)
    images = model.pictures(2)

    got = put(whole(net, model.tensors, model.card.preprocessing), engine)(images)

    assert close(got[PROBABILITIES], model.expected(images)["main"])


def test_an_average_before_a_pointwise_convolution_runs_after_it(
    fill: Callable[[Net], Any],
) -> None:
    net = with_input(architecture("inception_v3"), 107)
    model = fill(net)

    graph = whole(net, model.tensors, model.card.preprocessing)

    wide = [line for line in graph.lines if isinstance(line.operator, Slide)]
    mixed = [line.name for line in graph.lines if line.name.endswith("pool.1.mixed")]
    assert {line.operator.kind for line in wide} == {"max"}
    assert len(mixed) == 9


def test_a_traced_graph_gives_every_block_by_its_address(small: Any) -> None:
    pytest.importorskip("openvino")
    graph = traced(small.card.architecture, small.tensors, small.card.preprocessing)

    got = put(graph, "openvino")(small.pictures(1))

    assert [name for name in got if name != "head"] == [
        "trunk.conv1",
        "trunk.inception2",
        "trunk.pool2",
        "trunk.inception3",
    ]
    assert got["trunk.inception2"].shape == (1, 24, 8, 8)
