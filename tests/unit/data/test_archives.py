"""Zips and tars of class folders: read where they are, never unpacked."""

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inceptionkit.data import Sample, Unusable, decode_sample, decode_samples, open_dataset
from inceptionkit.errors import DataError
from inceptionkit.preprocess import Preprocessing


def tree(image: Callable) -> dict[str, bytes]:
    return {
        "photos/rose/2.png": image(2),
        "photos/rose/deep/1.png": image(1),
        "photos/daisy/b.jpg": image(3, "WEBP"),
        "photos/daisy/a.png": image(0),
        "photos/readme.txt": b"hello",
        "__MACOSX/photos/rose/._2.png": b"junk",
    }


@pytest.fixture(params=["photos.zip", "photos.tar", "photos.tar.gz", "photos.tgz"])
def packed(
    request: pytest.FixtureRequest, tmp_path: Path, image: Callable, tar: Callable, zipped: Callable
) -> Path:
    write = zipped if request.param.endswith("zip") else tar
    return write(tmp_path / request.param, tree(image))


def refusal(address: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        open_dataset(address)
    return str(caught.value).removeprefix(f"{address}: ")


def test_class_folders_are_classes_and_a_folder_around_them_is_looked_through(
    packed: Path,
) -> None:
    dataset = open_dataset(packed)

    assert dataset.classes == ("daisy", "rose")
    assert list(dataset.samples) == [
        Sample("daisy/a.png", 0, None),
        Sample("daisy/b.jpg", 0, None),
        Sample("rose/2.png", 1, None),
        Sample("rose/deep/1.png", 1, None),
    ]
    assert [int(decode_sample(dataset, n)[0, 0, 0]) for n in (3, 0, 2, 1)] == [1, 0, 2, 3]
    assert dataset.allows_flip
    assert dataset.skipped == ()


def test_nothing_is_written_and_the_fingerprint_is_that_of_the_folder(
    packed: Path, tmp_path: Path, image: Callable
) -> None:
    for name, content in tree(image).items():
        place = tmp_path / "unpacked" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    before = sorted(tmp_path.rglob("*"))

    assert open_dataset(packed).fingerprint() == (
        open_dataset(tmp_path / "unpacked" / "photos").fingerprint()
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_set_folders_divide_also_when_there_is_only_one(
    tmp_path: Path, image: Callable, zipped: Callable
) -> None:
    files = {f"x/{s}/{c}/1.png": image(0) for s in ("train", "test") for c in "ab"}
    both = open_dataset(zipped(tmp_path / "both.zip", files))
    one = open_dataset(
        zipped(tmp_path / "one.zip", {n[2:]: f for n, f in files.items() if "train" in n})
    )

    assert [s.set for s in both.samples] == ["train", "train", "test", "test"]
    assert [s.set for s in one.samples] == ["train", "train"]


def test_many_archives_are_one_source_and_classes_go_by_name(
    tmp_path: Path, image: Callable, tar: Callable, zipped: Callable
) -> None:
    tar(tmp_path / "train-0.tar", {"a/1.png": image(1), "b/1.png": image(2)})
    zipped(tmp_path / "train-1.zip", {"b/2.png": image(3), "c/1.png": image(4)})
    tar(tmp_path / "val.tgz", {f"{c}/9.png": image(5) for c in "abc"})
    dataset = open_dataset(tmp_path)

    assert dataset.classes == ("a", "b", "c")
    assert [(s.name, s.label, s.set) for s in dataset.samples] == [
        ("train-0.tar/a/1.png", 0, "train"),
        ("train-0.tar/b/1.png", 1, "train"),
        ("train-1.zip/b/2.png", 1, "train"),
        ("train-1.zip/c/1.png", 2, "train"),
        ("val.tgz/a/9.png", 0, "val"),
        ("val.tgz/b/9.png", 1, "val"),
        ("val.tgz/c/9.png", 2, "val"),
    ]
    assert [int(decode_sample(dataset, n)[0, 0, 0]) for n in range(7)] == [1, 2, 3, 4, 5, 5, 5]


def test_an_archive_beside_class_folders_is_no_source(
    tmp_path: Path, image: Callable, zipped: Callable
) -> None:
    zipped(tmp_path / "photos.zip", tree(image))
    for klass in "ab":
        (tmp_path / klass).mkdir()
        (tmp_path / klass / "1.png").write_bytes(image(0))

    assert open_dataset(tmp_path).classes == ("a", "b")


def test_names_that_lead_out_and_doubles_are_listed(
    tmp_path: Path, image: Callable, tar: Callable
) -> None:
    files = {"a/1.png": image(0), "b/1.png": image(1), "../../etc/x.png": image(2)}
    files |= {"/b/2.png": image(3), "./a/1.png": image(4)}
    dataset = open_dataset(tar(tmp_path / "x.tar", files))

    assert [s.name for s in dataset.samples] == ["a/1.png", "b/1.png"]
    assert int(decode_sample(dataset, 0)[0, 0, 0]) == 4, "as unpacking would leave it"
    assert dataset.skipped == (
        Unusable("../../etc/x.png", "its path leads out of the archive, or too deep"),
        Unusable("/b/2.png", "its path leads out of the archive, or too deep"),
        Unusable("./a/1.png", "another file has the same name; the last one is used"),
    )


def test_links_and_devices_in_a_tar_are_passed_over(tmp_path: Path, image: Callable) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as opened:
        for kind, name in (
            (tarfile.SYMTYPE, "a/link.png"),
            (tarfile.LNKTYPE, "a/hard.png"),
            (tarfile.CHRTYPE, "a/device.png"),
            (tarfile.FIFOTYPE, "a/pipe.png"),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            opened.addfile(member)
        for name in ("a/1.png", "b/1.png"):
            member = tarfile.TarInfo(name)
            member.size = len(image(0))
            opened.addfile(member, io.BytesIO(image(0)))

    assert [s.name for s in open_dataset(path).samples] == ["a/1.png", "b/1.png"]


def test_a_bomb_in_a_zip_is_never_inflated(
    tmp_path: Path, image: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inceptionkit.data.storage.zip.MEMBER_LIMIT", 2**20)
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a/1.png", image(0))
        opened.writestr("a/big.png", bytes(2**20 + 1))
        opened.writestr("b/1.png", image(1))
        opened.writestr("b/lies.png", bytes(2**24))
    content = bytearray(path.read_bytes())
    size = content.find(struct.pack("<I", 2**24), content.find(b"PK\1\2"))  # in the directory
    content[size : size + 4] = struct.pack("<I", 10)
    path.write_bytes(content)
    tracemalloc.start()
    loaded = decode_samples(open_dataset(path), range(4), Preprocessing(size=4).fit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2**21, "what lies about its size is inflated no further than it claims"
    assert loaded.unusable == (
        Unusable("a/big.png", "has 1,048,577 bytes, the limit is 1,048,576"),
        Unusable("b/lies.png", "damaged in the zip"),
    )


def test_a_changed_byte_in_a_zip_is_found_though_the_image_could_be_decoded(
    tmp_path: Path, image: Callable, zipped: Callable
) -> None:
    path = zipped(tmp_path / "x.zip", {f"{c}/1.bmp": image(9, "BMP") for c in "ab"})
    content = bytearray(path.read_bytes())
    content[content.find(b"BM") + 60] ^= 1
    path.write_bytes(content)
    loaded = decode_samples(open_dataset(path), range(2), Preprocessing(size=4).fit)

    assert loaded.unusable == (Unusable("a/1.bmp", "damaged in the zip"),)


def test_a_gzip_bomb_ends(tmp_path: Path, image: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inceptionkit.data.storage.gzip._FREE", 2**20)
    monkeypatch.setattr("inceptionkit.data.storage.gzip._CLOSEST", 2**18)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as opened:
        for name, content in (("a/1.png", image(0)), ("a/2.png", bytes(2**25)), ("b/1", b"")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(stream.getvalue()))

    dataset = open_dataset(tmp_path / "x.tar.gz")

    assert [one.reason for one in dataset.skipped] == [
        "the shard is damaged after 2 files (it grows to more than 200 times its size)"
    ]


def test_encrypted_and_oddly_packed_members_are_unusable(tmp_path: Path, image: Callable) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("a/1.png", image(0))
        opened.writestr("a/2.png", image(0), zipfile.ZIP_LZMA)
        opened.writestr("b/1.png", image(0))
    content = bytearray(path.read_bytes())
    flags = content.rfind(b"PK\1\2") + 8
    content[flags] |= 1
    path.write_bytes(content)
    loaded = decode_samples(open_dataset(path), range(3), Preprocessing(size=4).fit)

    assert loaded.unusable == (
        Unusable("a/2.png", "is packed by method 14 of zip; pack it by deflate, or not at all"),
        Unusable("b/1.png", "is encrypted; unpack it with its password"),
    )


def test_an_archive_of_which_all_is_encrypted_is_refused(tmp_path: Path, image: Callable) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name in ("a/1.png", "b/1.png", "b/1.txt"):
            opened.writestr(name, image(0))
    content = bytearray(path.read_bytes())
    at = -1
    while (at := content.find(b"PK\1\2", at + 1)) >= 0:
        content[at + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_dataset(path)

    assert str(caught.value) == (
        f"{path}: it is encrypted; unpack it with its password, or pack it without one"
    )


UNPACK = "unpack it, or pack it as .zip, .tar or .tar.gz"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("x.tar.bz2", f"tar files packed by bzip2 are not read; {UNPACK}"),
        ("x.tbz2", f"tar files packed by bzip2 are not read; {UNPACK}"),
        ("X.TAR.XZ", f"tar files packed by xz are not read; {UNPACK}"),
        ("x.txz", f"tar files packed by xz are not read; {UNPACK}"),
        ("x.tar.zst", f"tar files packed by Zstandard are not read; {UNPACK}"),
        ("x.7z", f"archives of this kind are not read; {UNPACK}"),
        ("x.rar", f"archives of this kind are not read; {UNPACK}"),
        ("x.csv.gz", "packed files are not read; unpack it"),
        ("x.xlsx", "spreadsheets are not read; save it as .csv"),
        ("x.json", "lists of this kind are not read; write a .csv with columns path and label"),
        ("x.npz", "arrays are not read; save the images as files in a folder per class"),
        (
            "x.tfrecord",
            (
                "datasets of this kind are not read; "
                "save it as Parquet, or the images as files in a folder per class"
            ),
        ),
    ],
)
def test_files_of_other_kinds_are_refused_by_name(tmp_path: Path, name: str, why: str) -> None:
    path = tmp_path / "folder" / name
    path.parent.mkdir()
    path.write_bytes(b"BZh9")
    for address in (path, path.parent) if UNPACK in why else (path,):
        with pytest.raises(DataError) as caught:
            open_dataset(address)

        assert str(caught.value) == f"{address}: {name}: {why}"


@pytest.mark.parametrize("given", ["cat\ncat \n", "cat\ndog\n cat\n"])
def test_class_lists_whose_names_differ_in_spaces_alone_are_refused(
    tmp_path: Path, image: Callable, tar: Callable, given: str
) -> None:
    tar(tmp_path / "x.tar", {"1.png": image(1), "1.cls": b"0", "2.png": image(2), "2.cls": b"1"})
    (tmp_path / "classes.txt").write_text(given)
    with pytest.raises(DataError, match="differ in spaces alone; give each class its own name"):
        open_dataset(tmp_path / "x.tar")


def test_classes_of_a_list_that_do_not_occur_are_left_out(
    tmp_path: Path, image: Callable, tar: Callable
) -> None:
    tar(tmp_path / "x.tar", {"1.png": image(1), "1.cls": b"2", "2.png": image(2), "2.cls": b"0"})
    (tmp_path / "classes.txt").write_text("ape\nbee\ncat\n")
    dataset = open_dataset(tmp_path / "x.tar")

    assert dataset.classes == ("ape", "cat")
    assert dataset.samples.labels.tolist() == [1, 0]
    assert dataset.notes == ("left out 1 class without an image: 'bee'",)


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz"])
def test_a_tar_that_breaks_off_is_used_as_far_as_it_goes(
    tmp_path: Path, image: Callable, tar: Callable, name: str
) -> None:
    random = np.random.default_rng(0).bytes(200_000)
    files = {"a/1.png": image(1), "b/1.png": image(2), "b/noise.bin": random, "c/1.png": image(3)}
    path = tar(tmp_path / name, files)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    dataset = open_dataset(path)

    assert [s.name for s in dataset.samples] == ["a/1.png", "b/1.png"]
    assert [one.name for one in dataset.skipped] == [name]
    assert dataset.skipped[0].reason.startswith("the shard is damaged after 3 files (")


def test_a_damaged_header_in_the_middle_is_no_end(
    tmp_path: Path, image: Callable, tar: Callable
) -> None:
    path = tar(tmp_path / "x.tar", {f"{c}/1.png": image(1) for c in "abc"})
    content = bytearray(path.read_bytes())
    content[content.find(b"c/1.png") + 150] ^= 1
    path.write_bytes(content)

    assert open_dataset(path).skipped == (
        Unusable("x.tar", "the shard is damaged after 2 files (a header is damaged)"),
    )


def test_a_missing_or_damaged_shard_is_named_and_the_others_are_used(
    tmp_path: Path, image: Callable, tar: Callable
) -> None:
    for number in (0, 1, 3):
        tar(tmp_path / f"{number:02}.tar", {f"{c}/{number}.png": image(number) for c in "ab"})
    (tmp_path / "01.tar").write_bytes(b"no tar" * 1000)
    dataset = open_dataset(f"{tmp_path}/{{00..03}}.tar")

    assert [s.name for s in dataset.samples] == [
        "00.tar/a/0.png", "00.tar/b/0.png", "03.tar/a/3.png", "03.tar/b/3.png",
    ]  # fmt: skip
    assert dataset.skipped == (
        Unusable("01.tar", "the shard cannot be read (invalid header)"),
        Unusable("02.tar", "the shard is missing"),
    )


def test_a_shard_that_vanishes_later_makes_its_images_unusable_by_name(
    tmp_path: Path, image: Callable, tar: Callable
) -> None:
    for number in (0, 1):
        tar(tmp_path / f"{number}.tar", {f"{c}/{number}.png": image(number) for c in "ab"})
    dataset = open_dataset(tmp_path)
    (tmp_path / "1.tar").unlink()
    loaded = decode_samples(dataset, range(4), Preprocessing(size=4).fit)
    reason = "the shard 1.tar cannot be read: no such file or directory"

    assert loaded.indices.tolist() == [0, 1]
    assert [one.reason for one in loaded.unusable] == [reason] * 2


def test_what_holds_no_images_is_refused_in_one_sentence(
    tmp_path: Path, tar: Callable, zipped: Callable, image: Callable
) -> None:
    again = "copy or download the file again"
    layout = "put the images of each class into a folder named after it"

    assert refusal(tar(tmp_path / "x.tar", {})) == f"it is empty; {again}"
    assert refusal(zipped(tmp_path / "x.zip", {"a/x.txt": b"x"})) == (
        f"it contains no images; {layout}"
    )
    assert refusal(zipped(tmp_path / "y.zip", {"1.png": image(0)})) == (
        f"its images lie outside of class folders, the first is '1.png'; {layout}"
    )
    (tmp_path / "z.zip").write_bytes(b"no zip")
    assert refusal(tmp_path / "z.zip") == f"it cannot be read (file is not a zip file); {again}"
    assert refusal(f"{tmp_path}/{{3..1}}.tar") == ("the range 3..1 runs backwards; write {1..3}")
    assert refusal(f"{tmp_path}/{{7..8}}.tar").endswith(f"7.tar: it is missing; {again}")


def test_many_small_reads_of_a_gzip_give_what_was_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inceptionkit.data.storage import Local
    from inceptionkit.data.storage.gzip import Inflated

    monkeypatch.setattr("inceptionkit.data.storage.gzip._CLOSEST", 4_096)
    monkeypatch.setattr("inceptionkit.data.storage.gzip._PIECE", 700)
    random = np.random.default_rng(1)
    content = random.integers(0, 9, 60_000, np.uint8).tobytes()
    path = tmp_path / "x.gz"  # two members and padding, as some writers leave it
    path.write_bytes(gzip.compress(content[:30_000]) + gzip.compress(content[30_000:]) + bytes(900))
    file = Inflated(Local(path, "x.gz", "x.gz"))

    for start, length in random.integers(0, (61_000, 9_000), (200, 2)).tolist():
        assert file.read(start, start + length) == content[start : start + length]
    assert file.size() == len(content)
    assert len(file.marks) > 5
