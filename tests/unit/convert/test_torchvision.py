"""Whose network a state dict is, how many classes and exits it has, and what does not fit."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inceptionkit import records
from inceptionkit.catalog import architecture
from inceptionkit.convert.rename import rename
from inceptionkit.convert.torchvision import CHECKPOINTS, FID, RULES, convert, to_torchvision
from inceptionkit.errors import WeightsError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import tensors, with_classes, with_pooled_exits

State = Callable[..., dict[str, np.ndarray]]


def refusal(state: dict[str, np.ndarray]) -> str:
    with pytest.raises(WeightsError) as caught:
        convert(state, where="x.pth")
    return str(caught.value)


@pytest.mark.parametrize(
    ("net", "whose", "name"),
    [
        ("googlenet:torchvision", "torchvision", "inception4e.branch3.1.bn.running_var"),
        ("googlenet:torchvision", "torchvision", "aux2.fc1.weight"),
        ("inception_v3", "torchvision", "Conv2d_3b_1x1.conv.weight"),
        ("inception_v3", "timm", "Mixed_7c.branch3x3dbl_3b.conv.weight"),
        ("inception_v3", "torchvision", "AuxLogits.conv1.bn.bias"),
        ("inception_v3:fid", "pytorch-fid", "fc.weight"),
        ("alexnet:torchvision", "torchvision", "classifier.4.bias"),
        ("vgg16", "torchvision", "features.28.weight"),
        ("bn_inception:cadene", "pretrainedmodels", "conv2_3x3_reduce_bn.weight"),
        ("bn_inception:cadene", "pretrainedmodels", "inception_4e_double_3x3_2.bias"),
        ("bn_inception:cadene", "pretrainedmodels", "inception_5b_pool_proj_bn.running_mean"),
    ],
)
def test_names_are_those_that_others_publish(net: str, whose: str, name: str) -> None:
    """One from each corner; all of them are compared in tests/peers."""
    assert name in {rename(ours, RULES[whose, net]) for ours, _ in tensors(architecture(net))}


@pytest.mark.parametrize(
    ("whose", "net", "classes"),
    [
        ("torchvision", "googlenet:torchvision", 5),
        ("torchvision", "inception_v3", 3),
        ("pytorch-fid", "inception_v3:fid", 1008),
        ("pretrainedmodels", "bn_inception:cadene", 2),
    ],
)
def test_a_network_is_recognized_with_its_classes_and_exits(
    state_of: State, whose: str, net: str, classes: int
) -> None:
    adopted = convert(state_of(whose, net, classes), where="x.pth")

    assert adopted.net == architecture(net, classes=classes)
    assert {name: value.shape for name, value in adopted.tensors.items()} == dict(
        tensors(adopted.net)
    )
    assert all(value.dtype == np.float32 for value in adopted.tensors.values())
    assert not adopted.background


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_what_wrappers_put_before_names_is_taken_away(state_of: State, prefix: str) -> None:
    state = state_of()
    plain = convert(state, where="x.pth")
    wrapped = convert({prefix + name: value for name, value in state.items()}, where="x.pth")

    assert wrapped.net == plain.net
    assert all(np.array_equal(wrapped.tensors[n], value) for n, value in plain.tensors.items())


def test_a_file_without_auxiliary_classifiers_gives_a_network_without_exits(
    state_of: State,
) -> None:
    state = {name: value for name, value in state_of().items() if not name.startswith("aux")}

    assert convert(state, where="x.pth").net.exits == ()


def test_half_an_auxiliary_classifier_is_refused_by_name(state_of: State) -> None:
    state = {name: v for name, v in state_of().items() if not name.startswith("aux2.fc")}

    assert refusal(state).startswith(
        "x.pth: 4 tensors do not fit googlenet:torchvision: aux2.fc1.bias: got nothing"
    )


def test_everything_that_does_not_fit_is_named(state_of: State) -> None:
    state = state_of()
    del state["conv2.conv.weight"]
    state["conv3.conv.weight"] = state["conv3.conv.weight"][:, :3]
    state["surprise.weight"] = np.zeros(3)
    said = refusal(state)

    assert said.startswith("x.pth: 3 tensors do not fit googlenet:torchvision: ")
    assert "conv2.conv.weight: got nothing, googlenet:torchvision needs (64, 64, 1, 1)" in said
    assert "conv3.conv.weight: got (192, 3, 3, 3)" in said
    assert "surprise.weight: not in googlenet:torchvision" in said


def test_an_exit_with_other_classes_than_the_head_is_refused(state_of: State) -> None:
    state = state_of()
    state["aux1.fc2.bias"] = np.zeros(6)

    assert "aux1.fc2.bias: got (6,)" in refusal(state)


@pytest.mark.parametrize("found", [None, (), (1, 1024)])
def test_a_classifier_that_is_none_is_refused(
    state_of: State, found: tuple[int, ...] | None
) -> None:
    state = state_of()
    del state["fc.weight"]
    if found is not None:
        state["fc.weight"] = np.zeros(found)

    assert f"fc.weight: got {'nothing' if found is None else found}, " in refusal(state)


def test_another_network_is_none_of_these() -> None:
    """A ResNet shares two names with GoogLeNet, the classifier's."""
    names = ("conv1.weight", "bn1.weight", "layer1.0.conv1.weight", "fc.weight", "fc.bias")
    said = refusal({name: np.zeros(3) for name in names})

    assert said.startswith("x.pth: none of the networks that are known (googlenet, inception_v3,")
    assert said.endswith("; its tensors are conv1.weight, bn1.weight, layer1.0.conv1.weight, ...")


