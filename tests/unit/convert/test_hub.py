"""Released weights by id: from a cache, or an error that says what to fetch. No network."""

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from safetensors.numpy import save_file

from inceptionkit.convert import hub
from inceptionkit.convert.formats import pytorch
from inceptionkit.convert.hub import RELEASES, HubFile, TorchFile
from inceptionkit.convert.registry import (
    format_of,
    imagenet_classes,
    import_weights,
    preprocessing_of,
    read_weights,
)
from inceptionkit.errors import UnknownNameError, WeightsError
from inceptionkit.files import sha256_of

State = Callable[..., dict[str, np.ndarray]]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is in the caches, and nothing can be fetched."""

    def refuse(*_: object, **__: object) -> None:
        msg = "the tests have no network"
        raise OSError(msg)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("time.sleep", refuse)  # so that nobody tries again


def cached(tmp_path: Path, state: dict[str, np.ndarray], name: str) -> Path:
    """Put a file into torch.hub's folder, its SHA-256 in its name."""
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    pytorch.write(folder / "new", state)
    return (folder / "new").rename(folder / f"{name}-{sha256_of(folder / 'new')[:8]}.pth")


def released(monkeypatch: pytest.MonkeyPatch, id_: str, path: Path) -> None:
    """Say that a release is this file."""
    old = RELEASES[id_]
    assert isinstance(old, TorchFile)
    new = TorchFile(
        address=f"https://download.pytorch.org/models/{path.name}", trained_exits=old.trained_exits
    )
    monkeypatch.setattr(hub, "RELEASES", MappingProxyType({**RELEASES, id_: new}))


def repository(
    home: Path, id_: str, state: dict[str, np.ndarray], revision: str = "0" * 40
) -> Path:
    """Lay out huggingface_hub's cache as it does after a download."""
    folder = home / f"models--{id_.replace('/', '--')}"
    snapshot = folder / "snapshots" / revision
    for place in (snapshot, folder / "refs", folder / "blobs"):
        place.mkdir(parents=True)
    (folder / "refs" / "main").write_text(revision)
    save_file(state, folder / "blobs" / "new")
    blob = folder / "blobs" / sha256_of(folder / "blobs" / "new")
    (snapshot / "model.safetensors").symlink_to((folder / "blobs" / "new").rename(blob))
    return snapshot / "model.safetensors"


@pytest.fixture
def hub_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The cache of huggingface_hub, which reads its variables when it is imported."""
    pytest.importorskip("huggingface_hub", reason="pip install 'inceptionkit[hub]'")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_release_of_torchvision_is_read_from_torchs_cache(
    state_of: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GoogLeNet's exits were never trained, so they are left out."""
    path = cached(tmp_path, state_of(classes=1000), "googlenet")
    released(monkeypatch, "torchvision/googlenet", path)
    imported = import_weights("torchvision/googlenet")

    assert imported.path == path
    assert imported.untrained == ("aux1", "aux2")
    assert imported.card.architecture.exits == ()
    assert not [name for name in imported.tensors if name.startswith("exits.")]
    assert imported.card.classes == imagenet_classes()
    assert imported.card.origin == {
        "file": path.name,
        "sha256": sha256_of(path),
        "kind": "PyTorch",
    }


