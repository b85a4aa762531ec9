"""Checkpoints of TF-slim: written as TensorFlow writes them, adopted bit for bit."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inceptionkit.catalog import architecture
from inceptionkit.convert.formats.tensorflow import read
from inceptionkit.convert.tf_slim import convert, in_our_layout
from inceptionkit.errors import WeightsError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Conv, Linear, Net, Step, steps, tensors, with_classes

writer = pytest.importorskip("checkpoint_writer", reason="google-crc32c is not installed")

Arrays = dict[str, np.ndarray]


def module(name: str, *branches: str) -> list[str]:
    return [
        f"{name}/Branch_{i}/{scope}" for i, said in enumerate(branches) for scope in said.split()
    ]


A, B, C = "Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_0c_3x3"
PROJECTION = "Conv2d_0b_1x1"
SEVENS = f"{A} Conv2d_0b_1x7 Conv2d_0c_7x1"
LONG = f"{A} Conv2d_0b_7x1 Conv2d_0c_1x7 Conv2d_0d_7x1 Conv2d_0e_1x7"

# The scopes of every variable, in the order in which slim's code makes them, which is the walk's.
SCOPES = {
    "googlenet:tf_slim": [
        "InceptionV1/" + scope
        for scope in (
            *("Conv2d_1a_7x7", "Conv2d_2b_1x1", "Conv2d_2c_3x3"),
            *(
                scope
                for name in ("3b", "3c", "4b", "4c", "4d", "4e", "4f")
                for scope in module(f"Mixed_{name}", A, f"{A} {B}", f"{A} {B}", PROJECTION)
            ),
            *module("Mixed_5b", A, f"{A} {B}", f"{A} Conv2d_0a_3x3", PROJECTION),
            *module("Mixed_5c", A, f"{A} {B}", f"{A} {B}", PROJECTION),
            "Logits/Conv2d_0c_1x1",
        )
    ],
    "bn_inception:tf_slim": [
        "InceptionV2/" + scope
        for scope in (
            *("Conv2d_1a_7x7", "Conv2d_1a_7x7", "Conv2d_2b_1x1", "Conv2d_2c_3x3"),
            *(
                scope
                for name in ("3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b", "5c")
                for scope in (
                    module(f"Mixed_{name}", f"{A} Conv2d_1a_3x3", f"{A} {B} Conv2d_1a_3x3")
                    if name.endswith("a")
                    else module(f"Mixed_{name}", A, f"{A} {B}", f"{A} {B} {C}", PROJECTION)
                )
            ),
            "Logits/Conv2d_1c_1x1",
        )
    ],
    "inception_v3:tf": [
        "InceptionV3/" + scope
        for scope in (
            *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"),
            *module("Mixed_5b", A, f"{A} Conv2d_0b_5x5", f"{A} {B} {C}", PROJECTION),
            *module("Mixed_5c", A, f"{PROJECTION} Conv_1_0c_5x5", f"{A} {B} {C}", PROJECTION),
            *module("Mixed_5d", A, f"{A} Conv2d_0b_5x5", f"{A} {B} {C}", PROJECTION),
            *module("Mixed_6a", "Conv2d_1a_1x1", f"{A} {B} Conv2d_1a_1x1"),
            *(s for n in "bcde" for s in module(f"Mixed_6{n}", A, SEVENS, LONG, PROJECTION)),
            *("AuxLogits/Conv2d_1b_1x1", "AuxLogits/Conv2d_2a_5x5", "AuxLogits/Conv2d_2b_1x1"),
            *module("Mixed_7a", f"{A} Conv2d_1a_3x3", f"{SEVENS} Conv2d_1a_3x3"),
            *(
                scope
                for name, last in (("7b", "Conv2d_0b_3x1"), ("7c", "Conv2d_0c_3x1"))
                for scope in module(
                    f"Mixed_{name}",
                    A,
                    f"{A} Conv2d_0b_1x3 {last}",
                    f"{A} {B} Conv2d_0c_1x3 Conv2d_0d_3x1",
                    PROJECTION,
                )
            ),
            "Logits/Conv2d_1c_1x1",
        )
    ],
}
SIZES = {"googlenet:tf_slim": 224, "bn_inception:tf_slim": 224, "inception_v3:tf": 299}


def counted(*shape: int) -> np.ndarray:
    """Distinct numbers, so that a wrong order cannot go unnoticed."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 7


def variables(step: Step, scope: str) -> Iterator[tuple[str, np.ndarray, str, np.ndarray]]:
    """Slim's name and array, our name and array, of each tensor of an operator."""
    op, at = step.op, step.at
    if isinstance(op, Linear):
        kernel = counted(1, 1, step.input.channels, op.out)
        yield f"{scope}/weights", kernel, f"{at}.fc.weight", kernel[0, 0].T
        yield f"{scope}/biases", counted(op.out), f"{at}.fc.bias", counted(op.out)
        return
    assert isinstance(op, Conv)
    if op.groups == "each":
        maps = op.out // step.input.channels
        kernel = counted(*op.kernel, step.input.channels, maps)
        ours = np.stack(
            [kernel[..., i, m] for i in range(step.input.channels) for m in range(maps)]
        )
        yield f"{scope}/depthwise_weights", kernel, f"{at}.conv.weight", ours[:, None]
        return
    kernel = counted(*op.kernel, step.input.channels, op.out)
    kind = "pointwise_weights" if op.norm is None else "weights"
    yield f"{scope}/{kind}", kernel, f"{at}.conv.weight", np.moveaxis(kernel, (3, 2), (0, 1))
    if op.norm is None:
        yield f"{scope}/biases", counted(op.out), f"{at}.conv.bias", counted(op.out)
        return
    for theirs, our in (
        ("beta", "bias"),
        ("moving_mean", "running_mean"),
        ("moving_variance", "running_var"),
    ):
        value = counted(op.out) + len(theirs)
        yield f"{scope}/BatchNorm/{theirs}", value, f"{at}.bn.{our}", value


