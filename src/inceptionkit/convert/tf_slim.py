"""TF-slim's inception_v1, inception_v2 and inception_v3 as ours. No torch, and no TensorFlow.

Slim calls GoogLeNet's modules 3a to 5b Mixed_3b to Mixed_5c, BN-Inception's 3a to 5b the same way
without a gap, and the paths of a module Branch_0 to Branch_3. A few of its scopes are misnamed, and
stay so because the released checkpoints have them.

Sources:
    https://github.com/tensorflow/models, research/slim/nets/inception_{v1,v2,v3}.py: the scopes.
    research/slim/preprocessing/inception_preprocessing.py: central 0.875, bilinear, -1 to 1.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from inceptionkit.convert.rename import (
    ConvertedWeights,
    KnownCheckpoint,
    Rules,
    Tensors,
    fill_network,
    without_background,
)
from inceptionkit.preprocess import Preprocessing

_AVERAGED = "/ExponentialMovingAverage"  # what slim evaluates where there is one
_STATE = re.compile(r"(^|/)(global_step|beta[12]_power|(Momentum|RMSProp|Adam)(_1)?)$")  # training


def _branch(path: str, number: int, *scopes: str, first: int = 0) -> Rules:
    """Rules for the convolutions of a path, which begin at its position `first`."""
    return tuple(
        (rf"\.{path}\.{i}\.", f"/Branch_{number}/Conv2d_{scope}.")
        for i, scope in enumerate(scopes, first)
    )


PROJECTION = _branch("pool", 3, "0b_1x1", first=1)
_SUFFIXES: Rules = (
    (r"\.(conv|fc)\.weight$", "/weights"),
    (r"\.(conv|fc)\.bias$", "/biases"),
    (r"\.bn\.bias$", "/BatchNorm/beta"),
    (r"\.bn\.running_mean$", "/BatchNorm/moving_mean"),
    (r"\.bn\.running_var$", "/BatchNorm/moving_variance"),
)
_INCEPTION_V1: Rules = (
    (r"^trunk\.conv1\.", "InceptionV1/Conv2d_1a_7x7."),
    (r"^trunk\.conv2\.", "InceptionV1/Conv2d_2b_1x1."),
    (r"^trunk\.conv3\.", "InceptionV1/Conv2d_2c_3x3."),
    *(
        (rf"^trunk\.inception(\d){ours}\.", rf"InceptionV1/Mixed_\1{theirs}.")
        for ours, theirs in zip("abcde", "bcdef", strict=True)
    ),
    *_branch("p1", 0, "0a_1x1"),
    *_branch("p3", 1, "0a_1x1", "0b_3x3"),
    *_branch("p5", 2, "0a_1x1", "0b_3x3"),
    *PROJECTION,
    (r"(Mixed_5b/Branch_2/Conv2d)_0b_", r"\1_0a_"),
    (r"^head\.2\.", "InceptionV1/Logits/Conv2d_0c_1x1."),
    *_SUFFIXES,
)
_INCEPTION_V2: Rules = (
    (r"^trunk\.conv1\.0\.conv\.weight", "InceptionV2/Conv2d_1a_7x7/depthwise_weights"),
    (r"^trunk\.conv1\.1\.conv\.weight", "InceptionV2/Conv2d_1a_7x7/pointwise_weights"),
    (r"^trunk\.conv1\.1\.conv\.bias", "InceptionV2/Conv2d_1a_7x7/biases"),
    (r"^trunk\.conv2\.", "InceptionV2/Conv2d_2b_1x1."),
    (r"^trunk\.conv3\.", "InceptionV2/Conv2d_2c_3x3."),
    *(
        (rf"^trunk\.inception{ours}\.", f"InceptionV2/Mixed_{theirs}.")
        for ours, theirs in zip(
            ("3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b"),
            ("3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b", "5c"),
            strict=True,
        )
    ),
    (r"(Mixed_[45]a)\.p3\.0\.", r"\1/Branch_0/Conv2d_0a_1x1."),  # these two halve the grid
    (r"(Mixed_[45]a)\.p3\.1\.", r"\1/Branch_0/Conv2d_1a_3x3."),
    (r"(Mixed_[45]a)\.p33\.0\.", r"\1/Branch_1/Conv2d_0a_1x1."),
    (r"(Mixed_[45]a)\.p33\.1\.", r"\1/Branch_1/Conv2d_0b_3x3."),
    (r"(Mixed_[45]a)\.p33\.2\.", r"\1/Branch_1/Conv2d_1a_3x3."),
    *_branch("p1", 0, "0a_1x1"),
    *_branch("p3", 1, "0a_1x1", "0b_3x3"),
    *_branch("p33", 2, "0a_1x1", "0b_3x3", "0c_3x3"),
    *PROJECTION,
    (r"^head\.2\.", "InceptionV2/Logits/Conv2d_1c_1x1."),
    *_SUFFIXES,
)
_INCEPTION_V3: Rules = (
    (r"^trunk\.conv(1a|2a|2b|4a)\.", r"InceptionV3/Conv2d_\1_3x3."),
    (r"^trunk\.conv3b\.", "InceptionV3/Conv2d_3b_1x1."),
    (r"^trunk\.mixed", "InceptionV3/Mixed_"),
    (r"(Mixed_6a)\.p3\.0\.", r"\1/Branch_0/Conv2d_1a_1x1."),  # a 3x3
    (r"(Mixed_6a)\.p33\.2\.", r"\1/Branch_1/Conv2d_1a_1x1."),  # a 3x3
    (r"(Mixed_6a)\.p33\.0\.", r"\1/Branch_1/Conv2d_0a_1x1."),
    (r"(Mixed_6a)\.p33\.1\.", r"\1/Branch_1/Conv2d_0b_3x3."),
    (r"(Mixed_7a)\.p3\.0\.", r"\1/Branch_0/Conv2d_0a_1x1."),
    (r"(Mixed_7a)\.p3\.1\.", r"\1/Branch_0/Conv2d_1a_3x3."),
    (r"(Mixed_7[bc])\.p3\.0\.", r"\1/Branch_1/Conv2d_0a_1x1."),
    (r"(Mixed_7[bc])\.p3\.1\.a\.0\.", r"\1/Branch_1/Conv2d_0b_1x3."),
    (r"(Mixed_7b)\.p3\.1\.b\.0\.", r"\1/Branch_1/Conv2d_0b_3x1."),
    (r"(Mixed_7c)\.p3\.1\.b\.0\.", r"\1/Branch_1/Conv2d_0c_3x1."),
    (r"\.p33\.2\.a\.0\.", "/Branch_2/Conv2d_0c_1x3."),
    (r"\.p33\.2\.b\.0\.", "/Branch_2/Conv2d_0d_3x1."),
    *_branch("p1", 0, "0a_1x1"),
    *_branch("p5", 1, "0a_1x1", "0b_5x5"),
    *_branch("p7", 1, "0a_1x1", "0b_1x7", "0c_7x1", "1a_3x3"),
    *_branch("p33", 2, "0a_1x1", "0b_3x3", "0c_3x3"),
    *_branch("p77", 2, "0a_1x1", "0b_7x1", "0c_1x7", "0d_7x1", "0e_1x7"),
    *PROJECTION,
    (r"(Mixed_5c/Branch_1)/Conv2d_0a_1x1", r"\1/Conv2d_0b_1x1"),
    (r"(Mixed_5c/Branch_1)/Conv2d_0b_5x5", r"\1/Conv_1_0c_5x5"),
    (r"^exits\.aux\.1\.", "InceptionV3/AuxLogits/Conv2d_1b_1x1."),
    (r"^exits\.aux\.2\.", "InceptionV3/AuxLogits/Conv2d_2a_5x5."),
    (r"^exits\.aux\.4\.", "InceptionV3/AuxLogits/Conv2d_2b_1x1."),
    (r"^head\.2\.", "InceptionV3/Logits/Conv2d_1c_1x1."),
    *_SUFFIXES,
)
CHECKPOINTS = tuple(
    KnownCheckpoint(name=name, rules=rules, preprocessing=Preprocessing(size=size, crop=0.875))
    for name, rules, size in (
        ("googlenet:tf_slim", _INCEPTION_V1, 224),
        ("bn_inception:tf_slim", _INCEPTION_V2, 224),
        ("inception_v3:tf", _INCEPTION_V3, 299),
    )
)


def convert(tensors: Tensors, *, where: str) -> ConvertedWeights:
    """One of slim's Inception networks, with any number of classes, with or without its exit.

    Of 1001 outputs, as the released networks have them, the first stands for background: it is left
    out, and `background` of the result says so. The other scores are as they were.

    Args:
        tensors: as `formats.tensorflow.read` gives them. Where a moving average was kept it is
            taken; the optimizer's state is skipped.
        where: the file, for errors.

    Raises:
        WeightsError: it is another network; or tensors are missing, unknown or misshapen, which are
            named.
    """
    weights = {name: value for name, value in tensors.items() if not _STATE.search(name)}
    averages = {n.removesuffix(_AVERAGED): v for n, v in weights.items() if n.endswith(_AVERAGED)}
    weights = {n: v for n, v in weights.items() if not n.endswith(_AVERAGED)} | averages
    ours = {name: in_our_layout(name, value) for name, value in weights.items()}
    return without_background(fill_network(ours, CHECKPOINTS, where=where))


def in_our_layout(name: str, value: NDArray[np.floating]) -> NDArray[np.floating]:
    """A kernel as (out, in, height, width); TensorFlow has (height, width, in, out).

    A depthwise kernel is (height, width, in, maps of each): the maps of one input lie together.
    """
    if value.ndim != 4:
        return value
    if name.endswith("depthwise_weights"):
        height, width, channels, maps = value.shape
        return value.transpose(2, 3, 0, 1).reshape(channels * maps, 1, height, width)
    return value.transpose(3, 2, 0, 1)
