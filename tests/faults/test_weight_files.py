"""Files of other frameworks that are damaged, cut short, or made to do harm."""

import io
import json
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from caffe_writer import blob, caffemodel
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_writer import fixed32, floats, number, stretch, varint

from inceptionkit.convert.formats import caffe, keras, limits, tensorflow
from inceptionkit.errors import WeightsError

pytestmark = pytest.mark.fault

Read = Callable[[Path], dict[str, np.ndarray]]
ARRAYS = {
    "first/weights": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "first/biases": np.array([0.5, -1.0], np.float32),
    "scalar": np.array(3.0, np.float32),
    "wide": np.arange(3, dtype=np.float64),
}
TERABYTE = 2**40


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    return pytest.importorskip("checkpoint_writer", reason="google-crc32c is not installed")


@pytest.fixture(scope="module")
def h5py() -> ModuleType:
    return pytest.importorskip("h5py", reason="h5py is not installed")


def refused(read: Read, path: Path) -> str:
    """What the refusal says; nothing large may have been allocated for it."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as error:
            read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4_000_000
    return str(error.value)


def equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    return found.keys() == expected.keys() and all(
        np.array_equal(value, expected[name]) for name, value in found.items()
    )


# --- Caffe ---


LAYERS = {"conv/1": [ARRAYS["first/weights"], ARRAYS["first/biases"]], "fc": [np.ones((3, 4))]}


def caffe_layer(name: bytes, *blobs: bytes) -> bytes:
    return stretch(100, stretch(1, name) + b"".join(stretch(7, one) for one in blobs))


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_both_forms_of_a_caffemodel_are_read(tmp_path: Path, old: bool, packed: bool) -> None:
    layers = {"conv/1": [np.ones((2, 3, 4, 5)), ARRAYS["first/biases"]], "fc": [np.eye(3)]}
    path = tmp_path / "net.caffemodel"
    path.write_bytes(caffemodel(layers, old=old, packed=packed))

    found = caffe.read(path)

    assert {name: value.shape for name, value in found.items()} == {
        "conv/1/0": (2, 3, 4, 5),
        "conv/1/1": (2,),
        "fc/0": (3, 3),
    }
    assert np.array_equal(found["fc/0"], np.eye(3))


def test_a_caffemodel_cut_short_anywhere_is_refused_or_holds_fewer_layers(tmp_path: Path) -> None:
    """The format has no end mark: cut between two layers it is a file of fewer layers."""
    data = caffemodel(LAYERS)
    path = tmp_path / "net.caffemodel"
    whole = 0
    for end in range(len(data)):
        path.write_bytes(data[:end])
        try:
            found = caffe.read(path)
        except WeightsError:
            continue
        whole += 1

        assert found.keys() == {"conv/1/0", "conv/1/1"}
    assert whole == 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (varint(100 << 3 | 2) + varint(TERABYTE), f"{TERABYTE} bytes are announced"),
        (
            caffe_layer(b"a", b"\x2a" + varint(TERABYTE)),
            f"{TERABYTE} bytes are announced where 0 are left",
        ),
        (
            caffe_layer(b"a", stretch(7, number(1, TERABYTE)) + floats(5, np.ones(3))),
            f"a tensor of shape ({TERABYTE},) takes {4 * TERABYTE} bytes, the file has 12",
        ),
        (
            caffe_layer(b"a", number(1, 2**31) + number(2, 2**31) + floats(5, np.ones(3))),
            "takes 0 bytes, the file has 12",
        ),
        (caffe_layer(b"a", stretch(7, number(1, -1)) + floats(5, np.ones(3))), "the file has 12"),
        (
            caffe_layer(b"a", stretch(7, stretch(1, b"\1" * 99)) + floats(5, np.ones(1))),
            "a tensor of 99 dimensions",
        ),
        (caffe_layer(b"a", stretch(7, number(1, 3))), "takes 12 bytes, the file has 0"),
        (caffe_layer(b"a", stretch(5, b"odd")), "the file has 3"),
        (caffe_layer(b"n" * 2000, blob(np.ones(3))), "a name of 2002 bytes"),
        (caffe_layer(b"a", blob(np.ones(3))) * 2, "a/0 is there twice"),
        (stretch(100, number(1, 5)), "field 1 is a number where a message should be"),
        (stretch(100, number(7, 5)), "field 7 is a number where a message should be"),
        (stretch(100, stretch(1, b"a")), "it has no layer with weights"),
        (b"", "it has no layer with weights"),
        (b'name: "GoogleNet"\nlayer {\n  name: "data"', "incomplete caffemodel"),
        (b"\xff" * 30, "no number at byte 0"),
        (b"\x03", "a field of kind 3"),
    ],
)
def test_a_hostile_caffemodel_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(data)

    said = refused(caffe.read, path)

    assert said.startswith(f"{path}: incomplete caffemodel: ")
    assert says in said
    assert said.endswith("; copy or download it again")


def test_names_that_would_write_on_a_terminal_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(caffe_layer(b"\x1b[2Jconv\xff", blob(np.ones(3))))

    assert list(caffe.read(path)) == [r"\x1b[2Jconv\xff/0"]


def test_more_tensors_than_any_network_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_TENSORS", 2)
    path = tmp_path / "net.caffemodel"
    path.write_bytes(caffemodel(LAYERS))

    assert "more than 2 tensors" in refused(caffe.read, path)


def test_a_file_larger_than_any_network_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_WEIGHTS_BYTES", 10)
    path = tmp_path / "net.caffemodel"
    path.write_bytes(bytes(11))

    assert "net.caffemodel has 11 bytes, more than any network of the family" in refused(
        caffe.read, path
    )


# --- TensorFlow ---


@pytest.fixture(params=["v1", "v2"])
def checkpoint(writer: ModuleType, tmp_path: Path, request: pytest.FixtureRequest) -> list[Path]:
    """The files of a small checkpoint; the first is what `read` takes."""
    prefix = tmp_path / "model.ckpt"
    if request.param == "v1":
        writer.write_slices(prefix, ARRAYS | {"steps": np.array(9, np.int64)})
        return [prefix]
    writer.write_bundle(prefix, ARRAYS | {"steps": np.array(9, np.int64)})
    return [Path(f"{prefix}.index"), Path(f"{prefix}.data-00000-of-00001")]


def test_both_checkpoints_are_read_under_every_name_of_theirs(
    checkpoint: list[Path], tmp_path: Path
) -> None:
    for path in (*checkpoint, tmp_path / "model.ckpt"):
        assert equal(tensorflow.read(path), ARRAYS)


def test_a_checkpoint_cut_short_anywhere_is_refused(checkpoint: list[Path]) -> None:
    for path in checkpoint:
        data = path.read_bytes()
        for end in range(len(data)):
            path.write_bytes(data[:end])
            with pytest.raises(WeightsError, match="incomplete TensorFlow checkpoint"):
                tensorflow.read(checkpoint[0])
        path.write_bytes(data)


def test_no_changed_byte_of_a_checkpoint_goes_unnoticed(checkpoint: list[Path]) -> None:
    """Every byte is under a checksum, or fills the footer up, or cannot change the outcome."""
    for path in checkpoint:
        data = path.read_bytes()
        noticed = 0
        for at in range(len(data)):
            path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
            try:
                found = tensorflow.read(checkpoint[0])
            except WeightsError:
                noticed += 1
            else:
                assert equal(found, ARRAYS)
        path.write_bytes(data)

        assert noticed > 0.7 * len(data)


def test_a_wrong_checksum_of_a_tensor_is_refused(writer: ModuleType, tmp_path: Path) -> None:
    writer.write_bundle(tmp_path / "a", ARRAYS)
    data = tmp_path / "a.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1] + b"\x7f")

    said = refused(tensorflow.read, tmp_path / "a.index")

    assert said == (
        f"{tmp_path / 'a.index'}: incomplete TensorFlow checkpoint: the checksum of the tensor at "
        "byte 108 is wrong; copy or download all its files"
    )


def test_missing_files_of_a_checkpoint_are_named(writer: ModuleType, tmp_path: Path) -> None:
    writer.write_bundle(tmp_path / "a", ARRAYS)
    data, index = tmp_path / "a.data-00000-of-00001", tmp_path / "a.index"
    hidden = tmp_path / "hidden"
    data.rename(hidden)

    assert f"{data.name} cannot be read (No such file" in refused(tensorflow.read, index)

    hidden.rename(data)
    index.rename(hidden)

    assert f"{index.name} cannot be read (No such file" in refused(tensorflow.read, data)
    assert "gone cannot be read (No such file" in refused(tensorflow.read, tmp_path / "gone")


def test_a_compressed_table_is_refused(writer: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a.index"
    path.write_bytes(writer.table({b"": b""}, compression=1))

    assert "is compressed, which TensorFlow's savers do not do" in refused(tensorflow.read, path)


def entry(**changes: bytes) -> bytes:
    """An entry of an index, for four bytes of data that are 0."""
    fields = {
        "kind": number(1, 1),
        "shape": stretch(2, stretch(2, number(1, 1))),
        "size": number(5, 4),
        "crc": fixed32(6, struct.pack("<I", 0x1E2C0C7B)),
    }
    return b"".join((fields | changes).values())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"size": number(5, TERABYTE)}, f"{TERABYTE} bytes are announced where 4 are left"),
        ({"size": number(4, TERABYTE)}, f"a tensor begins at byte {TERABYTE} of 4"),
        ({"size": number(4, -1)}, "of 4"),
        (
            {"shape": stretch(2, stretch(2, number(1, TERABYTE)))},
            f"a tensor of shape ({TERABYTE},) takes {4 * TERABYTE} bytes, the file has 4",
        ),
        ({"parts": stretch(7, b"")}, "a tensor is stored in parts"),
        ({"shard": number(3, 5)}, "a.data-00005-of-00001 cannot be read"),
    ],
)
def test_a_hostile_index_is_refused(
    writer: ModuleType, tmp_path: Path, changes: dict[str, bytes], says: str
) -> None:
    header = number(1, 1)
    crc = {"crc": fixed32(6, struct.pack("<I", writer.masked(bytes(4))))}
    table = writer.table({b"": header, b"a": entry(**crc | changes)})
    (tmp_path / "a.index").write_bytes(table)
    (tmp_path / "a.data-00000-of-00001").write_bytes(bytes(4))

    assert says in refused(tensorflow.read, tmp_path / "a.index")


def test_tensors_that_share_their_bytes_are_refused(writer: ModuleType, tmp_path: Path) -> None:
    """A million names for one tensor would be a million tensors in memory."""
    crc = {"crc": fixed32(6, struct.pack("<I", writer.masked(bytes(4))))}
    table = writer.table({b"": number(1, 1), **{b"%d" % i: entry(**crc) for i in range(3)}})
    (tmp_path / "a.index").write_bytes(table)
    (tmp_path / "a.data-00000-of-00001").write_bytes(bytes(4))

    assert "its tensors overlap" in refused(tensorflow.read, tmp_path / "a.index")


def test_numbers_with_the_big_end_first_are_refused(writer: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.index").write_bytes(writer.table({b"": number(1, 1) + number(2, 1)}))

    assert "big end first" in refused(tensorflow.read, tmp_path / "a.index")


def test_a_partitioned_variable_of_the_old_format_is_refused(
    writer: ModuleType, tmp_path: Path
) -> None:
    writer.write_slices(tmp_path / "a", ARRAYS, part=number(2, 1))

    assert "a tensor is stored in parts" in refused(tensorflow.read, tmp_path / "a")


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (varint(0) + varint(TERABYTE) + varint(0), "a name of 0 + 1099511627776 bytes"),
        (varint(9) + varint(1) + varint(0) + b"a", "a name of 9 + 1 bytes after one of 0"),
        (varint(0) + varint(1) + varint(TERABYTE) + b"a", f"{TERABYTE} bytes are announced"),
        (b"\0\1\0b" + b"\0\1\0a", "its names are not in ascending order"),
        (b"", "a block of 0 bytes announces 0 restarts"),
    ],
)
def test_a_hostile_block_is_refused(
    writer: ModuleType, tmp_path: Path, held: bytes, says: str
) -> None:
    block = held + (struct.pack("<II", 0, 1) if held else b"")
    data = block + b"\0" + struct.pack("<I", writer.masked(block + b"\0"))
    index = writer.block([(b"z", varint(0) + varint(len(block)))])
    handle = varint(len(data)) + varint(len(index))
    data += index + b"\0" + struct.pack("<I", writer.masked(index + b"\0"))
    footer = (varint(0) + varint(0) + handle).ljust(40, b"\0") + struct.pack("<Q", writer.MAGIC)
    (tmp_path / "a").write_bytes(data + footer)

    assert says in refused(tensorflow.read, tmp_path / "a")


def test_one_block_given_many_times_is_refused(writer: ModuleType, tmp_path: Path) -> None:
    block = writer.block([(b"a", b"x" * 1000)])
    data = block + b"\0" + struct.pack("<I", writer.masked(block + b"\0"))
    index = writer.block([(b"%03d" % i, varint(0) + varint(len(block))) for i in range(100)])
    handle = varint(len(data)) + varint(len(index))
    data += index + b"\0" + struct.pack("<I", writer.masked(index + b"\0"))
    footer = (varint(0) + varint(0) + handle).ljust(40, b"\0") + struct.pack("<Q", writer.MAGIC)
    (tmp_path / "a").write_bytes(data + footer)

    assert "its blocks overlap" in refused(tensorflow.read, tmp_path / "a")


def test_a_checkpoint_without_a_float_tensor_is_refused(writer: ModuleType, tmp_path: Path) -> None:
    writer.write_bundle(tmp_path / "a", {"steps": np.array(9, np.int64)})

    assert refused(tensorflow.read, tmp_path / "a") == (
        f"{tmp_path / 'a'}: this checkpoint has no float tensor; give one of a trained network"
    )


# --- Keras ---


@pytest.fixture
def make(h5py: ModuleType, tmp_path: Path) -> Callable[[Callable], Path]:
    """Makes an HDF5 file of what a function puts into it."""

    def written(fill: Callable) -> Path:
        path = tmp_path / "weights.h5"
        with h5py.File(path, "w") as file:
            fill(file)
        return path

    return written


def test_a_plain_file_is_read_and_what_is_no_float_is_not(make: Callable) -> None:
    def fill(file: dict) -> None:
        file["a/kernel"] = np.ones((2, 3), np.float32)
        file["a/half"] = np.ones(2, np.float16)
        file["steps"] = 7
        file["text"] = "Lambda"

    found = keras.read(make(fill))

    assert found.keys() == {"a/kernel", "a/half"}


@pytest.mark.parametrize(
    ("fill", "says"),
    [
        (
            lambda file: file.create_dataset("a", (TERABYTE,), "f4"),
            f"/a declares {4 * TERABYTE} bytes and does not store them plainly",
        ),
        (
            lambda file: file.create_dataset("a", data=np.zeros(10**6, "f4"), compression="gzip"),
            "/a is filtered, and is not stored plainly",
        ),
        (
            lambda file: file.create_dataset("a", data=np.zeros(3, "f4"), shuffle=True),
            "/a is filtered, and is not stored plainly",
        ),
        (
            lambda file: file.create_dataset("a", (3,), "f4", external=[("/etc/passwd", 0, 12)]),
            "/a has its numbers in another file",
        ),
        (lambda file: file.create_group("a"), "it has no float arrays"),
    ],
)
def test_a_hostile_array_is_refused(make: Callable, fill: Callable, says: str) -> None:
    path = make(fill)

    said = refused(keras.read, path)

    assert said == f"{path}: not a Keras weights file: {said.split(': ', 2)[2]}"
    assert says in said
    assert said.endswith("; save or download it again")


@pytest.mark.parametrize(
    "link", ["SoftLink('/b')", "ExternalLink('other.h5', '/b')"], ids=["soft", "external"]
)
def test_links_are_refused(make: Callable, h5py: ModuleType, link: str) -> None:
    kind, _, rest = link.partition("(")

    def fill(file: dict) -> None:
        file["b"] = np.ones(3, np.float32)
        file["a"] = getattr(h5py, kind)(*re.findall(r"'(.*?)'", rest))

    assert "a is a link to somewhere else" in refused(keras.read, make(fill))


def test_an_array_in_other_files_is_refused(make: Callable, h5py: ModuleType) -> None:
    layout = h5py.VirtualLayout(shape=(3,), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "data", shape=(3,))

    said = refused(keras.read, make(lambda file: file.create_virtual_dataset("a", layout)))

    assert "/a has its numbers in another file" in said


def test_one_array_under_many_names_is_read_once_and_circles_end(make: Callable) -> None:
    def fill(file: dict) -> None:
        file["a"] = np.ones(3, np.float32)
        for i in range(5):
            file[f"again{i}"] = file["a"]
        file["group/circle"] = file["/"]

    assert len(keras.read(make(fill))) == 1


def test_a_keras_file_cut_short_or_changed_is_refused_or_read(make: Callable) -> None:
    """HDF5 has few checksums: what counts is that nothing but our error comes out."""
    path = make(lambda file: file.create_dataset("a/b/kernel", data=np.ones(64, np.float32)))
    data = path.read_bytes()
    for end in range(0, len(data), 23):
        path.write_bytes(data[:end])
        with pytest.raises(WeightsError, match=re.escape(str(path))):
            keras.read(path)
    for at in range(0, len(data), 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            found = keras.read(path)
        except WeightsError:
            continue

        assert sum(value.nbytes for value in found.values()) <= len(data)


def archive(path: Path, compression: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "."), data)
    return path


def hdf5(h5py: ModuleType) -> bytes:
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file["a"] = np.ones(3, np.float32)
    return data.getvalue()


def test_code_in_the_description_of_a_model_is_never_looked_at(
    h5py: ModuleType, tmp_path: Path
) -> None:
    config = json.dumps({"class_name": "Lambda", "config": {"function": ["gASVBAAAAA==", None]}})
    path = archive(
        tmp_path / "model.keras", config__json=config.encode(), model__weights__h5=hdf5(h5py)
    )

    assert keras.read(path).keys() == {"a"}


def test_archives_that_are_no_models_are_refused(h5py: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    bomb = archive(path, zipfile.ZIP_DEFLATED, model__weights__h5=bytes(10**7))

    assert "model.weights.h5 in it is compressed" in refused(keras.read, bomb)
    assert "the archive has no model.weights.h5" in refused(
        keras.read, archive(path, config__json=b"{}")
    )
    assert "it is not an HDF5 file" in refused(
        keras.read, archive(path, model__weights__h5=b"no weights")
    )

    whole = archive(path, model__weights__h5=hdf5(h5py)).read_bytes()
    path.write_bytes(whole.replace(b"\x00\x00\x80\x3f", b"\x00\x00\x80\x40", 1))

    assert "the archive is damaged" in refused(keras.read, path)

    path.write_bytes(whole[:-30])

    assert "not a Keras weights file" in refused(keras.read, path)


# --- All ---


@pytest.mark.parametrize("read", [caffe.read, tensorflow.read, keras.read])
def test_what_is_no_such_file_is_refused(read: Read, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "empty").touch()
    for path in (tmp_path / "noise", tmp_path / "empty", tmp_path, tmp_path / "gone"):
        assert refused(read, path).startswith(f"{path}: ")


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200))
def test_no_bytes_make_the_reader_of_caffemodels_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz"
    path.write_bytes(data)
    try:
        caffe.read(path)
    except WeightsError as error:
        assert str(path) in str(error)
