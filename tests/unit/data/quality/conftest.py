"""Pictures that look like photographs, as far as a thumbnail can tell."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is cached lies in the test's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def scene() -> Callable[..., Image.Image]:
    """A picture of its own for each number: coarse and fine colors."""

    def make(number: int, size: tuple[int, int] = (200, 150)) -> Image.Image:
        random = np.random.default_rng(number)
        coarse = random.integers(40, 215, (3, 4, 3), np.uint8)
        fine = random.integers(0, 255, (12, 16, 3), np.uint8)
        images = [Image.fromarray(p).resize(size, Image.Resampling.BICUBIC) for p in (coarse, fine)]
        return Image.blend(*images, 0.5)

    return make
