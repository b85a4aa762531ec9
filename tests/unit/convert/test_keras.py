"""Keras' InceptionV3: its names in every form of file, and its order of layers."""

import re

import numpy as np
import pytest

from inceptionkit.catalog import architecture
from inceptionkit.convert.keras import NAME, by_distance, convert, in_walk
from inceptionkit.errors import WeightsError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net, blocks, tensors

PARTS = {"running_mean": "moving_mean", "running_var": "moving_variance", "bias": "beta"}
VARS = ["beta", "moving_mean", "moving_variance"]


def counted(net: Net) -> dict[str, np.ndarray]:
    return {
        name: np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 7 + len(name)
        for name, shape in tensors(net)
    }


def in_keras_layout(value: np.ndarray) -> np.ndarray:
    return np.moveaxis(value, (0, 1), (3, 2)) if value.ndim == 4 else value.T


def called(net: Net, first: int = 0, prefix: str = "", suffix: str = "") -> dict[str, np.ndarray]:
    """As in `.h5`: layers count from `first` in the order of the walk."""
    order = in_walk(list(blocks(net)))
    found = {}
    for name, value in counted(net).items():
        at, kind, part = name.rsplit(".", 2)
        if kind == "fc":
            layer = "predictions"
        else:
            number = order.index(at) + first
            base = "conv2d" if kind == "conv" else "batch_normalization"
            layer = f"{base}_{number}" if number else base
        part = "kernel" if part == "weight" else part if kind == "fc" else PARTS[part]
        found[f"{prefix}{layer}/{layer}/{part}{suffix}"] = in_keras_layout(value)
    return found


def listed(net: Net, folder: str = "layers/", step: int = 1) -> dict[str, np.ndarray]:
    """As in `.weights.h5` and `.keras`: layers count in the order of the model's list."""
    order = by_distance(list(blocks(net)))
    found = {}
    for name, value in counted(net).items():
        at, kind, part = name.rsplit(".", 2)
        number = 0 if kind == "fc" else order.index(at) * step
        base = {"fc": "dense", "conv": "conv2d", "bn": "batch_normalization"}[kind]
        layer = f"{base}_{number}" if number else base
        index = VARS.index(PARTS[part]) if kind == "bn" else int(part == "bias")
        found[f"{folder}{layer}/vars/{index}"] = in_keras_layout(value)
    return found


@pytest.mark.parametrize(
    "form",
    [
        called,
        lambda net: called(net, first=94, prefix="model_weights/"),
        lambda net: called(net, first=1, suffix=":0"),
        listed,
        lambda net: listed(net, "_layer_checkpoint_dependencies/", 2),
        lambda net: listed(net, "_layer_checkpoint_dependencies\\", 2),
    ],
    ids=["h5", "whole model, not the first", "h5 of Keras 2", "list", "of Keras 2", "on Windows"],
)
def test_every_form_is_adopted_bit_for_bit(form: object) -> None:
    net = architecture(NAME, classes=12)

    adopted = convert(form(net), where="a file")  # type: ignore[operator]

    assert adopted.net == net
    assert not adopted.background
    assert adopted.preprocessing == Preprocessing(size=299)
    for ours, value in counted(net).items():
        assert np.array_equal(adopted.tensors[ours], value), ours


def test_the_list_of_layers_is_in_the_order_of_keras() -> None:
    """Numbers of the first and last convolutions in `model.layers`, as Keras 3.15 prints them."""
    parts = list(blocks(architecture(NAME)))
    made, order = in_walk(parts), by_distance(parts)

    assert [made.index(at) for at in order[:12]] == [0, 1, 2, 3, 4, 8, 6, 9, 5, 7, 10, 11]
    assert [made.index(at) for at in order[-9:]] == [89, 86, 90, 87, 88, 91, 92, 85, 93]
    assert sorted(made) == sorted(order)


def test_the_state_of_training_is_passed_over() -> None:
    state = {
        "optimizer/vars/1": np.zeros(3, np.float32),
        "optimizer_weights/adam/conv2d/kernel": np.zeros(3, np.float32),
    }
    net = architecture(NAME)

    assert convert(called(net) | state, where="a file").net == net


def test_what_is_missing_is_named_by_the_number_that_keras_gave_it() -> None:
    found = called(architecture(NAME), first=94)
    del found["conv2d_100/conv2d_100/kernel"]
    found["mine/mine/kernel"] = np.zeros(3, np.float32)

    with pytest.raises(WeightsError) as error:
        convert(found, where="a file")

    assert str(error.value) == (
        "a file: 2 tensors do not fit inception_v3:keras: "
        "conv2d_100/kernel: got nothing, inception_v3:keras needs (48, 192, 1, 1); "
        "mine/mine/kernel: not in inception_v3:keras; give the file of an unchanged network"
    )


def test_a_model_without_its_top_is_refused() -> None:
    found = {k: v for k, v in called(architecture(NAME)).items() if "predictions" not in k}

    with pytest.raises(WeightsError, match="dense_0/kernel: got nothing"):
        convert(found, where="a file")


def test_another_network_is_refused() -> None:
    found = {"block1_conv1/block1_conv1/kernel": np.zeros((3, 3, 3, 64), np.float32)}

    with pytest.raises(WeightsError, match=re.escape("those of none of inception_v3:keras")):
        convert(found, where="a file")
