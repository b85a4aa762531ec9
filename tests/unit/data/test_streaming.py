"""Training images that are read as they are needed."""

import io
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.data import Dataset, SampleTable, Unusable, decode_samples, open_dataset
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.data.loading.sampling import WINDOW_BYTES
from inceptionkit.data.loading.sets import load_sets, open_and_split
from inceptionkit.data.loading.streaming import BATCHES_AHEAD, Stream
from inceptionkit.data.transforms.augmentation import Augmentation, Cropping, PaddedCrop
from inceptionkit.data.types import Blocks
from inceptionkit.errors import DataError
from inceptionkit.preprocess import Preprocessing, UnusableImage

ODD = Augmentation(interpolation="random", crop=PaddedCrop(padding=2))


@dataclass
class Made:
    """A dataset that is made up: image n is n everywhere, 3 high and n + 1 wide."""

    count: int = 40
    bad: frozenset[int] = frozenset()
    block: int | None = None  # samples in a block
    reads: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    address: str = "made"
    classes: tuple[str, ...] = ("even", "odd")
    allows_flip: bool = True
    skipped: tuple[Unusable, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def samples(self) -> SampleTable:
        labels = np.arange(self.count, dtype=np.int32) % 2
        return SampleTable(
            [f"{n}.png" for n in range(self.count)], labels, np.zeros(self.count, np.int8)
        )

    @property
    def blocks(self) -> Blocks | None:
        if self.block is None:
            return None
        each = WINDOW_BYTES // (2 * self.block)  # two blocks to a window
        return Blocks(np.arange(0, self.count, self.block), np.full(self.count, each))

    def read(self, index: int) -> NDArray[np.uint8]:
        with self.lock:
            self.reads[index] += 1
        if index in self.bad:
            reason = "damaged"
            raise UnusableImage(reason)
        return np.full((3, index + 1), index, np.uint8)

    def fingerprint(self) -> str:
        return ""


def cropping(number: int = 0) -> Cropping:
    return Cropping(how=Augmentation(), side=2, seed=7, epoch=number)


def stream(dataset: Made, workers: int = 3, strict: bool = False) -> Stream:
    kept = np.flatnonzero(np.arange(dataset.count) % 5 != 4)
    return Stream(dataset, kept, workers=workers, strict=strict)


def take(images: Stream, *indices: int) -> tuple[list[int], list[int]]:
    """Values and labels of some images that were not expected."""
    crops, labels = images.crops(np.array(indices), cropping(), "cpu")
    return crops[:, 0, 0, 0].tolist(), labels.tolist()


def epoch(images: Stream, number: int, batch: int = 6, skip: int = 0) -> tuple[list[int], list]:
    """Values and labels of an epoch, from its batch `skip` on."""
    order = images.order(0, number)[skip * batch :]
    batches = [order[at : at + batch] for at in range(0, len(order), batch)]
    images.expect(batches, cropping(number))
    taken = [images.crops(indices, cropping(number), "cpu") for indices in batches]
    crops, labels = (torch.cat(part) for part in zip(*taken, strict=True))
    return crops[:, 0, 0, 0].tolist(), labels.tolist()


def pictures(folder: Path, count: int) -> Dataset:
    """Noise of 70 x 50 pixels in two classes."""
    random = np.random.default_rng(0)
    for number in range(count):
        place = folder / "ab"[number % 2] / f"{number:02}.png"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(64, 192, (50, 70, 3), np.uint8)).save(place)
    return open_dataset(folder)