def test_the_same_file_by_its_path_is_the_same_release(
    state_of: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cached(tmp_path, state_of(classes=1000), "googlenet")
    released(monkeypatch, "torchvision/googlenet", path)

    assert import_weights(path).untrained == ("aux1", "aux2")


def test_trained_exits_of_a_release_are_kept(
    state_of: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = state_of("torchvision", "inception_v3", 1000)
    path = cached(tmp_path, state, "inception_v3_google")
    released(monkeypatch, "torchvision/inception_v3", path)
    card, _ = read_weights("torchvision/inception_v3")

    assert [e.name for e in card.architecture.exits] == ["aux"]


@pytest.mark.parametrize("by", ["id", "path"])
def test_a_release_whose_sha256_is_not_that_in_its_name_is_refused(
    state_of: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    path = cached(tmp_path, state_of(), "googlenet")
    released(monkeypatch, "torchvision/googlenet", path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(WeightsError) as caught:
        read_weights("torchvision/googlenet" if by == "id" else path)

    said = str(caught.value)

    assert said.startswith(f"{path}: its SHA-256 begins with {sha256_of(path)[:8]}, its name says ")
    assert "remove it and fetch https://download.pytorch.org/models/googlenet-" in said


@pytest.mark.parametrize(
    ("tag", "mean", "classes"),
    [("tf_in1k", 0.5, 1001), ("gluon_in1k", 0.485, 1000)],
)
def test_a_release_of_timm_is_read_from_the_hubs_cache(
    state_of: State, hub_home: Path, tag: str, mean: float, classes: int
) -> None:
    state = state_of("timm", "inception_v3", classes)
    repository(hub_home, f"timm/inception_v3.{tag}", state)
    imported = import_weights(f"timm/inception_v3.{tag}")
    stated = imported.card.preprocessing

    assert imported.card.classes == imagenet_classes()
    assert imported.background == (classes == 1001)
    assert (stated.short_side, stated.size, stated.interpolation) == (341, 299, "bicubic")
    assert stated.mean[0] == mean


def test_a_release_may_be_named_with_its_revision(hub_home: Path, state_of: State) -> None:
    state, revision = state_of(net="inception_v3", classes=1000), "a" * 40
    repository(hub_home, "timm/inception_v3.tv_in1k", state, revision)

    card, _ = read_weights(f"timm/inception_v3.tv_in1k@{revision}")
    assert card.origin["revision"] == revision
    with pytest.raises(WeightsError, match="cannot be downloaded"):
        read_weights(f"timm/inception_v3.tv_in1k@{'b' * 40}")
    with pytest.raises(UnknownNameError):
        read_weights("torchvision/vgg16@main")


def test_a_file_that_is_not_what_the_hub_stated_is_refused(hub_home: Path, state_of: State) -> None:
    path = repository(hub_home, "timm/inception_v3.tv_in1k", state_of(net="inception_v3"))
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"!")

    with pytest.raises(WeightsError, match="its SHA-256 is not what the hub stated"):
        read_weights("timm/inception_v3.tv_in1k")


def test_without_a_network_the_error_says_which_file_of_torchvisions_to_fetch(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "torch" / "hub" / "checkpoints"

    with pytest.raises(WeightsError) as caught:
        read_weights("torchvision/googlenet")

    assert str(caught.value) == (
        "torchvision/googlenet: cannot be downloaded (<urlopen error the tests have no network>); "
        "fetch https://download.pytorch.org/models/googlenet-1378be20.pth where there is a "
        f"network, then give the file's path, or put it into {folder}"
    )
    assert not folder.exists()


BY_HAND = (
    "fetch model.safetensors and config.json of https://huggingface.co/timm/inception_v3.tv_in1k "
    "into one folder where there is a network, then give the path of model.safetensors"
)


def test_without_a_network_the_error_says_which_repository_to_fetch_from(
    hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(WeightsError) as caught:
        read_weights("timm/inception_v3.tv_in1k")

    assert not hub_home.exists()
    assert str(caught.value).startswith("timm/inception_v3.tv_in1k: cannot be downloaded (")
    assert str(caught.value).endswith(f"); {BY_HAND}")


def test_without_huggingface_hub_the_error_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(WeightsError) as caught:
        read_weights("timm/inception_v3.tv_in1k")

    assert str(caught.value) == (
        "timm/inception_v3.tv_in1k: needs huggingface_hub; pip install 'inceptionkit[hub]', or "
        + BY_HAND
    )


def test_a_download_is_checked_and_appears_whole(
    state_of: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is a file here; a damaged one leaves nothing behind."""
    path = cached(tmp_path, state_of(), "googlenet")
    there = path.rename(tmp_path / path.name)
    released(monkeypatch, "torchvision/googlenet", path)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: there.open("rb"))
    card, _ = read_weights("torchvision/googlenet")

    assert len(card.classes) == 5
    assert [file.name for file in path.parent.iterdir()] == [path.name]

    path.unlink()
    there.write_bytes(there.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="its SHA-256 begins with"):
        read_weights("torchvision/googlenet")

    assert list(path.parent.iterdir()) == []


def test_a_misspelt_id_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        read_weights("torchvision/googelnet")

    assert str(caught.value) == (
        "no released weights are called 'torchvision/googelnet'; did you mean "
        "'torchvision/googlenet'?"
    )


def test_a_folder_that_is_called_like_an_id_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torchvision" / "googlenet").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(WeightsError, match="no model there"):
        read_weights("torchvision/googlenet")


def test_every_release_says_where_it_is() -> None:
    for id_, release in RELEASES.items():
        match release:
            case TorchFile(address=address):
                assert address.startswith("https://")
                assert int(release.digits, 16) >= 0
                assert len(release.digits) == 8
                assert release.sha256.startswith(release.digits) or not release.sha256
                assert len(release.sha256) in {0, 64}
            case HubFile(repository=repository_, name=name):
                assert (repository_, name) == (id_, "model.safetensors")


def test_timms_config_beside_a_file_says_its_preprocessing(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    config = tmp_path / "config.json"
    stated = {
        "input_size": [3, 299, 299],
        "crop_pct": 0.875,
        "interpolation": "bicubic",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    config.write_text(json.dumps({"architecture": "inception_v3", "pretrained_cfg": stated}))

    assert preprocessing_of(path, format_of(path), None) == (
        RELEASES["timm/inception_v3.gluon_in1k"].preprocessing
    )

    for wrong in ({"crop_pct": 0}, {"mean": [1, 2]}, {"interpolation": "cubic"}, {"std": "x"}):
        config.write_text(json.dumps({"pretrained_cfg": stated | wrong}))
        with pytest.raises(WeightsError, match="states no preprocessing as timm does"):
            preprocessing_of(path, format_of(path), None)

    for others in ("{}", "[]", "no JSON", '{"layers": []}'):
        config.write_text(others)
        assert preprocessing_of(path, format_of(path), None) is None
