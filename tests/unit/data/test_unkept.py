"""Sets that do not fit into memory, decoded each time they are scored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inceptionkit.data import open_dataset
from inceptionkit.data.loading import sets as prepare
from inceptionkit.data.loading.sets import load_sets, open_and_split
from inceptionkit.data.loading.unkept import UnkeptImages, UnkeptPixels
from inceptionkit.errors import DataError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Silence


@pytest.fixture
def data(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for number in range(120):
        place = tmp_path / "data" / "ab"[number % 2] / f"{number:03}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (20, 24, 3), np.uint8)).save(place)
    (tmp_path / "data" / "a" / "no.png").write_text("no")
    return tmp_path / "data"


def loaded(data: Path) -> prepare.LoadedSets:
    how, opened = Preprocessing(size=16), open_and_split(data, seed=0)
    bad = opened.dataset.samples.names.index("a/no.png")
    sets = opened.sets
    test = np.union1d(sets.test, [bad])
    sets = replace(sets, train=np.setdiff1d(sets.train, test), val=np.setdiff1d(sets.val, test))
    opened = replace(opened, sets=replace(sets, test=test))
    return load_sets(opened, how, workers=2, strict=False, listener=Silence())


def test_a_set_that_does_not_fit_gives_the_images_that_memory_gives(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = loaded(data)
    monkeypatch.setattr(prepare, "TRAIN_MEMORY", 1)
    again = loaded(data)

    for name in ("val", "test"):
        one, two = getattr(held, name), getattr(again, name)
        assert isinstance(two, UnkeptImages)
        assert len(next(two.pixels.split(5))) == 5
        for _ in range(2):
            assert torch.equal(torch.cat(list(two.pixels.split(5))), one.pixels)
        assert torch.equal(torch.cat(list(two.pixels[2:7].split(128))), one.pixels[2:7])
        assert torch.equal(one.labels, two.labels)
        assert list(one.names) == list(two.names)
        assert one.hashes.tolist() == two.hashes.tolist()
    assert again.unusable == held.unusable
    assert [image.name for image in again.unusable] == ["a/no.png"]


def test_no_batches_of_no_images_and_a_vanished_one_is_named(data: Path) -> None:
    dataset, fit = open_dataset(data), Preprocessing(size=16).fit
    pixels = UnkeptPixels(dataset, np.arange(4), fit, threads=1)
    (data / dataset.samples.names[3]).unlink()
    batches = pixels.split(2)

    assert list(pixels[:0].split(2)) == []
    assert next(batches).shape == (2, 3, 16, 16)
    with pytest.raises(DataError, match=r"a/006.png could be read before, and cannot any more"):
        next(batches)