def test_no_tensors_are_none_of_these() -> None:
    assert refusal({}).startswith("x.pth: none of the networks")


def test_the_background_class_is_left_out_of_head_and_exits(state_of: State) -> None:
    state = state_of("torchvision", "inception_v3", 1001)
    adopted = convert(state, where="x.pth")

    assert adopted.background
    assert adopted.net == architecture("inception_v3", classes=1000)
    for ours, theirs in (("head.2.fc", "fc"), ("exits.aux.4.fc", "AuxLogits.fc")):
        for part in ("weight", "bias"):
            kept = adopted.tensors[f"{ours}.{part}"]
            assert np.array_equal(kept, state[f"{theirs}.{part}"][1:])


def test_a_network_that_reads_bgr_has_its_first_kernels_turned_round(state_of: State) -> None:
    state = state_of("pretrainedmodels", "bn_inception:cadene", 2)
    adopted = convert(state, where="x.pth")
    first = adopted.tensors["trunk.conv1.conv.weight"]
    pixel = np.array([[[[10, 20, 30]]]], np.uint8)
    seen = replace(adopted.preprocessing, size=1, crop=1.0).normalize(pixel)[0, :, 0, 0]

    assert np.array_equal(first, state["conv1_7x7_s2.weight"][:, ::-1])
    assert seen == pytest.approx([10 - 128, 20 - 117, 30 - 104], abs=1e-4)  # their mean, B first


def test_transform_input_is_part_of_the_preprocessing() -> None:
    """torchvision normalizes with ImageNet's mean and std, then its networks take that back."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    share = np.linspace(0, 1, 7)[:, None]  # of a pixel's range
    seen = ((share - mean) / std) * (std / 0.5) + (mean - 0.5) / 0.5
    stated = next(p for p in CHECKPOINTS if p.name == "inception_v3").preprocessing

    assert np.allclose((share - stated.mean) / stated.std, seen)
    assert (stated.short_side, stated.size) == (342, 299)


@pytest.mark.parametrize(
    ("net", "network"),
    [
        ("googlenet:torchvision", "googlenet(num_classes=5, aux_logits=True)"),
        ("inception_v3", "inception_v3(num_classes=5, aux_logits=True)"),
    ],
)
def test_there_and_back_is_the_identity(state_of: State, net: str, network: str) -> None:
    state = state_of(net=net)
    adopted = convert(state, where="x.pth")
    back = to_torchvision(adopted.net, adopted.tensors)

    assert back.network == network
    assert back.left_out == ()
    assert back.tensors.keys() == {n for n in state if not n.endswith("num_batches_tracked")}
    assert all(np.array_equal(value, state[name]) for name, value in back.tensors.items())


def test_exits_that_torchvision_does_not_have_are_left_out_and_told(state_of: State) -> None:
    adopted = convert(state_of(), where="x.pth")
    net = with_pooled_exits(adopted.net)
    back = to_torchvision(net, adopted.tensors)

    assert back.left_out == ("aux1", "aux2")
    assert back.network == "googlenet(num_classes=5, aux_logits=False)"
    assert not [name for name in back.tensors if name.startswith("aux")]


@pytest.mark.parametrize("name", ["googlenet", "googlenet:bn", "inception_v3:keras", "compact"])
def test_a_network_that_torchvision_does_not_have_is_refused(name: str) -> None:
    net = with_classes(architecture(name), 5)

    with pytest.raises(WeightsError) as caught:
        to_torchvision(net, {})

    assert str(caught.value) == (
        f"{net.name}: torchvision has no such network; it has googlenet:torchvision, inception_v3, "
        "alexnet:torchvision, vgg16"
    )


def test_every_published_preprocessing_is_possible() -> None:
    for published in (*CHECKPOINTS, FID):
        stated = published.preprocessing
        net = architecture(published.name)

        assert (
            records.from_json(
                Preprocessing, records.to_json(stated), at="preprocessing", error=WeightsError
            )
            == stated
        )
        assert (3, stated.size, stated.size) == net.image