@pytest.mark.parametrize("how", [Augmentation(), ODD])
def test_it_gives_the_crops_that_memory_would_give(tmp_path: Path, how: Augmentation) -> None:
    """But for rounding, and to any index of an image: one beyond the count is another draw."""
    dataset, every = pictures(tmp_path, 24), np.arange(24)
    streamed = Stream(dataset, every, workers=2)
    loaded = decode_samples(dataset, every, lambda image: image)
    pixels = torch.from_numpy(loaded.pixels).permute(0, 3, 1, 2)
    held = Images(pixels, streamed.labels, np.full(24, 70 / 50), streamed.names)
    wanted = Cropping(how=how, side=16, seed=7, epoch=3)
    order = held.order(7, 3)
    batches = list(order.reshape(-1, 8) + 24 * (np.arange(8) % 3))
    streamed.expect(batches, wanted)

    assert streamed.order(7, 3).tolist() == order.tolist()
    for indices in batches:
        crops, labels = streamed.crops(indices, wanted, "cpu")
        expected = held.crops(indices, wanted, "cpu")
        assert (crops - expected[0]).abs().max() <= 1.5
        assert torch.equal(labels, expected[1])
    assert list(streamed.names) == list(dataset.samples.names)


@pytest.mark.parametrize("block", [None, 7])
@pytest.mark.parametrize("workers", [1, 2, 9])
def test_no_result_depends_on_the_workers(workers: int, block: int | None) -> None:
    one = epoch(stream(Made(block=block, bad=frozenset({3, 5})), 1), 2)

    assert epoch(stream(Made(block=block, bad=frozenset({3, 5})), workers), 2) == one


@pytest.mark.parametrize("skip", [0, 1, 4])
def test_it_goes_on_in_the_middle_of_a_shard_with_the_next_sample(skip: int) -> None:
    whole = epoch(stream(Made(block=7)), 1)
    dataset = Made(block=7)
    rest = epoch(stream(dataset), 1, skip=skip)

    assert rest == tuple(part[skip * 6 :] for part in whole)
    assert set(dataset.reads) == set(rest[0]), "nothing that was done is read again"


def test_each_sample_of_a_block_is_read_once_in_an_epoch_and_let_go() -> None:
    dataset = Made(block=7)
    images = stream(dataset)
    values, _ = epoch(images, 0)

    assert sorted(values) == images.indices.tolist()
    assert set(dataset.reads.values()) == {1}
    assert images.ahead.held == {}


def test_a_few_batches_are_read_before_they_are_asked_for() -> None:
    dataset = Made()
    images = stream(dataset)
    order = images.order(0, 0)
    images.expect(list(order.reshape(-1, 2)), cropping())
    for batch in images.begun:
        batch.result()

    assert set(dataset.reads) == {int(images.indices[at]) for at in order[: 2 * BATCHES_AHEAD]}


def test_what_was_not_expected_is_read_when_it_is_asked_for() -> None:
    images = stream(Made(block=7))

    assert take(images, 0, 1, 2, 3) == ([0, 1, 2, 3], [0, 1, 0, 1])


def test_an_unusable_image_gives_way_to_the_next_of_its_class_and_is_reported() -> None:
    images = stream(Made(bad=frozenset({3, 5, 38})))
    values, labels = take(images, 3, 4, 5, 31)  # samples 3, 5, 6 and 38

    assert values == [7, 7, 6, 0], "38 is the last even one"
    assert labels == [1, 1, 0, 0]
    assert images.unusable() == tuple(Unusable(f"{n}.png", "damaged") for n in (3, 5, 38))


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


def test_strict_and_classes_without_a_usable_image_stop_the_run() -> None:
    odd = frozenset(range(1, 40, 2))

    assert refusal(lambda: take(stream(Made(bad=frozenset({3})), strict=True), 0, 1, 2, 3)) == (
        "made: 3.png cannot be used (damaged); repair or delete it, or run without --strict"
    )
    assert refusal(lambda: take(stream(Made(bad=odd)), 0, 1)) == (
        "made: no usable image of 'odd' (1.png: damaged); replace its images, or remove the class"
    )


SORTED = 20 * 30  # images of twenty classes, class after class


def small(number: int) -> bytes:
    """A PNG of about 500 bytes, unlike any other."""
    noise = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
    return encoded(noise)


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


