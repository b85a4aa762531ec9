"""The pictures of a step that a run keeps are what the network saw."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import inceptionkit
from inceptionkit.errors import RunError
from inceptionkit.network import InceptionNet
from inceptionkit.training.run.batch import FILE, read_seen_batch

SETTINGS = ("mixup=0.4", "batch=32")


@pytest.fixture
def inputs(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """What training gives the network, step by step."""
    seen: list[torch.Tensor] = []
    forward = InceptionNet.forward

    def spy(self: InceptionNet, x: torch.Tensor, *args: object, **options: object) -> object:
        if self.training and torch.is_grad_enabled():
            seen.append(x.detach().clone())
        return forward(self, x, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(InceptionNet, "forward", spy)
    return seen


@pytest.mark.slow
def test_the_pictures_are_those_that_the_network_saw(
    inputs: list[torch.Tensor], tmp_path: Path
) -> None:
    run = inceptionkit.train(
        "digits", SETTINGS, architecture="compact", input_size=16, epochs=1, precision="fp32",
        out=tmp_path / "run", listener=None,
    )  # fmt: skip
    batch = read_seen_batch(run.run)

    assert batch is not None
    assert batch.kept < 0.85
    pictures = np.stack(
        [np.asarray(Image.open(io.BytesIO(base64.b64decode(one.picture)))) for one in batch.images]
    )
    scaled = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 127.5 - 1
    nearest = min(float((x[: len(scaled)] - scaled).abs().max()) for x in inputs if len(x) >= 12)
    assert nearest < 1 / 127


def test_pictures_that_are_damaged_are_refused(tmp_path: Path) -> None:
    image = {"label": "a", "partner": "a", "picture": "%%%"}
    batch = {"step": 0, "side": 8, "kept": 1.0, "kind": "png", "images": [image]}
    (tmp_path / FILE).write_text(json.dumps(batch))

    with pytest.raises(RunError, match="copy the run again"):
        read_seen_batch(tmp_path)


def test_a_run_without_pictures_has_none(tmp_path: Path) -> None:
    assert read_seen_batch(tmp_path) is None
