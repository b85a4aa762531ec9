"""Shards on a web server: of this machine, started by the test, made to fail."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from object_server import serving

from inceptionkit.data import Unusable, decode_sample, decode_samples, open_dataset
from inceptionkit.errors import DataError
from inceptionkit.preprocess import Preprocessing


@pytest.fixture
def shards(web: Any, tmp_path: Path, image: Callable, tar: Callable) -> Any:
    """Three tars of two classes, with a list of classes beside."""
    for number in range(3):
        files = {
            f"{n}.{e}": c
            for n in range(2)
            for e, c in (("png", image(10 * number + n)), ("cls", str(n).encode()))
        }
        path = tar(tmp_path / "made" / f"{number}.tar", files)
        web.files[f"data/{number}.tar"] = path.read_bytes()
    web.files["data/classes.txt"] = b"ape\nbee\n"
    return web


def values(dataset: Any) -> list[int]:
    return [int(decode_sample(dataset, n)[0, 0, 0]) for n in range(len(dataset.samples))]


def test_a_brace_pattern_names_shards_on_a_server(shards: Any) -> None:
    dataset = open_dataset(f"{shards.address}/data/{{0..2}}.tar")

    assert dataset.classes == ("ape", "bee")
    assert [s.name for s in dataset.samples][:3] == ["0.tar/0.png", "0.tar/1.png", "1.tar/0.png"]
    assert values(dataset) == [0, 1, 10, 11, 20, 21]
    assert dataset.blocks.starts.tolist() == [0, 2, 4]


def test_zips_and_parquet_are_read_by_ranges(
    web: Any, tmp_path: Path, image: Callable, zipped: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra inceptionkit[data]")
    import pyarrow.parquet as pq

    monkeypatch.setattr("inceptionkit.data.storage.remote.BLOCK_BYTES", 10_000)
    noise = np.random.default_rng(0).bytes(100_000)
    files = {"a/1.png": image(1), "a/noise.bin": noise, "b/1.png": image(2)}
    web.files["x.zip"] = zipped(tmp_path / "x.zip", files).read_bytes()
    table = pa.table({"image": [image(3), image(4)], "label": ["a", "b"]})
    pq.write_table(table, tmp_path / "x.parquet")
    web.files["x.parquet"] = (tmp_path / "x.parquet").read_bytes()

    assert values(open_dataset(f"{web.address}/x.zip")) == [1, 2]
    assert values(open_dataset(f"{web.address}/x.parquet?download=true")) == [3, 4]
    asked = [line for line in web.asked if "x.zip bytes" in line]
    assert 0 < len(asked) <= 4, "not the noise in the middle"


def test_the_index_is_kept_and_the_shard_is_not_read_again_for_it(shards: Any) -> None:
    address = f"{shards.address}/data/{{0..2}}.tar"
    first = open_dataset(address)
    shards.asked.clear()
    second = open_dataset(address)

    assert second.fingerprint() == first.fingerprint()
    assert not [line for line in shards.asked if line.startswith("GET") and ".tar" in line]

    shards.files["data/0.tar"] = shards.files["data/1.tar"]
    assert values(open_dataset(address))[:2] == [10, 11]


@pytest.mark.parametrize("dated", [False, True])
def test_labels_that_changed_without_the_size_are_seen(
    dated: bool, web: Any, tmp_path: Path, image: Callable, tar: Callable
) -> None:
    """A server need not send an ETag, nor even a date."""
    days = ["Mon, 01 Jun 2026 10:00:00 GMT", "Mon, 01 Jun 2026 10:00:01 GMT"] if dated else ["", ""]
    web.etags, address = False, f"{web.address}/x.tar"
    labels = []
    for day, classes in zip(days, (b"01", b"10"), strict=True):
        files = {"0.png": image(0), "0.cls": classes[:1], "1.png": image(1), "1.cls": classes[1:]}
        web.changed, web.files["x.tar"] = day, tar(tmp_path / "x.tar", files).read_bytes()
        labels.append(open_dataset(address).samples.labels.tolist())
    web.asked.clear()
    open_dataset(address)

    assert labels == [[0, 1], [1, 0]]
    read = [line for line in web.asked if line.startswith("GET x.tar")]
    assert bool(read) is not dated, "what has a date is remembered"


def test_a_server_without_ranges_will_do(shards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends each file once; those that it sends in vain, because a part was wanted, apart."""
    monkeypatch.setattr("inceptionkit.data.storage.remote.BLOCK_BYTES", 1_000)
    shards.ranges = False
    dataset = open_dataset(f"{shards.address}/data/{{0..2}}.tar")
    sent = [line for line in shards.asked if line.startswith("GET data/") and ".tar" in line]

    assert values(dataset) * 2 == [0, 1, 10, 11, 20, 21] * 2
    assert [line for line in sent if "bytes" in line] == ["GET data/0.tar bytes=0-999"]
    assert [line for line in sent if "bytes" not in line] == [f"GET data/{n}.tar" for n in range(3)]