def sorted_source(kind: str, tmp_path: Path, web: Any, tar: Any, zipped: Any) -> str:
    """Where that kind of source lies, which holds the images sorted by class."""
    raws = {f"c{n // 30:02}/{n:04}.png": small(n) for n in range(SORTED)}
    if kind == "parquet":
        pa = pytest.importorskip("pyarrow", reason="needs the extra inceptionkit[data]")
        import pyarrow.parquet as pq

        labels = [n // 30 for n in range(SORTED)]
        table = pa.table({"image": list(raws.values()), "label": labels})
        pq.write_table(table, tmp_path / "x.parquet")  # all in one row group, as pandas does
        return str(tmp_path / "x.parquet")
    if kind == "webdataset":
        raws = {f"{n:04}.png": small(n) for n in range(SORTED)}
        raws |= {f"{n:04}.cls": f"{n // 30}".encode() for n in range(SORTED)}
        for shard in range(20):
            part = {k: v for k, v in raws.items() if int(k[:4]) // 30 == shard}
            tar(tmp_path / "shards" / f"{shard:02}.tar.gz", dict(sorted(part.items())))
        return str(tmp_path / "shards")
    name = {"http zip": "x.zip", "http tar": "x.tar"}.get(kind, f"x.{kind}")
    place = (zipped if name.endswith("zip") else tar)(tmp_path / name, raws)
    if kind.startswith("http"):
        web.files[name] = place.read_bytes()
        return f"{web.address}/{name}"
    return str(place)


@pytest.mark.parametrize(
    "kind", ["tar", "tar.gz", "zip", "webdataset", "parquet", "http tar", "http zip"]
)
def test_the_first_batches_of_a_sorted_source_hold_all_classes_though_little_fits_into_memory(
    kind: str, tmp_path: Path, web: Any, tar: Any, zipped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sampling", "streaming"):
        monkeypatch.setattr(f"inceptionkit.data.loading.{module}.WINDOW_BYTES", 30_000)
    monkeypatch.setattr("inceptionkit.data.storage.gzip._CLOSEST", 16_384)
    monkeypatch.setattr("inceptionkit.data.storage.remote.BLOCK_BYTES", 32_768)
    dataset = open_dataset(sorted_source(kind, tmp_path, web, tar, zipped))
    images = Stream(dataset, np.arange(SORTED), workers=2)
    order = images.order(0, 0)
    batches = list(order.reshape(-1, 50))
    whole = Cropping(how=Augmentation(flip="none"), side=12, seed=0, epoch=0)
    images.expect(batches, whole)
    taken = [images.crops(indices, whole, "cpu") for indices in batches]
    classes = [len(set(labels.tolist())) for _, labels in taken]

    assert sorted(order.tolist()) == list(range(SORTED))
    assert classes[0] >= 14, "of 20; 18.5 are expected of 50 random ones"
    assert sum(classes) / len(classes) >= 16
    assert images.unusable() == ()
    assert images.ahead.held == {}


def test_what_sorted_data_costs_is_said_or_refused(
    tmp_path: Path, tar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class is two blocks, and a window holds a few of them."""
    monkeypatch.setattr("inceptionkit.data.loading.sets.TRAIN_MEMORY", 1)
    monkeypatch.setattr("inceptionkit.data.storage.gzip._CLOSEST", 16_384)
    address = sorted_source("tar.gz", tmp_path, None, tar, None)
    heard = Heard()

    def load() -> None:
        opened = open_and_split(address, seed=0)
        load_sets(opened, Preprocessing(size=12), workers=1, strict=False, listener=heard)

    for module in ("sampling", "sets"):
        monkeypatch.setattr(f"inceptionkit.data.loading.{module}.WINDOW_BYTES", 30_000)
    load()
    (cost,) = [line for line in heard.said if "sorted by class" in line]
    monkeypatch.setattr("inceptionkit.data.loading.sets._MOST_PARTS", 1)

    assert re.fullmatch(
        rf"{address}: its images are sorted by class, so an epoch reads it \d+ times to mix them; "
        "shuffle them before you pack them, or give a folder, or a .tar or .zip on this machine",
        cost,
    )
    with pytest.raises(DataError, match="sorted by class"):
        load()


class Heard:
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def epoch(self, row: object) -> None: ...

    def progress(self, report: object) -> None: ...
