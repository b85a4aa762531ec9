"""Which released weights are on this machine already."""

from pathlib import Path

import pytest

from inceptionkit.convert import hub


def test_files_in_the_caches_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))

    assert hub.cached() == ()
    for file in (
        "torch/hub/checkpoints/googlenet-1378be20.pth",
        "torch/hub/checkpoints/vgg16-397923af.pth",  # of another family
        "hub/models--timm--inception_v3.tv_in1k/snapshots/0a1b/model.safetensors",
        "hub/models--timm--inception_v3.tf_in1k/snapshots/0a1b/config.json",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()

    assert hub.cached() == ("torchvision/googlenet", "timm/inception_v3.tv_in1k")


def test_a_machine_without_a_home_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nowhere/at/all")

    assert hub.cached() == ()
