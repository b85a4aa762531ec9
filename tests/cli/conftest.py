"""Running the program as a user types it."""

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from inceptionkit.cli import main

Folder = Callable[..., Path]


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


Type = Callable[..., Said]


@pytest.fixture
def inceptionkit(capfd: pytest.CaptureFixture[str]) -> Type:
    """Runs a command in this process."""

    def run(*argv: object) -> Said:
        capfd.readouterr()
        code = main([str(word) for word in argv])
        said = capfd.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def shell() -> Type:
    """Runs a command in a process of its own."""

    def run(
        *argv: object, cwd: Path | None = None, entry: Sequence[str] = ("-m", "inceptionkit")
    ) -> Said:
        done = subprocess.run(
            [sys.executable, *entry, *map(str, argv)],
            capture_output=True,
            text=True,
            cwd=cwd,
            check=False,
            timeout=300,
            env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without --out lands in the test's own folder."""
    monkeypatch.chdir(tmp_path)


QUICK = ("--arch", "compact", "--input", "8", "--epochs", "1", "--precision", "fp32")


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the digits, as short as it can be."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert main(["train", "digits", *QUICK, "--out", str(folder), "--quiet", "batch=64"]) == 0
    return folder


@pytest.fixture(scope="session")
def other_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the same images with another learning rate."""
    folder = tmp_path_factory.mktemp("runs") / "other"
    words = ["train", "digits", *QUICK, "--out", str(folder), "--quiet", "batch=64", "lr=0.3"]
    assert main(words) == 0
    return folder


def png_claiming(width: int, height: int) -> bytes:
    """A whole PNG but for its pixels, which are a lie."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checked = kind + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    top = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", top) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.fixture
def rotten() -> Callable[[Path], dict[str, str]]:
    """Puts files that cannot be used into a folder of images; name -> reason."""

    def spoil(folder: Path) -> dict[str, str]:
        whole = next(iter(sorted(folder.glob("*.png")))).read_bytes()
        bad = {
            "text.jpg": (b"shopping list: milk, eggs\n" * 9, "not an image"),
            "zero.jpg": (b"", "empty file"),
            "cut.png": (whole[: len(whole) // 2], "truncated"),
            "huge.png": (
                png_claiming(60_000, 60_000),
                "claims 60000x60000 pixels, the limit is 134,217,728 in all",
            ),
        }
        for name, (content, _) in bad.items():
            (folder / name).write_bytes(content)
        return {name: reason for name, (_, reason) in bad.items()}

    return spoil


@pytest.fixture(scope="session")
def model(tiny_model: Path) -> Path:
    """A model to export; where it is written to, a test takes a copy."""
    return tiny_model


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 52, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture(scope="session")
def theirs(state_of: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of torchvision's: GoogLeNet for five classes, with its auxiliary classifiers."""
    path = tmp_path_factory.mktemp("theirs") / "flowers.safetensors"
    save_file(state_of(), path)
    return path
