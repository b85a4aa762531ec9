"""Released weights by id: `torchvision/googlenet`, `timm/inception_v3.tv_in1k`.

A file that was fetched before is used without a network: from torch.hub's folder, or from the cache
of huggingface_hub, so that the revision that was fetched first stays; `ID@REVISION` names another.
The SHA-256 of torchvision's files is checked, and that of the hub's against what the hub stated.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from inceptionkit.errors import UnknownNameError, WeightsError, did_you_mean
from inceptionkit.files import sha256_of
from inceptionkit.preprocess import Preprocessing
from inceptionkit.preprocess.preprocessing import IMAGENET_MEAN, IMAGENET_STD

_TIMEOUT = 30.0  # seconds without an answer
_SHA256_DIGITS = 64
_OWNERS = ("torchvision", "timm")


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchFile:
    """A file that torchvision downloads; the digits in its name begin its SHA-256."""

    address: str
    sha256: str = ""  # all of it where it is known; the digits in the name are its first
    trained_exits: bool = True
    preprocessing: Preprocessing | None = None  # None: what its network expects

    @property
    def name(self) -> str:
        """Its name in every cache."""
        return self.address.rpartition("/")[2]

    @property
    def digits(self) -> str:
        """How its SHA-256 begins."""
        return self.name.rpartition("-")[2].partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file of a repository on huggingface.co."""

    repository: str
    name: str = "model.safetensors"
    trained_exits: bool = True
    preprocessing: Preprocessing | None = None


Release = TorchFile | HubFile

_TORCHVISION = "https://download.pytorch.org/models/"
_TIMM = Preprocessing(size=299, crop=299 / 341, interpolation="bicubic")  # 341.7, rounded down
_GLUON = replace(_TIMM, mean=IMAGENET_MEAN, std=IMAGENET_STD)

RELEASES: Mapping[str, Release] = MappingProxyType(
    {
        # the auxiliary classifiers in GoogLeNet's file were never trained, as torchvision warns
        "torchvision/googlenet": TorchFile(
            address=f"{_TORCHVISION}googlenet-1378be20.pth", trained_exits=False
        ),
        "torchvision/inception_v3": TorchFile(
            address=f"{_TORCHVISION}inception_v3_google-0cc3c7bd.pth"
        ),
        "torchvision/alexnet": TorchFile(
            address=f"{_TORCHVISION}alexnet-owt-7be5be79.pth",
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        ),
        "torchvision/vgg16": TorchFile(
            address=f"{_TORCHVISION}vgg16-397923af.pth",
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        ),
        **{
            f"timm/inception_v3.{tag}": HubFile(
                repository=f"timm/inception_v3.{tag}", preprocessing=preprocessing
            )
            for tag, preprocessing in (
                ("tv_in1k", _TIMM),
                ("tf_in1k", _TIMM),
                ("tf_adv_in1k", _TIMM),
                ("gluon_in1k", _GLUON),
            )
        },
    }
)  # id -> release


def cached() -> tuple[str, ...]:
    """Ids of released ImageNet weights of this family that are on this machine already."""
    found = []
    for id_, release in RELEASES.items():
        if "inception" not in id_ and "googlenet" not in id_:
            continue
        try:
            if isinstance(release, TorchFile):
                there = (_torch_folder() / release.name).is_file()
            else:
                home = os.environ.get("HF_HOME", "~/.cache/huggingface")
                cache = Path(os.environ.get("HF_HUB_CACHE", f"{home}/hub")).expanduser()
                folder = f"models--{release.repository.replace('/', '--')}"
                there = any(cache.glob(f"{folder}/snapshots/*/{release.name}"))
        except (OSError, RuntimeError, WeightsError):  # there is no home
            there = False
        if there:
            found.append(id_)
    return tuple(found)


def is_id(text: str) -> bool:
    """Whether `text` is meant as an id: an owner that we know, and a name."""
    owner, _, name = text.partition("/")
    return owner in _OWNERS and bool(name)


