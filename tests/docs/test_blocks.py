"""What the pages tell a reader to type does what they say; trainings are cut to one epoch."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from pages import Block, Desk, blocks, commands
from PIL import Image
from safetensors.numpy import save_file

from inceptionkit.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in [*sorted((ROOT / "docs").glob("**/*.md")), ROOT / "README.md"]
    if any(block.language in {"sh", "python"} for block in blocks(page))
]
CLASSES = {"daisy": (220, 220, 200), "rose": (200, 40, 60), "tulip": (120, 60, 180)}
RUNS = ("photos-compact-001", "photos-001", "flowers-001", "roses-001", "one", "two", "three")


def place(page: Path) -> str:
    return str(page.relative_to(ROOT))


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
def shelf(tmp_path_factory: pytest.TempPathFactory, state_of: Callable) -> Path:
    """What readers have before they read: photographs, and a run on them."""
    shelf = tmp_path_factory.mktemp("shelf")
    for name, count in (("train", 20), ("val", 120), ("test", 60)):
        painted(shelf / "photos" / name, count)
    painted(shelf / "flower_photos", 30)
    for number, name in enumerate(("rose.jpg", "new.jpg", "photo.jpg", "new/a.jpg", "more/b.png")):
        (shelf / name).parent.mkdir(exist_ok=True)
        flower("rose", 10**6 + number, 48).save(shelf / name)
    save_file(state_of(classes=1000), shelf / "googlenet.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(shelf)
        first = f"runs/{RUNS[0]}"
        words = ["train", "photos", "--epochs", "6", "--out", first, "--arch", "compact"]
        assert main([*words, "--precision", "fp32", "--input", "32", "--quiet"]) == 0
        for name in RUNS[1:]:
            shutil.copytree(first, f"runs/{name}")
        for name in ("more-photos", "flowers", "DATA"):
            Path(name).symlink_to("flower_photos")
        for name in ("RUN", "MODEL"):
            shutil.copytree(first, name)
        shutil.make_archive("photos", "tar", "flower_photos")
    return shelf


@pytest.fixture
def desk(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A copy of it to work in."""
    folder = tmp_path / "desk"
    shutil.copytree(shelf, folder, symlinks=True)
    monkeypatch.chdir(folder)
    with ExitStack() as server:
        yield Desk(server, tmp_path)


def refusals(page: Path) -> Iterator[tuple[Block, Block]]:
    """Blocks that fail, each with the block that shows what is said."""
    every = blocks(page)
    return ((a, b) for a, b in zip(every, every[1:], strict=False) if a.fails)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=place)
def test_the_blocks_of_a_page_run(page: Path, desk: Desk) -> None:
    shown = {failing.line: answer for failing, answer in refusals(page)}
    for block in blocks(page):
        if block.language not in {"sh", "python"} or block.skipped:
            continue
        said = " ".join(desk.run(block).split())
        for line in shown[block.line].text.splitlines() if block.fails else ():
            assert " ".join(line.split()) in said


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_blocks_are_marked_as_they_should_be(page: Path) -> None:
    for block in blocks(page):
        if block.note:
            assert block.skipped or block.fails, f"{page}:{block.line}"
        if block.language == "python":
            compile(block.text, f"{page}:{block.line}", "exec")
        if block.language == "sh" and not block.skipped:
            assert list(commands(block))
    assert all(answer.language == "" for _, answer in refusals(page))
