"""Looking at every image, remembering it, and judging."""

import errno
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inceptionkit.data import open_dataset
from inceptionkit.data.quality import cache as cached
from inceptionkit.data.quality.findings import Finding, find
from inceptionkit.data.quality.scan import Scan, scan

Scene = Callable[..., Image.Image]


@pytest.fixture
def data(tmp_path: Path, scene: Scene) -> Path:
    """Two classes of 25 pictures."""
    for number in range(50):
        place = tmp_path / "data" / "ab"[number % 2] / f"{number:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        scene(number, (80, 60)).save(place)
    return tmp_path / "data"


def looked(data: Path) -> Scan:
    return scan(open_dataset(data), threads=2)


def found(data: Path) -> dict[str, Finding]:
    seen = looked(data)
    return {one.kind: one for one in find(seen, seen.groups())}


def names(data: Path, finding: Finding) -> list[str]:
    samples = open_dataset(data).samples
    return [samples.names[index] for index in finding.images]


def test_clean_data_have_no_finding(data: Path) -> None:
    assert found(data) == {}


def test_every_file_is_accounted_for(data: Path) -> None:
    (data / "a" / "text.jpg").write_text("no image")
    (data / "a" / "empty.jpg").touch()
    whole = (data / "a" / "00.png").read_bytes()
    (data / "a" / "cut.png").write_bytes(whole[: len(whole) // 2])
    seen = looked(data)

    assert len(seen.usable) == 50
    assert {one.name: one.reason for one in seen.unusable} == {
        "a/text.jpg": "not an image",
        "a/empty.jpg": "empty file",
        "a/cut.png": "truncated",
    }
    assert found(data)["unusable"].says == (
        "3 files cannot be used; the first is a/cut.png (truncated)"
    )


def test_what_a_look_sees(data: Path, scene: Scene) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    scene(90).save(data / "a" / "turned.jpg", exif=exif)
    grey = np.asarray(scene(91).convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(data / "a" / "deep.png")
    scene(92).save(data / "a" / "moving.gif", save_all=True, append_images=[scene(93)])
    scene(94).convert("CMYK").save(data / "a" / "print.jpg")
    kinds = found(data)

    assert {kind: names(data, one) for kind, one in kinds.items()} == {
        "rotated": ["a/turned.jpg"],
        "deep": ["a/deep.png"],
        "animated": ["a/moving.gif"],
        "colors": ["a/deep.png", "a/moving.gif", "a/print.jpg"],
    }
    assert {one.severity for one in kinds.values()} == {"note"}
    seen = looked(data)
    turned = seen.stats[open_dataset(data).samples.names.index("a/turned.jpg")]
    assert (turned["height"], turned["width"]) == (200, 150)


def test_images_that_show_little_are_found(data: Path, scene: Scene) -> None:
    scene(90).point(lambda v: v // 8).save(data / "a" / "dark.png")
    scene(91).point(lambda v: 228 + v // 10).save(data / "a" / "white.png")
    Image.new("RGB", (99, 99), (1, 200, 3)).save(data / "a" / "blank.png")
    Image.new("RGB", (1, 1)).save(data / "a" / "dot.png")
    kinds = found(data)

    assert {kind: names(data, one) for kind, one in kinds.items()} == {
        "blank": ["a/blank.png", "a/dot.png"],
        "dark": ["a/dark.png"],
        "blown": ["a/white.png"],
        "tiny": ["a/dot.png"],
    }


def test_a_blurred_image_is_one_among_sharp_ones_alone(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "sharp" / name).mkdir(parents=True)
        (tmp_path / "soft" / name).mkdir(parents=True)
    for number in range(40):
        image, coarse = (
            Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8)) for side in (90, 7)
        )
        soft = coarse.resize((90, 90), Image.Resampling.BICUBIC)
        place = f"{'ab'[number % 2]}/{number}.png"
        (soft if number == 7 else image).save(tmp_path / "sharp" / place)
        soft.save(tmp_path / "soft" / place)

    assert names(tmp_path / "sharp", found(tmp_path / "sharp")["blurred"]) == ["b/7.png"]
    assert "blurred" not in found(tmp_path / "soft")


def test_copies_across_sets_and_classes_are_errors(tmp_path: Path, scene: Scene) -> None:
    for number, place in enumerate(("train/a", "train/b", "test/a", "test/b")):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        for index in range(25):
            scene(100 * number + index, (60, 60)).save(folder / f"{index}.png")
    scene(3, (60, 60)).save(tmp_path / "test" / "a" / "leak.png")
    scene(4, (60, 60)).save(tmp_path / "train" / "b" / "doubt.png")
    scene(5, (60, 60)).resize((40, 50)).save(tmp_path / "train" / "a" / "copy.png")
    kinds = found(tmp_path)

    assert {kind: (one.severity, names(tmp_path, one)) for kind, one in kinds.items()} == {
        "across-sets": ("error", ["train/a/3.png", "test/a/leak.png"]),
        "across-classes": ("error", ["train/a/4.png", "train/b/doubt.png"]),
        "copies": ("warning", ["train/a/5.png", "train/a/copy.png"]),
    }
    assert kinds["across-sets"].says == (
        "1 picture in more than one set: train/a/3.png and test/a/leak.png "
        "(2 images; 1 pixel for pixel)"
    )


def test_small_unbalanced_and_single_classes(tmp_path: Path, scene: Scene) -> None:
    for name, count in (("many", 50), ("some", 19), ("two", 2)):
        (tmp_path / name).mkdir()
        for index in range(count):
            scene(len(name) * 1000 + index, (40, 40)).save(tmp_path / name / f"{index}.png")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "1.png").write_text("no")
    seen = looked(tmp_path)
    said = [one.says for one in find(seen, ())]

    assert said == [
        "'bad' has no usable image",
        "'two' has fewer than 3 images, too few to set one aside",
        "'some' has fewer than 20 images, too few to learn",
        "'many' has 25 times as many images as 'two' (50 and 2)",
        "1 file cannot be used; the first is bad/1.png (not an image)",
    ]


def test_a_second_scan_reads_no_image(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "a" / "text.jpg").write_text("no image")
    first = looked(data)
    monkeypatch.setattr("inceptionkit.data.quality.scan.inspect_image", None)
    second = looked(data)

    assert (first.remembered, second.remembered) == (0, 51)
    assert first.stats.tobytes() == second.stats.tobytes()
    assert first.unusable == second.unusable


@pytest.mark.parametrize(
    "passing", [PermissionError(errno.EACCES, "Permission denied"), MemoryError()], ids=repr
)
def test_what_the_system_refused_once_is_looked_at_again(
    data: Path, monkeypatch: pytest.MonkeyPatch, passing: Exception
) -> None:
    """The file is as it was: neither its size nor its time changes when it may be read again."""

    def refused(*_: object) -> None:
        raise passing

    with monkeypatch.context() as patch:
        patch.setattr("PIL.PngImagePlugin.PngImageFile.__init__", refused)
        first = looked(data)
    second = looked(data)

    assert not first.stats["usable"].any()
    assert second.remembered == 0
    assert second.stats["usable"].all()


def test_a_changed_file_is_looked_at_again(data: Path, scene: Scene) -> None:
    looked(data)
    place = data / "a" / "00.png"
    scene(70, (80, 60)).save(place)
    os.utime(place, ns=(1, 1))
    os.utime(data / "b" / "03.png", ns=(1, 1))
    (data / "b" / "01.png").unlink()
    again = looked(data)

    assert (again.remembered, len(again.stats)) == (47, 49)


@pytest.mark.parametrize("kind", ["tar", "zip", "parquet"])
@pytest.mark.parametrize("below", ["", "data", "train"])
def test_a_shard_that_was_replaced_is_looked_at_again(
    kind: str, below: str, tmp_path: Path, data: Path
) -> None:
    """Wherever it lies, of the same size, and as old as the one before."""
    folder = tmp_path / "shards" / below
    folder.mkdir(parents=True)
    (tmp_path / "shards" / "README.md").touch()
    images = [place.read_bytes() for place in sorted(data.rglob("*.png"))[:4]]
    longest = max(map(len, images))
    images = [raw.ljust(longest, b"\0") for raw in images]

    def write(name: str, raws: list[bytes]) -> None:
        place = folder / f"new.{kind}"
        if kind == "parquet":
            pa = pytest.importorskip("pyarrow", reason="needs the extra inceptionkit[data]")
            import pyarrow.parquet as pq

            table = pa.table({"image": raws, "label": ["a", "b"]})
            pq.write_table(table, place, compression="none", use_dictionary=False)
        elif kind == "zip":
            with zipfile.ZipFile(place, "w") as opened:
                for label, raw in zip("ab", raws, strict=True):
                    opened.writestr(zipfile.ZipInfo(f"{label}/1.png"), raw)
        else:
            with tarfile.open(place, "w") as opened:
                for label, raw in zip("ab", raws, strict=True):
                    member = tarfile.TarInfo(f"{label}/1.png")
                    member.size = len(raw)
                    opened.addfile(member, io.BytesIO(raw))
        os.utime(place, ns=(10**18, 10**18))
        place.replace(folder / name)

    write(f"train-0.{kind}", images[:2])
    write(f"train-1.{kind}", images[2:])
    first = looked(tmp_path / "shards")
    write(f"train-0.{kind}", images[2:])
    second = looked(tmp_path / "shards")

    assert first.remembered == 0
    assert second.remembered == 2, "the other shard was not replaced"
    assert second.stats["pixels"][:2].tolist() == first.stats["pixels"][2:].tolist()


def test_nothing_is_written_beside_the_images(data: Path, cache: Path) -> None:
    before = sorted(data.rglob("*"))
    looked(data)

    assert sorted(data.rglob("*")) == before
    assert [place.suffix for place in cache.rglob("*.*")] == [".npz"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"no cache",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:300] + bytes(60) + whole[360:],
        lambda whole: whole.replace(b"softness", b"hardness"),
    ],
    ids=["empty", "text", "cut", "zeros", "another layout"],
)
def test_a_damaged_cache_is_ignored(data: Path, cache: Path, damage: Callable) -> None:
    first = looked(data)
    (place,) = cache.rglob("*.npz")
    place.write_bytes(damage(place.read_bytes()))
    second = looked(data)

    assert second.remembered in {0, len(second.stats)}
    assert second.stats.tobytes() == first.stats.tobytes()


def test_a_cache_that_cannot_be_written_is_done_without(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert looked(data).remembered == 0
    assert looked(data).remembered == 0


def test_what_is_built_in_is_not_cached(cache: Path) -> None:
    dataset = open_dataset("digits")

    assert len(cached.stamps(dataset)) == 0
    scan(dataset, threads=1)
    assert not cache.exists()


def test_progress_ends_at_the_count(data: Path) -> None:
    heard: list[int] = []
    scan(open_dataset(data), threads=2, progress=heard.append)

    assert heard[-1] == 50


def test_everything_identical_is_one_group(tmp_path: Path, scene: Scene) -> None:
    for number in range(60):
        place = tmp_path / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(exist_ok=True)
        scene(1, (30, 30)).save(place)
    groups = looked(tmp_path).groups()

    assert [(len(group.members), group.exact) for group in groups] == [(60, True)]
