"""What dialects disagree in where no count shows it: borders, maxima or averages, eps, dropout."""

from collections.abc import Iterator

import pytest

from inceptionkit.catalog import architecture
from inceptionkit.spec import Conv, Dropout, LocalNorm, Op, Pool, steps


def ops(name: str, kind: type[Op]) -> Iterator[tuple[str, Op]]:
    return ((s.at, s.op) for s in steps(architecture(name)) if isinstance(s.op, kind))


def in_modules(name: str) -> dict[str, Pool]:
    """Pools with stride 1 inside modules, by block."""
    return {
        at.split(".")[1]: op
        for at, op in ops(name, Pool)
        if op.stride == 1 and at.startswith("trunk.")
    }


@pytest.mark.parametrize(
    ("name", "eps"),
    [
        ("googlenet:bn", 1e-3),
        ("googlenet:torchvision", 1e-3),
        ("googlenet:tf_slim", 1e-3),
        ("bn_inception", 1e-5),  # lim0606's prototxt
        ("bn_inception:608", 1e-5),
        ("bn_inception:cadene", 1e-5),
        ("bn_inception:tf_slim", 1e-3),
        ("inception_v2", 1e-3),
        ("inception_v3", 1e-3),
        ("inception_v3:tf", 1e-3),
    ],
)
def test_eps_of_batch_norm(name: str, eps: float) -> None:
    assert {op.norm.eps for _, op in ops(name, Conv) if op.norm} == {eps}


@pytest.mark.parametrize(
    ("name", "p"),
    [
        ("googlenet", 0.4),
        ("googlenet:torchvision", 0.2),
        ("googlenet:tf_slim", 0.2),
        ("bn_inception:tf_slim", 0.2),
        ("inception_v3", 0.5),
        ("inception_v3:tf", 0.2),
        ("bn_inception", None),
        ("bn_inception:cadene", None),
        ("inception_v3:keras", None),
        ("inception_v3:fid", None),
    ],
)
def test_dropout_before_the_classifier(name: str, p: float | None) -> None:
    found = [op.p for at, op in ops(name, Dropout) if at.startswith("head.")]

    assert found == ([] if p is None else [p])


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("bn_inception", True),
        ("bn_inception:tf_slim", False),
        ("inception_v3", True),
        ("inception_v3:tf", False),
        ("inception_v3:keras", False),
        ("inception_v3:fid", False),
    ],
)
def test_whether_averages_count_their_padding(name: str, counts: bool) -> None:
    averages = {op.count_padding for op in in_modules(name).values() if op.kind == "avg"}

    assert averages == {counts}


def test_the_last_module_takes_maxima_in_the_fid_graph_and_in_bn_inception() -> None:
    kinds = {
        name: {block: op.kind for block, op in in_modules(name).items()}
        for name in ("inception_v3", "inception_v3:fid", "bn_inception", "googlenet")
    }

    assert set(kinds["inception_v3"].values()) == {"avg"}
    assert kinds["inception_v3:fid"] == kinds["inception_v3"] | {"mixed7c": "max"}
    assert {b for b, kind in kinds["bn_inception"].items() if kind == "max"} == {"inception5b"}
    assert set(kinds["googlenet"].values()) == {"max"}


def test_tf_slim_pads_its_strided_operators_at_the_end() -> None:
    for name in ("googlenet:tf_slim", "bn_inception:tf_slim"):
        strided = [op for kind in (Conv, Pool) for _, op in ops(name, kind) if op.stride > 1]

        assert {op.padding for op in strided} == {"tensorflow"}


def test_local_normalization_after_the_first_pool_and_before_the_second() -> None:
    """GoogLeNet, figure 3; in Caffe's AlexNet before each of the first two pools."""
    for name, order in {
        "googlenet": ["conv1", "pool1", "norm1", "conv2", "conv3", "norm2", "pool2"],
        "alexnet": ["conv1", "norm1", "pool1", "conv2", "norm2", "pool2"],
    }.items():
        trunk = architecture(name).trunk

        assert [block for block, _ in trunk][: len(order)] == order
        assert dict(trunk)["norm1"] == LocalNorm(5, 1e-4, 0.75, 1.0)


def test_nin_pools() -> None:
    """The paper takes maxima; Caffe's model zoo averages in the second pool."""
    kinds = {
        name: [op.kind for _, op in ops(name, Pool)]
        for name in ("nin_cifar10", "nin_cifar10:caffe", "nin_imagenet")
    }

    assert kinds == {
        "nin_cifar10": ["max", "max"],
        "nin_cifar10:caffe": ["max", "avg"],
        "nin_imagenet": ["max", "max", "max"],
    }


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("googlenet", {"aux1": 0.3, "aux2": 0.3}),
        ("bn_inception", {"aux1": 0.3, "aux2": 0.3}),
        ("inception_v3", {"aux": 0.4}),
    ],
)
def test_loss_weights_of_the_exits(name: str, weights: dict[str, float]) -> None:
    assert {e.name: e.loss_weight for e in architecture(name).exits} == weights


def test_strides_of_bn_inceptions_halving_modules_are_on_the_last_3x3() -> None:
    strides = {at: op.stride for at, op in ops("bn_inception", Conv) if "inception3c" in at}

    assert strides == {
        "trunk.inception3c.p3.0": 1,
        "trunk.inception3c.p3.1": 2,
        "trunk.inception3c.p33.0": 1,
        "trunk.inception3c.p33.1": 1,
        "trunk.inception3c.p33.2": 2,
    }
