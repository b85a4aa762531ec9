"""The index of a large folder, kept in the user's cache folder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from inceptionkit.data import open_dataset
from inceptionkit.data.sources import index_cache
from inceptionkit.data.sources.layout import Row, make_listing


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two classes, large enough and old enough to be kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(index_cache, "WORTH_KEEPING", 4)
    for klass in ("ape", os.fsdecode(b"b\xe9e")):
        for number in range(3):
            place = tmp_path / "photos" / klass / "deep" / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (2, 2)).save(place)
    (tmp_path / "photos" / "stray.png").touch()
    (tmp_path / "photos" / "ape" / "up").symlink_to(tmp_path)
    for folder in (tmp_path / "photos", *(tmp_path / "photos").rglob("*")):
        if folder.is_dir() and not folder.is_symlink():
            os.utime(folder, (1e9, 1e9))
    return tmp_path / "photos"


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Folders that were listed."""
    scan, seen = os.scandir, []

    def noted(place: Path) -> object:
        seen.append(str(place))
        return scan(place)

    monkeypatch.setattr("inceptionkit.data.sources.folder.os.scandir", noted)
    return seen


def indices(photos: Path) -> list[Path]:
    return list((photos.parent / "cache").rglob("*.npz"))


def test_a_folder_that_did_not_change_is_not_listed_again(photos: Path, scans: list[str]) -> None:
    first = open_dataset(photos)
    scans.clear()
    second = open_dataset(photos)

    assert scans == []
    assert list(second.samples) == list(first.samples)
    assert (second.classes, second.skipped, second.odd) == (
        first.classes,
        first.skipped,
        first.odd,
    )
    assert second.fingerprint() == first.fingerprint()
    assert len(indices(photos)) == 1


def add(photos: Path) -> None:
    Image.new("L", (2, 2)).save(photos / "ape" / "deep" / "new.png")


def remove(photos: Path) -> None:
    (photos / "ape" / "deep" / "0.png").unlink()


def rename(photos: Path) -> None:
    (photos / "ape" / "deep" / "0.png").rename(photos / "ape" / "deep" / "9.png")


@pytest.mark.parametrize("change", [add, remove, rename])
def test_whatever_changes_a_folder_makes_the_index_anew(
    photos: Path, scans: list[str], change: Callable[[Path], None]
) -> None:
    open_dataset(photos)
    change(photos)
    scans.clear()
    fresh = list(open_dataset(photos).samples.names)

    assert scans != []
    assert fresh == sorted(fresh, key=lambda name: name.replace("\\xe9", "\udce9"))
    assert set(fresh) == {
        str(path.relative_to(photos)).replace("\udce9", "\\xe9")
        for klass in photos.iterdir()
        for path in klass.glob("deep/*.png")
    }


def test_a_file_that_was_replaced_in_place_is_told_by_the_fingerprint(photos: Path) -> None:
    before = open_dataset(photos).fingerprint()
    (photos / "ape" / "deep" / "0.png").write_bytes(b"longer than it was" * 100)

    assert open_dataset(photos).fingerprint() != before


def test_a_folder_that_changed_just_now_is_not_kept(photos: Path) -> None:
    os.utime(photos / "ape")
    open_dataset(photos)

    assert indices(photos) == []


def test_small_folders_and_those_that_could_not_be_read_are_not_kept(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_cache, "WORTH_KEEPING", 7)
    open_dataset(photos)

    assert indices(photos) == []


def test_a_damaged_index_is_ignored_and_replaced(photos: Path) -> None:
    whole = list(open_dataset(photos).samples)
    (path,) = indices(photos)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    assert list(open_dataset(photos).samples) == whole
    assert path.read_bytes() == content


@pytest.mark.parametrize("bit", [0, 3])
def test_no_damaged_bit_of_an_index_is_believed_or_crashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bit: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = make_listing([Row(f"a/{n}.png", "a", -1, (n, 2)) for n in range(3)])
    index_cache.keep_shard("x", found, always=True)
    (path,) = tmp_path.rglob("*.npz")
    content = path.read_bytes()
    believed = []
    for at in range(0, len(content), 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
        believed.append(index_cache.shard("x"))

    assert len(content) > 1_000
    assert {tuple(one.names) for one in believed if one} == {tuple(found.names)}
    assert all((one.places == found.places).all() for one in believed if one)


def test_a_cache_that_cannot_be_written_is_done_without(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos.parent / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(photos.parent / "file"))

    assert len(open_dataset(photos).samples) == 6


def test_the_place_is_that_of_the_xdg_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    monkeypatch.setenv("HOME", "/home/ada")

    assert index_cache.cache_folder() == Path("/home/ada/.cache/inceptionkit")