def test_large_files_of_a_server_without_ranges_are_refused(
    shards: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inceptionkit.data.storage.remote.BLOCK_BYTES", 1_000)
    monkeypatch.setattr("inceptionkit.data.storage.remote._WHOLE_BYTES", 15_000)
    shards.ranges = False

    assert values(open_dataset(f"{shards.address}/data/0.tar")) == [0, 1]
    with pytest.raises(DataError) as caught:
        open_dataset(f"{shards.address}/data/{{0..2}}.tar")
    assert str(caught.value) == (
        f"{shards.address}/data/2.tar: its server sends only whole files, and 20.0 KiB of them do "
        "not fit into the 14.6 KiB that are used; download the files and name them here"
    )


def test_a_shard_that_is_not_there_is_named_and_the_others_are_used(shards: Any) -> None:
    del shards.files["data/1.tar"]
    dataset = open_dataset(f"{shards.address}/data/{{0..2}}.tar")

    assert values(dataset) == [0, 1, 20, 21]
    assert dataset.skipped == (Unusable("1.tar", "the shard is missing"),)


def test_a_connection_that_is_cut_is_tried_again(shards: Any) -> None:
    address = f"{shards.address}/data/0.tar"
    shards.cuts = 2

    assert values(open_dataset(address)) == [0, 1]


@pytest.mark.slow
def test_a_connection_that_is_always_cut_makes_the_images_unusable_by_shard(shards: Any) -> None:
    dataset = open_dataset(f"{shards.address}/data/{{0..1}}.tar")
    for shard in dataset.shards:
        shard.container.file.recent.kept.clear()
    shards.cuts = 1_000
    loaded = decode_samples(dataset, range(4), Preprocessing(size=4).fit)

    assert [one.name for one in loaded.unusable] == list(dataset.samples.names)
    assert loaded.unusable[3].reason.startswith("the shard 1.tar cannot be read: ")


def test_what_cannot_be_reached_is_refused_in_one_sentence(
    web: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal(address: str) -> str:
        with pytest.raises(DataError) as caught:
            open_dataset(address)
        return str(caught.value)

    assert refusal(f"{web.address}/no.tar") == (
        f"{web.address}/no.tar: it is missing; copy or download the file again"
    )
    assert refusal(f"{web.address}/photos") == (
        f"{web.address}/photos: there is no .parquet, .tar or .zip file; check the address"
    )
    assert refusal("ftps://x/0.tar") == (
        "ftps://x/0.tar: ftps:// is not a supported kind of address; did you mean 'https'?"
    )
    monkeypatch.setitem(sys.modules, "s3fs", None)
    assert refusal("s3://bucket/0.tar") == (
        "s3://bucket/0.tar: reading s3:// needs s3fs, which is not installed; "
        "run pip install 'inceptionkit[remote]'"
    )


STORES = {
    "s3": ("s3fs", "bucket", {"key": "any", "secret": "any"}, "endpoint_url"),
    "gs": ("gcsfs", "bucket", {"token": "anon"}, "endpoint_url"),
    "hf": ("huggingface_hub", "datasets/people/photos", {"token": False}, "endpoint"),
}


@pytest.mark.parametrize("kind", STORES)
def test_shards_in_a_store_are_read_by_its_own_protocol(
    kind: str, tmp_path: Path, image: Callable, tar: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3, Google's storage and the Hub, as a server of this machine speaks them."""
    package, place, options, endpoint = STORES[kind]
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # it would ask Google by gRPC
    pytest.importorskip(package, reason="needs the extra inceptionkit[remote]")
    from fsspec.config import conf

    made = tar(tmp_path / "0.tar", {f"{c}/1.png": image(n) for n, c in enumerate("ab")})
    files = {
        f"{folder}/train/{n}.tar": made.read_bytes()
        for folder in ("bucket", "people/photos")
        for n in range(2)
    }
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving(files) as address:
        monkeypatch.setitem(conf, kind, {**options, endpoint: address})
        folder = open_dataset(f"{kind}://{place}/train")
        some = open_dataset(f"{kind}://{place}/train/{{1..2}}.tar")

        assert [s.name for s in folder.samples] == [
            "0.tar/a/1.png", "0.tar/b/1.png", "1.tar/a/1.png", "1.tar/b/1.png",
        ]  # fmt: skip
        assert values(folder) == [0, 1, 0, 1]
        assert values(some) == [0, 1]
        assert some.skipped == (Unusable("2.tar", "the shard is missing"),)


def test_other_file_systems_of_fsspec_are_read_alike(
    tmp_path: Path, image: Callable, tar: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What every file system of fsspec gives: listing, sizes, ranges."""
    import fsspec

    from inceptionkit.data.storage import remote

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(remote.PACKAGES, "memory", "fsspec")
    files = fsspec.filesystem("memory")
    for number in range(2):
        path = tar(tmp_path / f"{number}.tar", {f"{c}/1.png": image(number) for c in "ab"})
        files.pipe_file(f"/bucket/train/{number}.tar", path.read_bytes())
    dataset = open_dataset("memory://bucket/train")

    assert [s.name for s in dataset.samples] == [
        "0.tar/a/1.png", "0.tar/b/1.png", "1.tar/a/1.png", "1.tar/b/1.png",
    ]  # fmt: skip
    assert values(dataset) == [0, 0, 1, 1]
