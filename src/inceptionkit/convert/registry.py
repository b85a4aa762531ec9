"""Other implementations' files as models of ours, whichever format they have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.convert import class_names, hub
from inceptionkit.convert.converted import Adopted
from inceptionkit.errors import InceptionError, WeightsError
from inceptionkit.files import sha256_of
from inceptionkit.model.folder import CARD, Card, fit_or_raise, read_model
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net, classes_of

Tensors: TypeAlias = Mapping[str, NDArray[Any]]
Named: TypeAlias = Literal["given", "ImageNet", "numbered"]


@dataclass(frozen=True, slots=True)
class Format:
    """A format of weights files."""

    name: str
    patterns: tuple[str, ...]  # of file names
    reader: str  # module of `convert.formats` with read(path)
    adopter: str  # module of `convert` with adopt(tensors, where=...)


FORMATS: tuple[Format, ...] = (
    Format("PyTorch", ("*.pth", "*.pt", "*.bin"), "pytorch", "torchvision"),
    Format("safetensors", ("*.safetensors",), "safetensors", "torchvision"),
    Format("Keras", ("*.h5", "*.keras"), "keras", "keras"),
    Format("TensorFlow", ("*.ckpt", "*.ckpt-*", "*.index", "*.data-*"), "tensorflow", "tf_slim"),
    Format("Caffe", ("*.caffemodel",), "caffe", "caffe"),
)
OWN_ORDER = ("Caffe", "bn_inception")  # lim0606's classes are in the order of ILSVRC's own numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Another implementation's file as a model.

    Attributes:
        card: what `model.json` will say.
        tensors: our names -> float32 arrays.
        path: the file.
        format: its format.
        named: where the names of the classes come from.
        background: whether its first output stood for none of the classes, and was left out.
        untrained: exits that the file has and nobody trained; they were left out.
    """

    card: Card
    tensors: Tensors
    path: Path
    format: str
    named: Named
    background: bool
    untrained: tuple[str, ...]


def read(source: str | Path) -> tuple[Card, Tensors]:
    """Read a model: a model folder, a run folder, a weights file, or released weights by id.

    Raises:
        WeightsError: it is none of these, or damaged.
        UnknownNameError: no released weights have that id.
    """
    path = Path(source)
    if path.is_dir() or not (is_there(path) or hub.is_id(path.as_posix())):
        return read_model(path)
    imported = import_weights(source)
    return imported.card, imported.tensors


def import_weights(source: str | Path, names: Sequence[str] | None = None) -> Imported:
    """Read a weights file of another implementation.

    Args:
        source: a file, or the id of released weights.
        names: of its classes, in the order of its outputs; ImageNet's where None and the count
            fits.

    Raises:
        WeightsError: it is no weights file that is known, damaged, or its tensors or classes do not
            fit; nothing was loaded.
        UnknownNameError: no released weights have that id.
    """
    path, release = locate(source)
    format_ = format_of(path)
    digest, adopted = adopt(path, format_, release)
    untrained: tuple[str, ...] = ()
    if release is not None and not release.trained_exits:
        untrained = tuple(e.name for e in adopted.net.exits)
        adopted = without_exits(adopted)
    net, tensors = adopted.net, adopted.tensors
    fit_or_raise(path, net, tensors)
    refuse_not_finite(path, tensors)
    classes, named = named_classes(net, format_, names)
    card = Card(
        architecture=net,
        classes=classes,
        preprocessing=preprocessing_of(path, format_, release) or adopted.preprocessing,
        origin={"file": path.name, "sha256": digest, "kind": format_.name},
    )
    return Imported(
        card=card,
        tensors=tensors,
        path=path,
        format=format_.name,
        named=named,
        background=adopted.background,
        untrained=untrained,
    )


def locate(source: str | Path) -> tuple[Path, hub.Release | None]:
    """Find the file, fetching it if `source` is the id of released weights.

    Raises:
        WeightsError: there is no such file, it is a folder, or it cannot be fetched.
        UnknownNameError: no released weights have that id.
    """
    path = Path(source)
    if path.is_dir():
        what = "a model folder already" if (path / CARD).is_file() else "a folder"
        msg = f"{path}: is {what}; give a weights file"
    elif is_there(path):
        return path, hub.release_of(path)
    elif hub.is_id(path.as_posix()):
        return hub.fetch(path.as_posix())
    else:
        msg = f"{path}: no such file; give a weights file, or one of {', '.join(hub.RELEASES)}"
    raise WeightsError(msg)


