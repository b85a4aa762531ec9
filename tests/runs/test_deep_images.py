"""Images of 12 bits in files of 16, which no file says."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import inceptionkit
from inceptionkit.data import decode_sample, open_dataset
from inceptionkit.data.loading.read import at_depth
from inceptionkit.data.loading.sets import open_and_split
from inceptionkit.data.quality.findings import find
from inceptionkit.data.quality.scan import scan
from inceptionkit.spec import Net

pytestmark = pytest.mark.run


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """Noise that is dark or light, of 12 bits in PNGs of 16."""
    random = np.random.default_rng(0)
    for number in range(60):
        light = number % 2
        values = random.integers(1_000, 2_000, (12, 12)) + 2_000 * light + number
        place = tmp_path / "photos" / ("dark", "light")[light] / f"{number:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values.astype(np.uint16)).save(place)
    return tmp_path / "photos"


class Heard:
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def epoch(self, row: object) -> None: ...

    def progress(self, report: object) -> None: ...


@pytest.mark.slow
def test_the_depth_of_a_set_is_found_said_and_kept_with_the_model(
    deep: Path, tiny: Net, tmp_path: Path
) -> None:
    net, heard = replace(tiny, image=(3, 12, 12)), Heard()
    options: Any = {"settings": ("batch=8", "flip=none"), "epochs": 2, "listener": heard}
    inceptionkit.train(deep, out=tmp_path / "run", architecture=net, **options)
    made = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    model = inceptionkit.load(tmp_path / "run")
    light = deep / "light" / "01.png"
    shown = decode_sample(at_depth(open_dataset(deep), 12), 30)
    direct, through = model.predict([light, shown])
    scores = inceptionkit.evaluate(tmp_path / "run", deep)

    use = "images with more than 8 bits a channel use 12 bits, and are scaled from these"
    assert f"note: {use}" in heard.said
    assert made["preprocessing"]["depth"] == 12
    assert 200 < shown.mean() < 240
    assert direct.top == through.top
    assert scores.top1 >= 0.5

    del made["preprocessing"]["depth"]  # as models have it that were made before
    (tmp_path / "run" / "model" / "model.json").write_text(json.dumps(made))
    assert inceptionkit.load(tmp_path / "run").card.preprocessing.depth == 16


def test_sets_that_use_all_bits_are_left_alone(deep: Path) -> None:
    Image.fromarray(np.full((12, 12), 50_000, np.uint16)).save(deep / "dark" / "00.png")
    opened = open_and_split(deep, seed=0)

    assert opened.sizes.depth == 16
    assert opened.dataset.notes == ()


def test_check_judges_them_as_training_sees_them(
    deep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = scan(open_dataset(deep), threads=1)
    kinds: Callable[..., set[str]] = lambda one: {finding.kind for finding in find(one, ())}  # noqa: E731

    assert {"dark", "blank"}.isdisjoint(kinds(found))
    assert found.stats["high"].max() > 200
    assert scan(open_dataset(deep), threads=1).stats.tobytes() == found.stats.tobytes()
