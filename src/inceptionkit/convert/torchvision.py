"""Networks that others publish as PyTorch state dicts: torchvision, timm, and ports. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from inceptionkit.catalog import architecture
from inceptionkit.convert import fill as published
from inceptionkit.convert.converted import Adopted
from inceptionkit.convert.fill import Published, Tensors
from inceptionkit.convert.formats import pytorch, safetensors
from inceptionkit.convert.rename import RULES, rename
from inceptionkit.derive import tensors as tensors_of
from inceptionkit.errors import WeightsError
from inceptionkit.preprocess import Interpolation, Preprocessing
from inceptionkit.preprocess.preprocessing import Triple
from inceptionkit.spec import Net, classes_of, with_classes

WRAPPED = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put before every name
ENOUGH = 0.5  # share of a network's names that a file must have to be taken for it

MINUS_1_TO_1: Triple = (0.5, 0.5, 0.5)  # as mean and as standard deviation
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


def resized(
    size: int,
    short_side: int,
    mean: Triple = MINUS_1_TO_1,
    std: Triple = MINUS_1_TO_1,
    interpolation: Interpolation = "bilinear",
) -> Preprocessing:
    """Resize the short side to `short_side`, cut the middle out: how others state a crop."""
    crop = size / short_side
    return Preprocessing(size=size, crop=crop, interpolation=interpolation, mean=mean, std=std)


# torchvision's released GoogLeNet and Inception-v3 have `transform_input`: images normalised with
# ImageNet's mean and std are taken per channel to (x * std + mean - 0.5) / 0.5, which undoes it and
# leaves (pixel / 255 - 0.5) / 0.5.
TORCHVISION = tuple(
    Published(name=name, rules=RULES["torchvision", name], preprocessing=preprocessing)
    for name, preprocessing in (
        ("googlenet:torchvision", resized(224, 256)),
        ("inception_v3", resized(299, 342)),
        ("alexnet:torchvision", resized(224, 256, IMAGENET_MEAN, IMAGENET_STD)),
        ("vgg16", resized(224, 256, IMAGENET_MEAN, IMAGENET_STD)),
    )
)
CADENE = Published(
    name="bn_inception:cadene",
    rules=RULES["pretrainedmodels", "bn_inception:cadene"],
    preprocessing=resized(
        224, 256, mean=(128 / 255, 117 / 255, 104 / 255), std=(1 / 255, 1 / 255, 1 / 255)
    ),
    colour="BGR",
)
FID = Published(
    name="inception_v3:fid",
    rules=RULES["pytorch-fid", "inception_v3:fid"],
    preprocessing=Preprocessing(size=299),
)
FID_CLASSES = 1008  # its names are torchvision's; no other Inception-v3 has as many outputs
PUBLISHED = (*TORCHVISION, CADENE)

Writer: TypeAlias = Callable[[Path, Tensors], None]
WRITERS: Mapping[str, Writer] = MappingProxyType(
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


def adopt(tensors: Tensors, *, where: str) -> Adopted:
    """A network of torchvision's or timm's, or a port, with the classes and exits of the file.

    Args:
        tensors: their names -> arrays, in PyTorch's layout.
        where: the file, for errors.

    Raises:
        WeightsError: it is none of the networks, or tensors are missing, unknown or misshapen,
            which are named.
    """
    found = unwrapped(tensors)
    refuse_strangers(found, where)
    adopted = published.adopt(found, PUBLISHED, where=where)
    if adopted.net.name == "inception_v3" and classes_of(adopted.net) == FID_CLASSES:
        adopted = published.adopt(found, [FID], where=where)
    return published.without_background(adopted)


def unwrapped(tensors: Tensors) -> Tensors:
    """Take away what training wrappers put before every name."""
    found = dict(tensors)
    for prefix in WRAPPED:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found


def refuse_strangers(found: Tensors, where: str) -> None:
    """Refuse tensors that share a few names with our networks by chance, as ResNet's do."""
    if max(alike(one, found) for one in PUBLISHED) >= ENOUGH:
        return
    known = ", ".join(one.name.partition(":")[0] for one in PUBLISHED)
    shown = ", ".join(list(found)[:3])
    msg = f"{where}: none of the networks that are known ({known}); its tensors are {shown}, ..."
    raise WeightsError(msg)


def alike(one: Published, found: Tensors) -> float:
    """Share of the names of a network, its exits aside, that are there."""
    names = [rename(ours, one.rules) for ours, _ in tensors_of(published.without_exits(one.name))]
    return sum(name in found for name in names) / len(names)


def to_torchvision(net: Net, tensors: Tensors) -> ForTorchvision:
    """Name the tensors of a model as torchvision's network does.

    Args:
        net: the model's architecture.
        tensors: our names -> arrays.

    Raises:
        WeightsError: torchvision has no such network.
    """
    for theirs in TORCHVISION:
        same = with_classes(architecture(theirs.name), classes_of(net))
        if (same.trunk, same.head) == (net.trunk, net.head):
            break
    else:
        known = ", ".join(one.name for one in TORCHVISION)
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
    writer = WRITERS.get(path.suffix)
    if writer is None:
        msg = f"{path}: the name of the file must end in {' or '.join(WRITERS)}"
        raise WeightsError(msg)
    theirs = to_torchvision(net, tensors)
    writer(path, theirs.tensors)
    return theirs