def is_there(path: Path) -> bool:
    """Whether `path` is a file, or the common beginning of a TensorFlow checkpoint's files."""
    return path.is_file() or index_of(path).is_file()


def beside(model: str | Path, made: str) -> Path:
    """A place for what is made of a model: beside it; here for released weights."""
    path = Path(model)
    if not (path.is_dir() or is_there(path)):
        return Path(f"{path.name}-{made}")
    if path.name in {"", ".."}:
        path = path.resolve()
    return path.with_name(f"{path.name}-{made}")


def index_of(path: Path) -> Path:
    """Give the file of a TensorFlow checkpoint that lists its tensors."""
    return path.with_name(f"{path.name}.index")


def format_of(path: Path) -> Format:
    """Tell the format by the file's name.

    Raises:
        WeightsError: no format has such names.
    """
    for format_ in FORMATS:
        if any(fnmatch(path.name.lower(), pattern) for pattern in format_.patterns):
            return format_
    known = "; ".join(f"{f.name} ({', '.join(f.patterns)})" for f in FORMATS)
    msg = f"{path}: no weights file by its name; known are {known}"
    raise WeightsError(msg)


def adopt(path: Path, format_: Format, release: hub.Release | None) -> tuple[str, Adopted]:
    """Give the SHA-256 of the file, and the network that is in it.

    Raises:
        WeightsError: it cannot be read, is damaged or does not fit.
    """
    reader = import_module(f"inceptionkit.convert.formats.{format_.reader}")
    adopter = import_module(f"inceptionkit.convert.{format_.adopter}")
    try:
        if isinstance(release, hub.TorchFile):
            digest = hub.check_digits(path, release)
        else:
            digest = sha256_of(path if path.is_file() else index_of(path))
        tensors = reader.read(path)
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); check the file and its permissions"
        raise WeightsError(msg) from error
    adopted: Adopted = adopter.adopt(tensors, where=str(path))
    return digest, adopted


def without_exits(adopted: Adopted) -> Adopted:
    """Leave the exits out."""
    tensors = {n: v for n, v in adopted.tensors.items() if not n.startswith("exits.")}
    return replace(adopted, net=replace(adopted.net, exits=()), tensors=tensors)


def refuse_not_finite(path: Path, tensors: Tensors) -> None:
    """Refuse weights with which every answer would be none."""
    wrong = [name for name, value in tensors.items() if not np.isfinite(value).all()]
    if wrong:
        msg = (
            f"{path}: {len(wrong)} tensors hold values that are not finite, the first is "
            f"{wrong[0]}; the file is damaged, or its training failed"
        )
        raise WeightsError(msg)


def named_classes(
    net: Net, format_: Format, names: Sequence[str] | None
) -> tuple[tuple[str, ...], Named]:
    """Name the classes: as given, as in ImageNet, or by number.

    Raises:
        WeightsError: there are not as many names as classes.
    """
    count = classes_of(net)
    if names is None:
        if count == class_names.IMAGENET and (format_.name, net.name) != OWN_ORDER:
            return class_names.imagenet(), "ImageNet"
        return class_names.numbered(count), "numbered"
    if len(names) != count:
        msg = f"{len(names)} names of classes for a network with {count}; give one for each"
        raise WeightsError(msg)
    return tuple(names), "given"


def preprocessing_of(
    path: Path, format_: Format, release: hub.Release | None
) -> Preprocessing | None:
    """Say what the release states of its preprocessing, or timm's config.json beside the file.

    Raises:
        WeightsError: there is a config.json of timm's, but it states no possible preprocessing.
    """
    if release is not None:
        return release.preprocessing
    beside = path.with_name("config.json")
    if format_.adopter != "torchvision" or not beside.is_file():
        return None
    try:
        config = json.loads(beside.read_bytes())
    except (OSError, ValueError):
        return None  # another program's
    if not isinstance(config, dict) or "pretrained_cfg" not in config:
        return None
    try:
        return timm_preprocessing(config["pretrained_cfg"])
    except (KeyError, IndexError, TypeError, ArithmeticError, InceptionError) as error:
        msg = f"{beside}: states no preprocessing as timm does ({error!r}); fetch it again"
        raise WeightsError(msg) from error


def timm_preprocessing(stated: Mapping[str, Any]) -> Preprocessing:
    """Read what timm's config.json says; it rounds the short side down."""
    size = stated["input_size"][1]
    return Preprocessing.from_json(
        {
            "size": size,
            "crop": size / int(size / stated["crop_pct"]),
            "interpolation": stated["interpolation"],
            "mean": stated["mean"],
            "std": stated["std"],
            "colour": "RGB",
        }
    )
