"""Loading with near-duplicates in one set: the same as if they had been known before."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inceptionkit.data import BUILT_IN
from inceptionkit.data.loading.sets import LoadedSets, load_sets, open_and_split
from inceptionkit.data.quality.groups import load_grouped
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Silence

Folder = Callable[..., Path]


@dataclass
class Heard(Silence):
    """Keeps what is said."""

    said: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def same(one: LoadedSets, other: LoadedSets) -> bool:
    parts = [(getattr(one, name), getattr(other, name)) for name in ("train", "val", "test")]
    return all(
        a.names == b.names
        and torch.equal(a.pixels, b.pixels)
        and a.pixels.stride() == b.pixels.stride()
        and torch.equal(a.labels, b.labels)
        and np.array_equal(a.shape, b.shape)
        for a, b in parts
    )


@pytest.fixture(params=["square", "oblong"])
def copied(request: pytest.FixtureRequest, photos: Folder) -> Path:
    """Photos with a copy of twenty of them, of which some fall into other sets."""
    folder = photos(each=40)
    if request.param == "square":
        for place in folder.rglob("*.png"):
            Image.open(place).crop((0, 0, 16, 16)).save(place)
    for place in sorted((folder / "dark").glob("*.png"))[:20]:
        Image.open(place).save(folder / "dark" / f"{place.stem}.bmp")
    return folder


def test_images_that_change_their_set_are_as_if_they_had_been_read_there(copied: Path) -> None:
    plain = open_and_split(copied, seed=1)
    how, heard = Preprocessing(size=16), Heard()
    options = {"workers": 2, "strict": False, "listener": heard}
    opened, ready = load_grouped(plain, how, seed=1, **options)
    known = open_and_split(copied, seed=1, duplicate_groups=opened.duplicate_groups)

    assert len(opened.duplicate_groups) == 20
    assert opened.sets.rule == known.sets.rule != plain.sets.rule
    assert opened.dataset is plain.dataset
    assert same(ready, load_sets(known, how, **options))
    assert set(known.sets.val) - set(plain.sets.val)
    assert set(known.sets.train) - set(plain.sets.train)
    sizes = ", ".join(
        f"{name} {len(getattr(known.sets, name))}" for name in ("train", "val", "test")
    )
    assert " ".join(heard.said) == (
        "checked: 20 pictures appear more than once (40 images), each kept in one set: "
        f"{sizes}; see: inceptionkit check {copied}"
    )


def test_without_copies_nothing_changes(photos: Folder) -> None:
    plain = open_and_split(photos(each=40), seed=1)
    how, heard = Preprocessing(size=16), Heard()
    options = {"workers": 2, "strict": False, "listener": heard}
    opened, ready = load_grouped(plain, how, seed=1, **options)

    assert opened == replace(plain, allows_flip=True)
    assert same(ready, load_sets(plain, how, **options))
    assert heard.said == ["checked: no near-duplicates"]


def test_copies_across_given_sets_are_told_and_left_where_they_are(
    photos: Folder, tmp_path: Path
) -> None:
    for name in ("train", "test"):
        photos(each=30, at=f"given/{name}")
    folder = tmp_path / "given"
    heard = Heard()
    for place in (folder / "test").rglob("*.png"):  # other pictures than those of train
        Image.open(place).rotate(180).save(place)
    leak = folder / "train" / "dark" / "3.png"
    (folder / "test" / "dark" / "leak.png").write_bytes(leak.read_bytes())
    plain = open_and_split(folder, seed=0)
    load_grouped(plain, Preprocessing(size=16), seed=0, workers=1, strict=False, listener=heard)

    assert "1 of them in more than one set as given" in heard.said[0]


def test_the_built_in_dataset_has_no_near_duplicates_so_that_training_need_not_look() -> None:
    opened = open_and_split("digits", seed=0)
    heard = Heard()
    load_grouped(opened, Preprocessing(size=32), seed=0, workers=2, strict=False, listener=heard)

    assert opened.address in BUILT_IN
    assert heard.said == ["checked: no near-duplicates"]
