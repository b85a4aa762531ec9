"""Small files that claim to be large, and what never ends: refused before it costs anything."""

import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from inceptionkit.convert.formats import keras
from inceptionkit.convert.registry import import_weights
from inceptionkit.data import open_dataset
from inceptionkit.data.sources.parquet_pages import check_columns
from inceptionkit.data.storage import tar as tars
from inceptionkit.errors import DataError, InceptionError, WeightsError
from inceptionkit.machine import peak_bytes
from inceptionkit.preprocess import UnusableImage, decode
from inceptionkit.preprocess.decode import DECODE_BYTES, PIXEL_LIMIT, open_image

pytestmark = pytest.mark.fault


def scanned(scans: int, side: int) -> bytes:
    """A progressive JPEG whose last scan is there many times."""
    stream = io.BytesIO()
    Image.new("L", (side, side), 99).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded() -> None:
    assert decode(scanned(200, 64)).shape == (64, 64, 3)

    with pytest.raises(UnusableImage, match=r"has 3,00\d scans, the limit is 2,048 at its size"):
        decode(scanned(3_000, 1_024))


@pytest.mark.parametrize(
    ("mode", "bits", "fits"), [("RGB", 8, True), ("RGBA", 8, False), ("I;16", 16, True)]
)
def test_an_image_just_under_the_limit_of_pixels_takes_no_more_memory_than_stated(
    mode: str, bits: int, fits: bool
) -> None:
    """The claims of a header alone: nothing is decoded."""
    del bits
    stream = io.BytesIO()
    Image.new(mode, (1, 1)).save(stream, "PNG")
    data = bytearray(stream.getvalue())
    data[16:24] = struct.pack(">II", 2**13, PIXEL_LIMIT // 2**13)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    if fits:
        with open_image(bytes(data)) as image:
            assert image.size == (2**13, 2**14)
        return
    limit = DECODE_BYTES // 18
    with pytest.raises(UnusableImage, match=f"the limit is {limit:,} in all of mode {mode}"):
        decode(bytes(data))


def test_an_image_file_of_terabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.write(b"\xff\xd8\xff\xe0")
        file.truncate(2**40)

    with pytest.raises(UnusableImage, match="has 1,099,511,627,776 bytes, the limit is"):
        decode(path)


def test_one_chunk_of_a_keras_file_that_inflates_to_gigabytes_is_refused(tmp_path: Path) -> None:
    """Twice deflated, 10 kB are 1 GiB; as many bytes are stored as the array has."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "bomb.h5"
    packed = zlib.compress(bytes(2**20), 9)
    floats = len(packed) // 4
    packed += bytes(-len(packed) % 4)
    with h5py.File(path, "w") as file:
        shape = {"shape": (len(packed) // 4,), "maxshape": (None,), "chunks": (2**18,)}
        held = file.create_dataset("kernel", dtype="f4", compression="gzip", **shape)
        held.id.write_direct_chunk((0,), packed)
        assert held.id.get_storage_size() == held.nbytes >= 4 * floats

    with pytest.raises(WeightsError, match=r"stored? (them )?plainly"):
        keras.read(path)


def test_a_tensor_without_a_value_claims_no_shape(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "hollow.safetensors"
    save_file({"fc.weight": np.zeros((2**31, 0), np.float32)}, path)

    with pytest.raises(WeightsError, match="has no value, whatever its shape claims"):
        import_weights(path)


def labeled_zip(path: Path, image: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
            file.writestr(name, image)
    return path


@pytest.fixture
def image() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (20, 20)).save(stream, "PNG")
    return stream.getvalue()


def test_a_zip_whose_files_overlap_is_refused(image: bytes, tmp_path: Path) -> None:
    """Many names for the same bytes, as in the zip bombs of David Fifield."""
    path = labeled_zip(tmp_path / "x.zip", image)
    data = bytearray(path.read_bytes())
    places = [at for at in range(len(data)) if data[at : at + 4] == b"PK\1\2"]
    for at in places:  # each file is as long as the archive
        data[at + 20 : at + 24] = struct.pack("<I", len(data) - 100)
    path.write_bytes(data)

    with pytest.raises(DataError, match="its files overlap"):
        open_dataset(path)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
@pytest.mark.parametrize("packed", [False, True])
def test_a_name_of_gigabytes_in_a_tar_is_refused(tmp_path: Path, kind: bytes, packed: bool) -> None:
    path = tmp_path / ("x.tar.gz" if packed else "x.tar")
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, 2**30
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz" if packed else "w") as file:
        file.addfile(info)
        stream_of = file.fileobj
        stream_of.write(bytes(4 * tars.NAME_BYTES))
    path.write_bytes(stream.getvalue())
    before = peak_bytes()

    with pytest.raises(DataError, match="a name of 1,073,741,824 bytes, the limit is 1,048,576"):
        open_dataset(path)

    assert (peak_bytes() or 0) - (before or 0) < 2**27


def test_a_parquet_file_that_claims_a_billion_rows_is_refused(tmp_path: Path) -> None:
    """Labels that are all alike take no room; images do."""
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "x.parquet"
    rows = 50_000
    images = arrow.array([b"x"] * rows, arrow.binary())
    table = arrow.table({"image": images, "label": arrow.array([0] * rows)})
    parquet.write_table(table, path, compression="zstd")

    assert path.stat().st_size < rows
    with pytest.raises(DataError, match=r"claims 50,000 rows in [\d,]+ bytes"):
        open_dataset(path)


def varint(number: int) -> bytes:
    """A number as Parquet's headers write it."""
    left, found = 2 * number, bytearray()
    while left > 127:
        found.append(left & 127 | 128)
        left >>= 7
    return bytes([*found, left])


@pytest.mark.parametrize(
    ("claimed", "lying", "wrong"),
    [
        (2**28, 5, ""),
        (2**28 + 1, 5, "a page of 5 bytes claims 268,435,457"),
        (2**40, 5, "a page of 5 bytes claims 1,099,511,627,776"),
        (9, 6, "the header of a page is damaged"),
        (9, 2**31, "the header of a page is damaged"),
    ],
)
def test_a_page_that_claims_gigabytes_is_refused_before_memory_is_given(
    claimed: int, lying: int, wrong: str
) -> None:
    page = b"\x15\x00\x15" + varint(claimed) + b"\x15" + varint(lying) + b"\x00" + bytes(5)
    column = SimpleNamespace(
        path_in_schema="image.bytes",
        num_values=1,
        has_dictionary_page=False,
        data_page_offset=4,
        total_compressed_size=len(page),
    )
    group = SimpleNamespace(num_columns=1, column=lambda _: column)
    file = io.BytesIO(b"PAR1" + page)
    if wrong:
        with pytest.raises(OSError, match=wrong):
            check_columns(file, group, "image")
    else:
        check_columns(file, group, "image")


@pytest.mark.parametrize("dictionary", [True, False])
def test_one_long_label_that_fills_all_rows_is_in_memory_once(
    tmp_path: Path, *, dictionary: bool
) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path, rows = tmp_path / "x.parquet", 30_000
    texts = arrow.DictionaryArray.from_arrays(
        arrow.array(np.arange(rows) % 2, arrow.int32()), ["a" * 20_000, "b"]
    )
    images = [np.random.default_rng(row).bytes(8) for row in range(rows)]
    table = arrow.table({"image": arrow.array(images, arrow.binary()), "label": texts})
    parquet.write_table(table, path, compression="zstd", use_dictionary=dictionary)
    before = peak_bytes()
    dataset = open_dataset(path)

    assert [len(name) for name in dataset.classes] == [20_000, 1]
    assert (peak_bytes() or 0) - (before or 0) < 2**27  # all rows have 300 MB


ENDINGS = ("", ".csv", ".jsonl", ".zip", ".tar", ".tar.gz", ".parquet", ".json", ".pth", ".h5",
           ".safetensors", ".caffemodel", ".ckpt", ".png", ".onnx")  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_pipe_is_never_waited_for(ending: str, tmp_path: Path) -> None:
    """Whatever it is taken for: data, a model, weights, a network, a recipe."""
    import inceptionkit
    from inceptionkit.catalog import read as read_network
    from inceptionkit.training.recipes import find as find_recipe

    pipe = tmp_path / f"pipe{ending}"
    os.mkfifo(pipe)
    tries: tuple[Callable[[], object], ...] = (
        lambda: open_dataset(pipe),
        lambda: decode(pipe),
        lambda: inceptionkit.load(pipe),
        lambda: import_weights(pipe),
        lambda: read_network(pipe),
        lambda: find_recipe(f"{pipe.with_suffix('')}.json"),
    )
    for attempt in tries:
        with pytest.raises(InceptionError):
            attempt()
