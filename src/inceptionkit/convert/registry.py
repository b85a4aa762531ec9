"""Other programs' weights files as models of ours, whichever format they have, and class names."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from inceptionkit import records
from inceptionkit.convert import hub
from inceptionkit.convert.rename import ConvertedWeights, Tensors
from inceptionkit.errors import DataError, InceptionError, WeightsError
from inceptionkit.files import read_bounded, sha256_of
from inceptionkit.model.card import Card, Origin
from inceptionkit.model.folder import CARD, DEFAULT_MODEL, OWNER, TENSORS, misfit, read_model
from inceptionkit.preprocess import Preprocessing
from inceptionkit.preprocess.decode import EXTENSIONS
from inceptionkit.spec import Net, classes_of
from inceptionkit.spec import tensors as shapes

ClassNamesFrom: TypeAlias = Literal["given", "ImageNet", "numbered"]

_IMAGENET_CLASSES = 1000
_NAMES_BYTES, _CONFIG_BYTES = 2**25, 2**20  # most bytes of a list of names, and of config.json
_ILSVRC_ORDER = ("Caffe", "bn_inception")  # lim0606's classes follow ILSVRC's own numbers


@dataclass(frozen=True, slots=True)
class Format:
    """A format of weights files."""

    name: str
    patterns: tuple[str, ...]  # of file names
    reader: str  # module of `convert.formats` with read(path)
    converter: str  # module of `convert` with convert(tensors, where=...)


FORMATS: tuple[Format, ...] = (
    Format("PyTorch", ("*.pth", "*.pt", "*.bin", "*.pth.tar"), "pytorch", "torchvision"),
    Format("safetensors", ("*.safetensors",), "safetensors", "torchvision"),
    Format("Keras", ("*.h5", "*.keras"), "keras", "keras"),
    Format("TensorFlow", ("*.ckpt", "*.ckpt-*", "*.index", "*.data-*"), "tensorflow", "tf_slim"),
    Format("Caffe", ("*.caffemodel",), "caffe", "caffe"),
)
_PYTORCH_BEGINS = (b"PK", b"\x80\x02")  # a zip file, or what torch wrote before


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """Another program's file as a model.

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
    named: ClassNamesFrom
    background: bool
    untrained: tuple[str, ...]


def read_weights(source: str | Path) -> tuple[Card, Tensors]:
    """Read a model: a model folder, a run folder, a weights file, or released weights by id.

    Raises:
        WeightsError: it is none of these, or damaged.
        UnknownNameError: no released weights have that id.
    """
    path = Path(source)
    if path.name == TENSORS and path.with_name(CARD).is_file():  # of a model of ours
        path = path.parent
    if path.is_dir() or not (is_there(path) or hub.is_id(path.as_posix())):
        return read_model(path)
    imported = import_weights(source)
    return imported.card, imported.tensors


def model_and_images(
    model: str | Path, images: str | Path | Sequence[str | Path]
) -> tuple[str | Path, tuple[str | Path, ...]]:
    """A model and the images for it; where the first is an image, too, the model that ships.

    Args:
        model: as `read_weights` takes it; or an image, a folder of images, a list of them or "-".
        images: further ones.

    Raises:
        DataError: there is a model, and no image.
    """
    path, text = Path(model).expanduser(), str(model)
    paths = (images,) if isinstance(images, str | Path) else tuple(images)
    ours = any((path / name).is_file() for name in (CARD, f"model/{CARD}", "run.json"))
    weights = any(fnmatch(path.name.lower(), one) for f in FORMATS for one in f.patterns)
    weights |= path.suffix.lower() in {".onnx", ".xml"}  # whose folder is what is loaded
    ours |= hub.is_id(text) or text.startswith(f"{OWNER}/") or (weights and not path.is_dir())
    image = path.exists() or "://" in text or text[:1] in "-@"
    image |= path.suffix.lower() in EXTENSIONS
    if image and not ours:
        return DEFAULT_MODEL, (model, *paths)
    if not paths:
        wrong = "give the images, too" if ours else "no such image or model; check the spelling"
        msg = f"{text}: {wrong}"
        raise DataError(msg)
    return model, paths