def release_of(path: Path) -> TorchFile | None:
    """Say which of torchvision's files this is, by its name."""
    releases = (r for r in RELEASES.values() if isinstance(r, TorchFile) and r.name == path.name)
    return next(releases, None)


def fetch(id_: str) -> tuple[Path, Release]:
    """Find a released file in the caches, or download it.

    Raises:
        UnknownNameError: no such release.
        WeightsError: it is not here and cannot be downloaded; the file to fetch is named.
    """
    name, _, revision = id_.partition("@")
    if name not in RELEASES or (revision and isinstance(RELEASES[name], TorchFile)):
        msg = f"no released weights are called {id_!r}; {did_you_mean(id_, RELEASES)}"
        raise UnknownNameError(msg)
    release = RELEASES[name]
    match release:
        case TorchFile():
            return _fetch_torch(id_, release), release
        case HubFile():
            return _fetch_hub(id_, release, revision or None), release


def _torch_folder() -> Path:
    """Where torch.hub keeps its downloads: $TORCH_HOME or its default."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", f"{cache}/torch")
    try:
        return Path(home).expanduser() / "hub" / "checkpoints"
    except RuntimeError as error:
        msg = "there is no home folder for downloads; set TORCH_HOME to a folder"
        raise WeightsError(msg) from error


def _fetch_torch(id_: str, release: TorchFile) -> Path:
    """Find one of torchvision's files in torch.hub's folder, or download it there."""
    from urllib.request import urlopen

    place = _torch_folder() / release.name
    if place.is_file():
        return place
    beside = place.with_name(f".{place.name}.part")
    try:
        with urlopen(release.address, timeout=_TIMEOUT) as answer:  # noqa: S310 - https
            place.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                shutil.copyfileobj(answer, file)
        check_digits(beside, release)
        beside.replace(place)
    except OSError as error:
        msg = (
            f"{id_}: cannot be downloaded ({error}); fetch {release.address} where there is a "
            f"network, then give the file's path, or put it into {place.parent}"
        )
        raise WeightsError(msg) from error
    finally:
        beside.unlink(missing_ok=True)
    return place


def check_digits(path: Path, release: TorchFile) -> str:
    """Give the SHA-256 of a released file, having compared it with the digits in its name.

    Raises:
        WeightsError: they differ.
    """
    digest = sha256_of(path)
    if not digest.startswith(release.sha256 or release.digits):
        msg = (
            f"{path}: its SHA-256 begins with {digest[: len(release.digits)]}, its name says "
            f"{release.digits}, so it is damaged; remove it and fetch {release.address} again"
        )
        raise WeightsError(msg)
    return digest


def _fetch_hub(id_: str, release: HubFile, revision: str | None) -> Path:
    """Find a repository's file in the cache of huggingface_hub, or download it there."""
    by_hand = (
        f"fetch {release.name} and config.json of https://huggingface.co/{release.repository} into "
        f"one folder where there is a network, then give the path of {release.name}"
    )
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        msg = f"{id_}: needs huggingface_hub; pip install 'inceptionkit[hub]', or {by_hand}"
        raise WeightsError(msg) from error
    fetch_it = partial(hf_hub_download, release.repository, release.name, revision=revision)
    try:
        try:  # what is in the cache needs no network, not even to ask for news
            path = Path(fetch_it(local_files_only=True))
        except OSError:
            path = Path(fetch_it())
    except OSError as error:
        msg = f"{id_}: cannot be downloaded ({type(error).__name__}); {by_hand}"
        raise WeightsError(msg) from error
    stated = path.resolve().name  # of a large file: the SHA-256 that the hub stated
    if len(stated) == _SHA256_DIGITS and sha256_of(path) != stated:
        msg = f"{path}: its SHA-256 is not what the hub stated; remove it and fetch it again"
        raise WeightsError(msg)
    return path
