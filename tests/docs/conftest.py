"""What readers of the pages have before they read: photographs, and a run on them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch
from pages import Desk
from PIL import Image

from inceptionkit import architecture, build
from inceptionkit.cli import main
from inceptionkit.model import Card, write_model
from inceptionkit.preprocess import Preprocessing

CLASSES = {"daisy": (220, 220, 200), "rose": (200, 40, 60), "tulip": (120, 60, 180)}
RUNS = tuple(
    f"{name}-001"
    for name in ("photos-inception_small", "photos", "flowers", "roses", "other-photos")
)


def flower(kind: str, number: int, side: int = 32) -> Image.Image:
    """A disc of the color of its kind on noise."""
    random = np.random.default_rng(number)
    pixels = random.integers(0, 90, (side, side, 3), np.uint8)
    down, across = np.mgrid[:side, :side] - random.integers(10, 22, (2, 1, 1))
    pixels[down**2 + across**2 < random.integers(40, 100)] = CLASSES[kind]
    return Image.fromarray(pixels)


def painted(folder: Path, count: int) -> None:
    for kind in CLASSES:
        (folder / kind).mkdir(parents=True)
        for number in range(count):
            flower(kind, number + len(str(folder)) * 1000).save(folder / kind / f"{number:03}.png")


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What readers have before they read: photographs, and a run on them."""
    shelf = tmp_path_factory.mktemp("shelf")
    for name, count in (("train", 12), ("val", 105), ("test", 8)):
        painted(shelf / "photos" / name, count)
    painted(shelf / "flower_photos", 40)
    for number, name in enumerate(("rose.jpg", "new.jpg", "photo.jpg", "new/a.jpg", "more/b.png")):
        (shelf / name).parent.mkdir(exist_ok=True)
        flower("rose", 10**6 + number, 48).save(shelf / name)
    released(shelf)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(shelf)
        first = f"runs/{RUNS[0]}"
        words = ["train", "photos", "--epochs", "6", "--out", first, "--arch", "compact"]
        assert main([*words, "--precision", "fp32", "--input", "32", "--quiet"]) == 0
        assert main(["evaluate", first, "photos", "--exits", "--store", "--quiet"]) == 0
        for name in (*RUNS[1:], "one", "two", "three"):
            shutil.copytree(first, f"runs/{name}")
        for name in ("more-photos", "flowers", "DATA"):
            Path(name).symlink_to("flower_photos")
        shutil.copytree(first, "RUN")
        for name in ("MODEL", "runs/photos-googlenet-001", "runs/flowers-googlenet-001"):
            shutil.copytree("released", name, copy_function=os.link)
        shutil.copytree(f"{first}/model", "models/cats")
        shutil.make_archive("photos", "tar", "flower_photos")
        mistakes()
    return shelf


def released(shelf: Path) -> None:
    """Weights as torchvision publishes them, but random."""
    net = architecture("googlenet:torchvision")
    network = build(net, seed=0).train()
    with torch.no_grad():
        for _ in range(30):  # norms that know what images look like
            network(2 * torch.rand(8, 3, 64, 64) - 1)
    state = {k: v.numpy() for k, v in network.state_dict().items()}
    tensors = {k: v for k, v in state.items() if v.dtype == np.float32}
    card = Card(
        architecture=net,
        classes=tuple(f"class_{number:04}" for number in range(1000)),
        preprocessing=Preprocessing(size=224, crop=224 / 256),
    )
    write_model(shelf / "released", card, tensors)
    words = ["convert", str(shelf / "released"), str(shelf / "googlenet.safetensors")]
    assert main([*words, "--to", "torchvision", "--quiet"]) == 0


def mistakes() -> None:
    """What the page on troubleshooting gives to the program."""
    shutil.copytree("flower_photos/rose", "one-class/rose")
    shutil.copytree("flower_photos/rose", "unsorted")
    shutil.copytree("flower_photos", "divided/train")
    shutil.copytree("flower_photos", "divided/test")
    Path("divided/test/rose").rename("divided/test/lily")
    Path("letter.jpg").write_text("Dear reader")


@pytest.fixture
def desk(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A copy of it to work in; files are linked, for programs replace them and change none."""
    folder = tmp_path / "desk"
    shutil.copytree(shelf, folder, symlinks=True, copy_function=os.link)
    monkeypatch.chdir(folder)
    with ExitStack() as server:
        yield Desk(server, tmp_path)