def known(net: Net) -> tuple[Arrays, Arrays]:
    """Slim's variables of `net`, and what must become of them."""
    name = net.name
    full = [s for s in steps(architecture(name)) if isinstance(s.op, Conv | Linear)]
    scope_of = {s.at: scope for s, scope in zip(full, SCOPES[name], strict=True)}
    quads = [
        quad
        for step in steps(net)
        if step.at in scope_of
        for quad in variables(step, scope_of[step.at])
    ]
    return {q[0]: q[1] for q in quads}, {q[2]: q[3] for q in quads}


@pytest.mark.parametrize("write", [writer.write_slices, writer.write_bundle], ids=["v1", "v2"])
@pytest.mark.parametrize("name", SCOPES)
def test_a_checkpoint_is_adopted_bit_for_bit_without_its_background_class(
    tmp_path: Path, name: str, write: Callable
) -> None:
    net = architecture(name)
    theirs, expected = known(net)
    write(tmp_path / "model.ckpt", theirs | {"global_step": np.array(7, np.int64)})

    adopted = convert(read(tmp_path / "model.ckpt"), where="model.ckpt")

    assert adopted.background
    assert adopted.net == with_classes(net, 1000)
    assert adopted.preprocessing == Preprocessing(size=SIZES[name], crop=0.875)
    assert adopted.tensors.keys() == expected.keys() == dict(tensors(net)).keys()
    for ours, value in adopted.tensors.items():
        wanted = expected[ours][1:] if len(expected[ours]) == 1001 else expected[ours]
        assert value.dtype == np.float32
        assert np.array_equal(value, wanted), ours


@pytest.mark.parametrize("classes", [5, 1000, 1002])
def test_other_numbers_of_classes_have_no_background(classes: int) -> None:
    net = with_classes(architecture("googlenet:tf_slim"), classes)
    theirs, expected = known(net)

    adopted = convert(theirs, where="model.ckpt")

    assert not adopted.background
    assert adopted.net == net
    assert np.array_equal(adopted.tensors["head.2.fc.bias"], expected["head.2.fc.bias"])


def test_without_its_auxiliary_head_inception_v3_has_no_exit() -> None:
    net = replace(architecture("inception_v3:tf"), exits=())
    theirs, _ = known(net)

    assert convert(theirs, where="model.ckpt").net == with_classes(net, 1000)


def test_averages_are_taken_and_the_state_of_training_is_passed_over() -> None:
    theirs, expected = known(architecture("googlenet:tf_slim", classes=5))
    name, ours = "InceptionV1/Conv2d_1a_7x7/BatchNorm/beta", "trunk.conv1.bn.bias"
    state = {
        f"{name}/ExponentialMovingAverage": theirs[name] + 1,
        f"{name}/RMSProp": theirs[name],
        f"{name}/RMSProp_1": theirs[name],
        f"{name}/Momentum": theirs[name],
        "beta1_power": np.float32(0.9),
    }

    adopted = convert(theirs | state, where="model.ckpt")

    assert np.array_equal(adopted.tensors[ours], expected[ours] + 1)


def test_unknown_missing_and_misshapen_tensors_are_named() -> None:
    theirs, _ = known(architecture("googlenet:tf_slim", classes=5))
    theirs["InceptionV1/Mixed_3b/extra"] = counted(3)
    theirs["InceptionV1/Logits/Conv2d_0c_1x1/biases"] = counted(6)
    del theirs["InceptionV1/Mixed_5b/Branch_2/Conv2d_0a_3x3/weights"]

    with pytest.raises(WeightsError) as error:
        convert(theirs, where="model.ckpt")

    assert str(error.value) == (
        "model.ckpt: 3 tensors do not fit googlenet:tf_slim: "
        "InceptionV1/Logits/Conv2d_0c_1x1/biases: got (6,), googlenet:tf_slim needs (5,); "
        "InceptionV1/Mixed_3b/extra: not in googlenet:tf_slim; "
        "InceptionV1/Mixed_5b/Branch_2/Conv2d_0a_3x3/weights: got nothing, "
        "googlenet:tf_slim needs (128, 32, 3, 3); give the file of an unchanged network"
    )


def test_another_network_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(WeightsError) as error:
        convert({"resnet_v1_50/conv1/weights": counted(7, 7, 3, 64)}, where="model.ckpt")

    assert str(error.value) == (
        "model.ckpt: its tensors (resnet_v1_50/conv1/weights, ...) are those of none of "
        "googlenet:tf_slim, bn_inception:tf_slim, inception_v3:tf; give another file"
    )


def test_the_maps_of_one_input_channel_lie_together() -> None:
    """TensorFlow: output channel k * multiplier + q is filter[..., k, q] on channel k."""
    kernel = counted(7, 7, 3, 8)
    ours = in_our_layout("Conv2d_1a_7x7/depthwise_weights", kernel)

    assert ours.shape == (24, 1, 7, 7)
    assert ours[2 * 8 + 5, 0, 1, 6] == kernel[1, 6, 2, 5]
