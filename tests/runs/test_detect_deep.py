"""A detector of images of 12 bits in files of 16: how they are decoded stands in its card."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inceptionkit
from inceptionkit.detection.load import load
from inceptionkit.spec import Net, to_json

pytestmark = pytest.mark.run


def test_a_run_keeps_the_depth_of_its_images(tiny: Net, tmp_path: Path) -> None:
    folder, random = tmp_path / "spots", np.random.default_rng(0)
    folder.mkdir()
    rows = ["image,label,xmin,ymin,xmax,ymax"]
    for number in range(8):
        values = random.integers(1_000, 1_500, (48, 48)).astype(np.uint16)
        values[10:24, 8:22] = 4_000
        Image.fromarray(values).save(folder / f"{number}.png")
        rows.append(f"{number}.png,spot,8,10,22,24")
    (folder / "boxes.csv").write_text("\n".join(rows))
    (tmp_path / "trunk.json").write_text(json.dumps(to_json(tiny)))

    run = inceptionkit.detect_train(
        folder, "batch=4", architecture=str(tmp_path / "trunk.json"), epochs=1, input_size=64,
        precision="fp32", device="cpu", out=tmp_path / "run",
    ).run  # fmt: skip

    card = json.loads((run / "model" / "model.json").read_text())
    assert card["preprocessing"]["depth"] == 12
    assert load(run).depth == 12
    assert inceptionkit.detect_evaluate(run, folder).scores.images == 2
