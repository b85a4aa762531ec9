"""A network of the catalog, trained from scratch on a few color photographs."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inceptionkit

HUES = {"red": (200, 60, 60), "green": (60, 180, 60), "blue": (60, 70, 200), "gray": (130,) * 3}


@pytest.fixture
def colors(tmp_path: Path) -> Path:
    """Four classes of noise around a color, 60 images each."""
    random = np.random.default_rng(0)
    for name, color in HUES.items():
        folder = tmp_path / "colors" / name
        folder.mkdir(parents=True)
        for number in range(60):
            coarse = random.normal(color, 50, (12, 12, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(coarse).resize((112, 112)).save(folder / f"{number}.png")
    return tmp_path / "colors"


@pytest.mark.slow
@pytest.mark.usefixtures("pinned")
def test_a_few_steps_of_googlenet_do_not_collapse(colors: Path, tmp_path: Path) -> None:
    result = inceptionkit.train(
        colors, architecture="googlenet:bn", input_size=96, epochs=2, out=tmp_path / "run"
    )
    rows = (result.run / "log.csv").read_text().splitlines()
    losses = [
        float(value)
        for row in rows[1:]
        for name, value in zip(rows[0].split(","), row.split(","), strict=True)
        if name.endswith("_loss") and value
    ]

    assert result.nothing_learned is None
    assert losses
    assert all(map(math.isfinite, losses))