def import_weights(source: str | Path, names: Sequence[str] | None = None) -> ImportedModel:
    """Read a weights file of another program.

    Args:
        source: a file, or the id of released weights.
        names: of its classes, in the order of its outputs; ImageNet's where None and the count
            fits.

    Raises:
        WeightsError: it is no weights file that is known, damaged, or its tensors or classes do not
            fit; nothing was loaded.
        UnknownNameError: no released weights have that id.
    """
    path, release = _locate(source)
    format_ = format_of(path)
    digest, converted = _convert(path, format_, release)
    untrained: tuple[str, ...] = ()
    if release is not None and not release.trained_exits:
        untrained = tuple(e.name for e in converted.net.exits)
        tensors = {n: v for n, v in converted.tensors.items() if not n.startswith("exits.")}
        converted = replace(converted, net=replace(converted.net, exits=()), tensors=tensors)
    if {n: v.shape for n, v in converted.tensors.items()} != dict(shapes(converted.net)):
        raise misfit(path, converted.net, converted.tensors)
    _refuse_not_finite(path, converted.tensors)
    classes, named = name_classes(converted.net, format_, names)
    origin: Origin = {"file": path.name, "sha256": digest, "kind": format_.name}
    if isinstance(release, hub.HubFile):
        origin["revision"] = path.parent.name  # of the repository
    card = Card(
        architecture=converted.net,
        classes=classes,
        preprocessing=preprocessing_of(path, format_, release) or converted.preprocessing,
        origin=origin,
    )
    return ImportedModel(
        card=card,
        tensors=converted.tensors,
        path=path,
        format=format_.name,
        named=named,
        background=converted.background,
        untrained=untrained,
    )


def _locate(source: str | Path) -> tuple[Path, hub.Release | None]:
    """The file, fetched if `source` is the id of released weights."""
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
    return path.is_file() or _index_of(path).is_file()


def _index_of(path: Path) -> Path:
    """The file of a TensorFlow checkpoint that lists its tensors."""
    return path.with_name(f"{path.name}.index")


def beside(model: str | Path, made: str) -> Path:
    """A place for what is made of a model: beside it; here for released weights."""
    path = Path(model)
    if not (path.is_dir() or is_there(path)):
        return Path(f"{path.name}-{made}")
    if path.name in {"", ".."}:
        path = path.resolve()
    return path.with_name(f"{path.name}-{made}")


def format_of(path: Path) -> Format:
    """The format, by the file's name; Lightning's checkpoints are called as TensorFlow's.

    Raises:
        WeightsError: no format has such names.
    """
    if path.name.lower().endswith(".ckpt") and path.is_file():
        with path.open("rb") as file:
            if file.read(2) in _PYTORCH_BEGINS:
                return FORMATS[0]
    for format_ in FORMATS:
        if any(fnmatch(path.name.lower(), pattern) for pattern in format_.patterns):
            return format_
    known = "; ".join(f"{f.name} ({', '.join(f.patterns)})" for f in FORMATS)
    msg = f"{path}: not a weights file by its name; known formats are {known}"
    raise WeightsError(msg)


def _convert(
    path: Path, format_: Format, release: hub.Release | None
) -> tuple[str, ConvertedWeights]:
    """The SHA-256 of the file, and the network that is in it."""
    reader = import_module(f"inceptionkit.convert.formats.{format_.reader}")
    converter = import_module(f"inceptionkit.convert.{format_.converter}")
    try:
        if isinstance(release, hub.TorchFile):
            digest = hub.check_digits(path, release)
        else:
            digest = sha256_of(path if path.is_file() else _index_of(path))
        tensors = reader.read(path)
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); check the file and its permissions"
        raise WeightsError(msg) from error
    if hollow := [name for name, value in tensors.items() if not value.size]:
        msg = f"{path}: {hollow[0]} has no value, whatever its shape claims; fetch or copy it again"
        raise WeightsError(msg)
    return digest, converter.convert(tensors, where=str(path))


def _refuse_not_finite(path: Path, tensors: Tensors) -> None:
    wrong = [name for name, value in tensors.items() if not np.isfinite(value).all()]
    if wrong:
        msg = (
            f"{path}: {len(wrong)} tensors hold values that are not finite, the first is "
            f"{wrong[0]}; the file is damaged, or its training failed"
        )
        raise WeightsError(msg)


