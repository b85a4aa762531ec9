"""Caffe's GoogLeNet, BN-Inception and Network in Network as ours. No torch, and no Caffe.

Networks for ImageNet were trained on BGR, as OpenCV reads images. `Preprocessing` knows RGB alone,
so that no user has to think of it: the first kernels are reversed instead, which is exact. The
networks for CIFAR were trained on its arrays, which are RGB.

Caffe splits batch normalization in two. `BatchNorm` keeps sums of means and variances, and the
number to divide them by; `Scale` has gamma and beta.

Sources:
    https://github.com/BVLC/caffe, models/bvlc_googlenet; https://github.com/lim0606/
    caffe-googlenet-bn; Caffe's model zoo, "Network in Network": names of the layers.
"""

from __future__ import annotations

import numpy as np

from inceptionkit.convert.rename import (
    ConvertedWeights,
    KnownCheckpoint,
    Rules,
    Tensors,
    fill_network,
)
from inceptionkit.preprocess import Preprocessing

_UNSCALED = (1 / 255, 1 / 255, 1 / 255)  # as a standard deviation: pixels stay from 0 to 255

# The whole image becomes 256x256, its middle 224x224 is seen. `Preprocessing` keeps the aspect
# ratio, which Caffe's tools do not. The two that subtract a mean image, which is in no caffemodel,
# get its average.
_IMAGENET = Preprocessing(
    size=224, crop=224 / 256, mean=(123 / 255, 117 / 255, 104 / 255), std=_UNSCALED
)
# Pixels as they are: these networks want images whose contrast was normalized and that were
# whitened over the training set, which was done before Caffe saw them.
_CIFAR = Preprocessing(size=32, mean=(0.0, 0.0, 0.0), std=_UNSCALED)

_SUFFIXES: Rules = (
    (r"\.(conv|fc)\.weight$", "/0"),
    (r"\.(conv|fc)\.bias$", "/1"),
    (r"\.bn\.running_mean$", "/bn/0"),
    (r"\.bn\.running_var$", "/bn/1"),
    (r"\.bn\.weight$", "/bn/sc/0"),
    (r"\.bn\.bias$", "/bn/sc/1"),
)
_GOOGLENET: Rules = (
    (r"^trunk\.conv1\.", "conv1/7x7_s2."),
    (r"^trunk\.conv2\.", "conv2/3x3_reduce."),
    (r"^trunk\.conv3\.", "conv2/3x3."),
    (r"^trunk\.inception(\w+)\.", r"inception_\1."),
    (r"\.p1\.0\.", "/1x1."),
    (r"\.p3\.0\.", "/3x3_reduce."),
    (r"\.p3\.1\.", "/3x3."),
    (r"\.p5\.0\.", "/5x5_reduce."),
    (r"\.p5\.1\.", "/5x5."),
    (r"\.p33\.0\.", "/double3x3_reduce."),
    (r"\.p33\.1\.", "/double3x3a."),
    (r"\.p33\.2\.", "/double3x3b."),
    (r"\.pool\.1\.", "/pool_proj."),
    (r"^exits\.aux(\d)\.1\.", r"loss\1/conv."),
    (r"^exits\.aux(\d)\.2\.", r"loss\1/fc."),
    (r"^exits\.aux(\d)\.4\.", r"loss\1/classifier."),
    (r"^head\.\d\.", "loss3/classifier."),
    *_SUFFIXES,
)
_NIN_IMAGENET: Rules = (
    (r"^trunk\.(conv4|cccp7)\.", r"\1-1024."),
    (r"^trunk\.", ""),
    (r"^head\.0\.", "cccp8-1024."),
    *_SUFFIXES,
)
_NIN_CIFAR: Rules = ((r"^trunk\.", ""), (r"^head\.0\.", "cccp6."), *_SUFFIXES)

CHECKPOINTS = (
    KnownCheckpoint(name="googlenet", rules=_GOOGLENET, preprocessing=_IMAGENET, color="BGR"),
    KnownCheckpoint(name="bn_inception", rules=_GOOGLENET, preprocessing=_IMAGENET, color="BGR"),
    KnownCheckpoint(name="nin_imagenet", rules=_NIN_IMAGENET, preprocessing=_IMAGENET, color="BGR"),
    KnownCheckpoint(name="nin_cifar10:caffe", rules=_NIN_CIFAR, preprocessing=_CIFAR),
)


def convert(tensors: Tensors, *, where: str) -> ConvertedWeights:
    """A network of Caffe's zoo, with any number of classes, with the exits that the file has.

    Args:
        tensors: as `formats.caffe.read` gives them.
        where: the file, for errors.

    Raises:
        WeightsError: it is another network; or tensors are missing, unknown or misshapen, which are
            named.
    """
    return fill_network(averaged(tensors), CHECKPOINTS, where=where)


def averaged(tensors: Tensors) -> Tensors:
    """The same with means and variances in place of `BatchNorm`'s sums.

    Its third blob is the number to divide by; 0, before any training, makes both 0 as in Caffe.
    """
    result = dict(tensors)
    for name, count in tensors.items():
        layer = name.removesuffix("/2")
        if layer == name or count.size != 1:
            continue
        factor = float(count.reshape(()))
        share = np.float32(1 / factor if factor else 0)
        result |= {n: tensors[n] * share for n in (f"{layer}/0", f"{layer}/1") if n in tensors}
        del result[name]
    return result
