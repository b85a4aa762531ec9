"""Networks that others publish as PyTorch state dicts: torchvision, timm, and ports. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from inceptionkit.catalog import architecture
from inceptionkit.convert.formats import pytorch, safetensors
from inceptionkit.convert.rename import (
    ConvertedWeights,
    KnownCheckpoint,
    Rules,
    Tensors,
    fill_network,
    rename,
    without_background,
)
from inceptionkit.errors import WeightsError
from inceptionkit.preprocess import Interpolation, Preprocessing
from inceptionkit.preprocess.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Triple
from inceptionkit.spec import Net, classes_of, with_classes
from inceptionkit.spec import tensors as tensors_of

_ENOUGH = 0.5  # share of a network's names that a file must have to be taken for it

TORCHVISION_GOOGLENET: Rules = (
    (r"^trunk\.", ""),
    (r"\.p1\.0\.", ".branch1."),
    (r"\.p3\.", ".branch2."),
    (r"\.p5\.", ".branch3."),
    (r"\.pool\.", ".branch4."),
    (r"^exits\.(\w+)\.1\.", r"\1.conv."),
    (r"^exits\.(\w+)\.2\.fc", r"\1.fc1"),
    (r"^exits\.(\w+)\.4\.fc", r"\1.fc2"),
    (r"^head\.2\.", ""),
)
_TORCHVISION_INCEPTION_V3: Rules = (
    (r"^trunk\.conv(\d)(\w)\.", r"Conv2d_\1\2."),
    (r"^trunk\.mixed(\d)(\w)\.", r"Mixed_\1\2."),
    (r"^Conv2d_(1a|2a|2b|4a)\.", r"Conv2d_\1_3x3."),
    (r"^Conv2d_3b\.", "Conv2d_3b_1x1."),
    (r"\.p1\.0\.", ".branch1x1."),
    (r"\.pool\.1\.", ".branch_pool."),
    (r"(Mixed_5.)\.p5\.", r"\1.branch5x5_."),
    (r"(Mixed_5.|Mixed_6a)\.p33\.", r"\1.branch3x3dbl_."),
    (r"(Mixed_6a)\.p3\.0", r"\1.branch3x3"),
    (r"(Mixed_6[b-e])\.p77\.", r"\1.branch7x7dbl_."),
    (r"(Mixed_6[b-e])\.p7\.", r"\1.branch7x7_."),
    (r"(Mixed_7a)\.p3\.", r"\1.branch3x3_."),
    (r"(Mixed_7a)\.p7\.", r"\1.branch7x7x3_."),
    (r"(Mixed_7[bc])\.p3\.0", r"\1.branch3x3_1"),
    (r"(Mixed_7[bc])\.p3\.1\.(a|b)\.0", r"\1.branch3x3_2\2"),
    (r"(Mixed_7[bc])\.p33\.2\.(a|b)\.0", r"\1.branch3x3dbl_3\2"),
    (r"(Mixed_7[bc])\.p33\.", r"\1.branch3x3dbl_."),
    *((rf"_\.{i}\.", f"_{i + 1}.") for i in range(5)),  # they count from 1
    (r"^exits\.aux\.1\.", "AuxLogits.conv0."),
    (r"^exits\.aux\.2\.", "AuxLogits.conv1."),
    (r"^exits\.aux\.4\.", "AuxLogits."),
    (r"^head\.\d\.", ""),  # with dropout it is the third operator, without the second
)
_TORCHVISION_ALEXNET: Rules = (
    *(
        (rf"^trunk\.conv{i}\.conv\.", f"features.{at}.")
        for i, at in enumerate((0, 3, 6, 8, 10), start=1)
    ),
    *((rf"^head\.{ours}\.fc\.", f"classifier.{at}.") for ours, at in ((2, 1), (4, 4), (5, 6))),
)
_TORCHVISION_VGG16: Rules = (
    *(
        (rf"^trunk\.{name}\.conv\.", f"features.{at}.")
        for name, at in zip(
            (
                f"conv{i}_{j}"
                for i, depth in enumerate((2, 2, 3, 3, 3), start=1)
                for j in range(1, depth + 1)
            ),
            (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
            strict=True,
        )
    ),
    *((rf"^head\.{ours}\.fc\.", f"classifier.{at}.") for ours, at in ((0, 0), (2, 3), (4, 6))),
)
_CADENE_BN_INCEPTION: Rules = (
    (r"^trunk\.conv1\.", "conv1_7x7_s2."),
    (r"^trunk\.conv2\.", "conv2_3x3_reduce."),
    (r"^trunk\.conv3\.", "conv2_3x3."),
    (r"^trunk\.inception(\w+)\.", r"inception_\1_"),
    (r"_p1\.0\.", "_1x1."),
    (r"_p3\.0\.", "_3x3_reduce."),
    (r"_p3\.1\.", "_3x3."),
    (r"_p33\.0\.", "_double_3x3_reduce."),
    (r"_p33\.(\d)\.", r"_double_3x3_\1."),
    (r"_pool\.1\.", "_pool_proj."),
    (r"\.conv\.", "."),
    (r"\.bn\.", "_bn."),
    (r"^head\.1\.fc\.", "last_linear."),
)

RULES: Mapping[tuple[str, str], Rules] = MappingProxyType(
    {
        ("torchvision", "googlenet:torchvision"): TORCHVISION_GOOGLENET,
        ("torchvision", "inception_v3"): _TORCHVISION_INCEPTION_V3,
        ("torchvision", "alexnet:torchvision"): _TORCHVISION_ALEXNET,
        ("torchvision", "vgg16"): _TORCHVISION_VGG16,
        ("timm", "inception_v3"): _TORCHVISION_INCEPTION_V3,
        ("pytorch-fid", "inception_v3:fid"): _TORCHVISION_INCEPTION_V3,
        ("pretrainedmodels", "bn_inception:cadene"): _CADENE_BN_INCEPTION,
    }
)  # (whose, our architecture) -> rules

_MINUS_1_TO_1: Triple = (0.5, 0.5, 0.5)  # as mean and as standard deviation


def resized(
    size: int,
    short_side: int,
    mean: Triple = _MINUS_1_TO_1,
    std: Triple = _MINUS_1_TO_1,
    interpolation: Interpolation = "bilinear",
) -> Preprocessing:
    """Resize the short side to `short_side`, cut the middle out: how others state a crop."""
    crop = size / short_side
    return Preprocessing(size=size, crop=crop, interpolation=interpolation, mean=mean, std=std)


# torchvision's released GoogLeNet and Inception-v3 have `transform_input`: images normalized with
# ImageNet's mean and std are taken per channel to (x * std + mean - 0.5) / 0.5, which undoes it and
# leaves (pixel / 255 - 0.5) / 0.5.
_TORCHVISION = tuple(
    KnownCheckpoint(name=name, rules=RULES["torchvision", name], preprocessing=preprocessing)
    for name, preprocessing in (
        ("googlenet:torchvision", resized(224, 256)),
        ("inception_v3", resized(299, 342)),
        ("alexnet:torchvision", resized(224, 256, IMAGENET_MEAN, IMAGENET_STD)),
        ("vgg16", resized(224, 256, IMAGENET_MEAN, IMAGENET_STD)),
    )
)
_CADENE = KnownCheckpoint(
    name="bn_inception:cadene",
    rules=RULES["pretrainedmodels", "bn_inception:cadene"],
    preprocessing=resized(
        224, 256, mean=(128 / 255, 117 / 255, 104 / 255), std=(1 / 255, 1 / 255, 1 / 255)
    ),
    color="BGR",
)
FID = KnownCheckpoint(
    name="inception_v3:fid",
    rules=RULES["pytorch-fid", "inception_v3:fid"],
    preprocessing=Preprocessing(size=299),
)
_FID_CLASSES = 1008  # its names are torchvision's; no other Inception-v3 has as many outputs
CHECKPOINTS = (*_TORCHVISION, _CADENE)

_Writer: TypeAlias = Callable[[Path, Tensors], None]
_WRITERS: Mapping[str, _Writer] = MappingProxyType(
    {".safetensors": safetensors.write, ".pth": pytorch.write}
)  # by the end of the file's name


@dataclass(frozen=True, slots=True, kw_only=True)
class ForTorchvision:
    """A model's weights as torchvision names them.

    Attributes:
        network: the call that makes the network which takes them, of `torchvision.models`.
        tensors: their names -> arrays.
        left_out: exits of the model that torchvision's network does not have.
    """

    network: str
    tensors: Tensors
    left_out: tuple[str, ...]


def convert(tensors: Tensors, *, where: str) -> ConvertedWeights:
    """A network of torchvision's or timm's, or a port, with the classes and exits of the file.

    Args:
        tensors: their names -> arrays, in PyTorch's layout.
        where: the file, for errors.

    Raises:
        WeightsError: it is none of the networks, or tensors are missing, unknown or misshapen,
            which are named.
    """
    theirs = unwrapped(tensors)
    _refuse_strangers(theirs, where)
    converted = fill_network(theirs, CHECKPOINTS, where=where)
    if converted.net.name == "inception_v3" and classes_of(converted.net) == _FID_CLASSES:
        converted = fill_network(theirs, [FID], where=where)
    return without_background(converted)


def unwrapped(tensors: Tensors) -> Tensors:
    """Tensors without what modules around the network put before every name.

    DataParallel puts "module.", torch.compile "_orig_mod.", and Lightning's modules often "model.".

    >>> list(unwrapped({"model._orig_mod.a.weight": 1, "model._orig_mod.b.weight": 2}))
    ['a.weight', 'b.weight']
    """
    names = [name.split(".") for name in tensors]
    depth = 0
    while len({".".join(parts[depth : depth + 1]) for parts in names}) == 1 and all(
        len(parts) > depth + 1 for parts in names
    ):
        depth += 1
    return {".".join(parts[depth:]): tensors[".".join(parts)] for parts in names}


def _refuse_strangers(tensors: Tensors, where: str) -> None:
    """Refuse tensors that share a few names with our networks by chance, as ResNet's do."""
    names = [checkpoint.names() for checkpoint in CHECKPOINTS]
    if max(len(theirs & tensors.keys()) / len(theirs) for theirs in names) >= _ENOUGH:
        return
    if any(name.startswith("trunk.") for name in tensors):
        msg = f"{where}: holds tensors of a model of ours; give its folder, with model.json in it"
        raise WeightsError(msg)
    known = ", ".join(checkpoint.name.partition(":")[0] for checkpoint in CHECKPOINTS)
    shown = ", ".join(list(tensors)[:3])
    msg = f"{where}: none of the networks that are known ({known}); its tensors are {shown}, ..."
    raise WeightsError(msg)