def name_classes(
    net: Net, format_: Format, names: Sequence[str] | None
) -> tuple[tuple[str, ...], ClassNamesFrom]:
    """Name the classes: as given, as in ImageNet, or by number.

    Raises:
        WeightsError: there are not as many names as classes.
    """
    count = classes_of(net)
    if names is None:
        if count == _IMAGENET_CLASSES and (format_.name, net.name) != _ILSVRC_ORDER:
            return imagenet_classes(), "ImageNet"
        return numbered_classes(count), "numbered"
    if len(names) != count:
        msg = f"{len(names)} names of classes for a network with {count}; give one for each"
        raise WeightsError(msg)
    return tuple(names), "given"


@cache
def imagenet_classes() -> tuple[str, ...]:
    """Names of ImageNet's 1000 classes in their usual order; see `imagenet/ORIGIN.md`."""
    text = files("inceptionkit.convert").joinpath("imagenet", "classes.txt").read_text("utf-8")
    return tuple(line.partition(" ")[2] for line in text.splitlines())


def numbered_classes(count: int) -> tuple[str, ...]:
    """Names for classes of which nothing is known.

    >>> numbered_classes(2)
    ('class_0000', 'class_0001')
    """
    return tuple(f"class_{i:04d}" for i in range(count))


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read a user's names: a line each or, from a .json file, a list; or such as "cat,dog".

    Raises:
        WeightsError: the file cannot be read, is no such list, or names two classes alike.
    """
    given = str(path)
    try:
        if "," in given and not path.exists():
            names = next(csv.reader([given], skipinitialspace=True))
        else:
            text = read_bounded(path, _NAMES_BYTES).decode("utf-8-sig")
            names = records.STRICT.decode(text) if path.suffix == ".json" else text.splitlines()
    except records.UNREADABLE as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"{path}: class names cannot be read ({reason}); give text, a name on each line"
        raise WeightsError(msg) from error
    if not isinstance(names, list) or not all(isinstance(n, str) and n.strip() for n in names):
        msg = f"{path}: must list a name for each class, none empty, in the order of the outputs"
        raise WeightsError(msg)
    names = [name.strip() for name in names]
    same = [unicodedata.normalize("NFC", name) for name in names]
    twice = next((name for i, name in enumerate(names) if same[i] in same[:i]), None)
    if twice is not None:
        msg = f"{path}: names two classes {twice!r}; give each its own name"
        raise WeightsError(msg)
    return tuple(names)


def preprocessing_of(
    path: Path, format_: Format, release: hub.Release | None
) -> Preprocessing | None:
    """What the release states of its preprocessing, or timm's config.json beside the file.

    Raises:
        WeightsError: there is a config.json of timm's, but it states no possible preprocessing.
    """
    if release is not None:
        return release.preprocessing
    place = path.with_name("config.json")
    if format_.converter != "torchvision" or not place.is_file():
        return None
    try:
        config = records.STRICT.decode(read_bounded(place, _CONFIG_BYTES).decode())
    except records.UNREADABLE:
        return None  # another program's
    if not isinstance(config, dict) or "pretrained_cfg" not in config:
        return None
    try:
        return _timm_preprocessing(config["pretrained_cfg"])
    except (KeyError, IndexError, TypeError, ArithmeticError, InceptionError) as error:
        msg = f"{place}: states no preprocessing as timm does ({error!r}); fetch it again"
        raise WeightsError(msg) from error


def _timm_preprocessing(stated: Mapping[str, Any]) -> Preprocessing:
    """Read what timm's config.json says; it rounds the short side down."""
    size = stated["input_size"][1]
    return records.from_json(
        Preprocessing,
        {
            "size": size,
            "crop": size / int(size / stated["crop_pct"]),
            "interpolation": stated["interpolation"],
            "mean": stated["mean"],
            "std": stated["std"],
            "color": "RGB",
            "depth": 16,
        },
        base=Preprocessing(size=size),
        at="preprocessing",
        error=WeightsError,
    )
