"""Caffe's networks: which one a file holds, and what becomes of its blobs."""

from pathlib import Path

import caffe_writer
import numpy as np
import pytest

from inceptionkit.catalog import architecture
from inceptionkit.convert import caffe
from inceptionkit.convert.formats.caffe import read
from inceptionkit.errors import WeightsError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net, tensors

CHECKPOINTS = {one.name: one for one in caffe.CHECKPOINTS}


def counted(net: Net) -> dict[str, np.ndarray]:
    """Distinct numbers for every tensor."""
    return {
        name: np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 7 + len(name)
        for name, shape in tensors(net)
    }


def blobs(net: Net, name: str) -> dict[str, np.ndarray]:
    """What reading a caffemodel of `net` gives."""
    theirs = CHECKPOINTS[name]
    layers = caffe_writer.blobs(net, counted(net), theirs.rules, bgr=theirs.color == "BGR")
    return {f"{layer}/{i}": v for layer, parts in layers.items() for i, v in enumerate(parts)}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_caffemodel_is_adopted(tmp_path: Path, name: str) -> None:
    net = architecture(name, classes=12)
    theirs = CHECKPOINTS[name]
    layers = caffe_writer.blobs(net, counted(net), theirs.rules, bgr=theirs.color == "BGR")
    (tmp_path / "net.caffemodel").write_bytes(caffe_writer.caffemodel(layers))

    adopted = caffe.convert(read(tmp_path / "net.caffemodel"), where="net.caffemodel")

    assert adopted.net == net
    assert not adopted.background
    for ours, value in counted(net).items():
        found = adopted.tensors[ours]
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
        if "running" in ours:  # was multiplied and divided
            np.testing.assert_allclose(found, value, rtol=1e-6)
        else:
            assert np.array_equal(found, value), ours


def test_layers_have_the_names_of_the_published_networks() -> None:
    """A sample of each prototxt; the parity tests compare what the layers compute."""
    samples = {
        "googlenet": {
            "conv1/7x7_s2/0": (64, 3, 7, 7),
            "conv2/3x3_reduce/1": (64,),
            "inception_3a/5x5_reduce/0": (16, 192, 1, 1),
            "inception_4e/pool_proj/0": (128, 528, 1, 1),
            "loss1/fc/0": (1024, 2048),
            "loss2/classifier/1": (1000,),
            "loss3/classifier/0": (1000, 1024),
        },
        "bn_inception": {
            "conv1/7x7_s2/bn/0": (64,),
            "conv2/3x3/bn/sc/1": (192,),
            "inception_3c/double3x3b/0": (96, 96, 3, 3),
            "inception_4d/pool_proj/bn/2": (1,),
            "loss1/fc/0": (1024, 2048),
            "loss2/fc/0": (1024, 512),
            "loss3/classifier/1": (1000,),
        },
        "nin_imagenet": {
            "conv1/0": (96, 3, 11, 11),
            "cccp6/1": (384,),
            "conv4-1024/0": (1024, 384, 3, 3),
            "cccp7-1024/1": (1024,),
            "cccp8-1024/0": (1000, 1024, 1, 1),
        },
        "nin_cifar10:caffe": {"conv1/0": (192, 3, 5, 5), "cccp6/0": (10, 192, 1, 1)},
    }
    for name, sample in samples.items():
        found = {key: value.shape for key, value in blobs(architecture(name), name).items()}

        assert sample.items() <= found.items()


def test_the_first_kernels_are_reversed_where_colors_came_in_reverse() -> None:
    for name, first, reversed_ in (
        ("googlenet", "conv1/7x7_s2/0", True),
        ("nin_cifar10:caffe", "conv1/0", False),
    ):
        found = blobs(architecture(name), name)
        ours = caffe.convert(found, where="a file").tensors["trunk.conv1.conv.weight"]

        assert np.array_equal(ours, found[first][:, ::-1] if reversed_ else found[first])


def test_pixels_are_prepared_as_caffe_does() -> None:
    white = np.full((1, 224, 224, 3), 255, np.uint8)
    preprocessing = CHECKPOINTS["googlenet"].preprocessing

    assert preprocessing.short_side == 256
    np.testing.assert_allclose(
        preprocessing.normalize(white)[0, :, 0, 0], [255 - 123, 255 - 117, 255 - 104], rtol=1e-6
    )
    assert CHECKPOINTS["nin_cifar10:caffe"].preprocessing == Preprocessing(
        size=32, mean=(0.0, 0.0, 0.0), std=(1 / 255, 1 / 255, 1 / 255)
    )


@pytest.mark.parametrize("kept", [(), ("loss1",), ("loss2",)])
def test_a_network_has_the_exits_that_its_file_has(kept: tuple[str, ...]) -> None:
    found = {
        key: value
        for key, value in blobs(architecture("bn_inception"), "bn_inception").items()
        if not key.startswith(("loss1", "loss2")) or key.startswith(kept)
    }

    net = caffe.convert(found, where="a file").net

    assert [e.name for e in net.exits] == [name.replace("loss", "aux") for name in kept]


def test_a_batch_norm_that_was_never_trained_has_no_mean_as_in_caffe() -> None:
    found = blobs(architecture("bn_inception"), "bn_inception")
    found["conv1/7x7_s2/bn/2"] = np.zeros(1, np.float32)

    adopted = caffe.convert(found, where="a file").tensors

    assert not adopted["trunk.conv1.bn.running_mean"].any()
    assert not adopted["trunk.conv1.bn.running_var"].any()


def test_class_counts_that_differ_between_head_and_exit_are_named() -> None:
    found = blobs(architecture("googlenet"), "googlenet")
    found["loss3/classifier/0"] = np.zeros((7, 1024), np.float32)
    found["loss3/classifier/1"] = np.zeros(7, np.float32)

    with pytest.raises(WeightsError) as error:
        caffe.convert(found, where="a file")

    assert str(error.value) == (
        "a file: 4 tensors do not fit googlenet: "
        "loss1/classifier/0: got (1000, 1024), googlenet needs (7, 1024); "
        "loss1/classifier/1: got (1000,), googlenet needs (7,); "
        "loss2/classifier/0: got (1000, 1024), googlenet needs (7, 1024); "
        "loss2/classifier/1: got (1000,), googlenet needs (7,); "
        "give the file of an unchanged network"
    )


def test_a_network_with_half_a_classifier_is_refused() -> None:
    found = blobs(architecture("nin_imagenet"), "nin_imagenet")
    del found["cccp8-1024/0"]

    with pytest.raises(WeightsError, match="cccp8-1024/0: got nothing"):
        caffe.convert(found, where="a file")


def test_one_class_is_refused() -> None:
    found = blobs(architecture("nin_imagenet"), "nin_imagenet")
    found["cccp8-1024/0"] = np.zeros((1, 1024, 1, 1), np.float32)

    with pytest.raises(WeightsError, match=r"cccp8-1024/0: got \(1, 1024, 1, 1\)"):
        caffe.convert(found, where="a file")