def to_torchvision(net: Net, tensors: Tensors) -> ForTorchvision:
    """Name the tensors of a model as torchvision's network does.

    Args:
        net: the model's architecture.
        tensors: our names -> arrays.

    Raises:
        WeightsError: torchvision has no such network.
    """
    for theirs in _TORCHVISION:
        same = with_classes(architecture(theirs.name), classes_of(net))
        if (same.trunk, same.head) == (net.trunk, net.head):
            break
    else:
        known = ", ".join(checkpoint.name for checkpoint in _TORCHVISION)
        msg = f"{net.name}: torchvision has no such network; it has {known}"
        raise WeightsError(msg)
    kept = net if net.exits == same.exits else replace(net, exits=())
    name, aux = theirs.name.partition(":")[0], f", aux_logits={bool(kept.exits)}"
    return ForTorchvision(
        network=f"{name}(num_classes={classes_of(net)}{aux if same.exits else ''})",
        tensors={rename(n, theirs.rules): tensors[n] for n, _ in tensors_of(kept)},
        left_out=tuple(e.name for e in net.exits if e not in kept.exits),
    )


def write_for_torchvision(path: Path, net: Net, tensors: Tensors) -> ForTorchvision:
    """Write a model's weights as torchvision names them.

    Raises:
        WeightsError: the name ends otherwise, or as `to_torchvision` raises.
        RunError: the file cannot be written.
    """
    writer = _WRITERS.get(path.suffix)
    if writer is None:
        msg = f"{path}: the name of the file must end in {' or '.join(_WRITERS)}"
        raise WeightsError(msg)
    theirs = to_torchvision(net, tensors)
    writer(path, theirs.tensors)
    return theirs
