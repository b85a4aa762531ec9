"""A graph says what torch says, in either engine, for every way a network can be written."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from inceptionkit.catalog import architecture
from inceptionkit.deployment.engines import Engine
from inceptionkit.deployment.load import ENGINE_TYPES
from inceptionkit.deployment.onnx import FEATURES_OUT, PROBABILITIES, checked, staged, traced
from inceptionkit.spec import Conv, GlobalPool, Linear, Net, Pool, named, with_classes, with_input

SAME_MATHS = 2e-5  # share of the largest probability: other orders of summation
ENGINES = ("openvino", "onnxruntime")


def put(graph: Any, engine: str, size: int) -> Engine:
    pytest.importorskip(engine)
    return ENGINE_TYPES[engine](checked(graph).SerializeToString(), size=size, threads=1)


def whole(model: Any) -> Any:
    ((_, graph),) = staged(model.card.architecture, model.tensors, model.card.preprocessing)
    return graph


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

    got = put(whole(model), engine, NAMES[name])(images)

    assert close(got[PROBABILITIES], model.expected(images)["main"])


@pytest.mark.parametrize("engine", ENGINES)
def test_each_stage_gives_its_exits_probabilities_and_what_the_next_one_reads(
    small: Any, engine: str
) -> None:
    net, images = small.card.architecture, small.pictures(4)
    expected = small.expected(images)

    x, seen = images, []
    for name, graph in staged(net, small.tensors, small.card.preprocessing, small.exits):
        results = put(graph, engine, 16)(x)
        seen.append(name)
        assert close(results[PROBABILITIES], expected[name])
        x = results.get(FEATURES_OUT)

    assert seen == ["first", "second", "main"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("taller", "wider"), [(0, 9), (5, 0), (3, 4), (1, 1)])
def test_the_middle_is_cut_out_of_larger_images_as_preprocessing_does(
    small: Any, engine: str, taller: int, wider: int
) -> None:
    images = small.pictures(2, taller=taller, wider=wider)
    side = small.card.preprocessing.size
    middle = images[:, taller // 2 : taller // 2 + side, wider // 2 : wider // 2 + side]

    got = put(whole(small), engine, side)(images)

    assert close(got[PROBABILITIES], small.expected(np.ascontiguousarray(middle))["main"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_batch_gives_each_image_the_same_answer(small: Any, engine: str, count: int) -> None:
    images = small.pictures(5)

    got = put(whole(small), engine, 16)(images[:count])

    assert close(got[PROBABILITIES], small.expected(images)["main"][:count])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("padding", ["same", "valid", "tensorflow", "ceil", 1])
@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("side", [11, 12])
def test_every_pool_is_exact_at_the_borders(
    fill: Callable[[Net], Any],
    engine: str,
    padding: Any,
    kind: Any,
    stride: int,
    counted: bool,
    side: int,
) -> None:
    """With 12 cells and a stride of 2 the last window in ceil mode hangs over."""
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

    got = put(whole(model), engine, side)(images)

    assert close(got[PROBABILITIES], model.expected(images)["main"])


def test_an_average_before_a_pointwise_convolution_runs_after_it(
    fill: Callable[[Net], Any],
) -> None:
    net = with_input(architecture("inception_v3"), 107)
    model = fill(net)

    nodes = whole(model).graph.node

    mixed = [node.name for node in nodes if node.name.endswith("pool.1.mixed")]
    assert {node.op_type for node in nodes if "Pool" in node.op_type} == {
        "MaxPool",
        "GlobalAveragePool",
    }
    assert len(mixed) == 9


def test_a_traced_graph_gives_every_block_by_its_address(small: Any) -> None:
    pytest.importorskip("openvino")
    graph = traced(small.card.architecture, small.tensors, small.card.preprocessing)

    got = put(graph, "openvino", 16)(small.pictures(1))

    assert [name for name in got if name != "head"] == [
        "trunk.conv1",
        "trunk.inception2",
        "trunk.pool2",
        "trunk.inception3",
    ]
    assert got["trunk.inception2"].shape == (1, 24, 8, 8)
