"""Opening a dataset, whatever it is kept in."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from inceptionkit.data import checks
from inceptionkit.data.selection import SelectedClasses
from inceptionkit.data.set_names import set_named
from inceptionkit.data.sources import archive, digits, folder, manifest, parquet
from inceptionkit.data.storage.open import find_shards, is_pattern, is_table
from inceptionkit.data.types import BUILT_IN, ColumnNames, DataAddress, Dataset, Source

_METADATA = ("metadata.csv", "metadata.jsonl")
_UNPACK = "unpack it, or pack it as .zip, .tar or .tar.gz"
_PACKED = (  # endings of kinds that are known and not read, what they are, and what to do
    ((".tar.bz2", ".tbz2", ".tbz", ".tb2"), "tar files packed by bzip2", _UNPACK),
    ((".tar.xz", ".txz", ".tar.lzma", ".tlz"), "tar files packed by xz", _UNPACK),
    ((".tar.zst", ".tzst", ".tar.zstd"), "tar files packed by Zstandard", _UNPACK),
    ((".tar.lz4", ".tar.lz", ".tar.br", ".tar.z"), "tar files packed in this way", _UNPACK),
    ((".7z", ".rar", ".cab", ".iso", ".dmg"), "archives of this kind", _UNPACK),
    ((".csv.gz", ".tsv.gz", ".jsonl.gz", ".bz2", ".xz", ".zst"), "packed files", "unpack it"),
    ((".xlsx", ".xls", ".ods"), "spreadsheets", "save it as .csv"),
    ((".json", ".txt", ".xml"), "lists of this kind", "write a .csv with columns path and label"),
    (
        (".arrow", ".feather", ".tfrecord", ".tfrecords", ".lmdb", ".mdb"),
        "datasets of this kind",
        "save it as Parquet, or the images as files in a folder per class",
    ),
    (
        (".h5", ".hdf5", ".npz", ".npy", ".mat", ".pkl"),
        "arrays",
        "save the images as files in a folder per class",
    ),
)


def open_dataset(address: DataAddress) -> Dataset:
    """Open the images at `address`, whatever they are kept in.

    Args:
        address: the word `digits` (built in); a folder with one folder of images per class, or one
            that holds train/, val/ and test/ of such; a .csv, .tsv or .jsonl manifest; a .parquet
            file in the Hugging Face image layout; a .zip, .tar or .tar.gz of class folders, or in
            the WebDataset layout; a folder of such files, also in a `data/` sub-folder; a brace
            pattern for them, `train-{000..012}.tar`. Parquet, tar and zip may also lie at an
            s3://, gs://, https://, http:// or hf:// address. Something that exists wins over the
            word, and `./digits` is never the word. A `Source` also says which columns of a table
            and which classes count.

    Raises:
        DataError: nothing is there, nothing in it is an image, its layout is not clear, or train
            lacks a class that another set has.
    """
    source = address if isinstance(address, Source) else Source(address)
    path = Path(address := str(source.address)).expanduser()
    built_in = address in BUILT_IN and not os.path.lexists(path)
    columns = ColumnNames(source.image_column, source.label_column)
    dataset = digits.digits() if built_in else _opened(address, path, columns)
    if source.classes is not None:
        dataset = SelectedClasses(dataset, source.classes)
    if built_in:
        return dataset
    checks.require_every_class(dataset)
    return dataset


def _opened(address: str, path: Path, columns: ColumnNames) -> Dataset:
    if not is_pattern(address):
        checks.require_exists(path, address)
        if manifest.is_manifest(path):
            return manifest.open_manifest(address, path, columns)
    files = find_shards(address)
    if files and all(is_table(file.name) for file in files):
        return parquet.open_shards(address, files, columns)
    if files:
        return archive.open_archives(address, files)
    if tables := _tables(path, columns):
        return manifest.manifests(address, tables, columns)
    _refuse_packed(address, path)
    if is_pattern(address):
        wrong = "there is no .parquet, .tar or .zip file"
        raise checks.data_error(address, wrong, "check the address")
    return folder.open_folder(address, path)


def _refuse_packed(address: str, path: Path) -> None:
    """Refuse kinds of files that are known and not read; also folders of files that hold one."""
    names = [address.partition("?")[0].rpartition("/")[2]]
    if path.is_dir():
        with suppress(OSError):
            entries = list(path.iterdir())
            names = [] if any(map(Path.is_dir, entries)) else sorted(e.name for e in entries)
    for name in names:
        for endings, what, advice in _PACKED:
            if name.lower().endswith(endings) and (not path.is_dir() or advice == _UNPACK):
                raise checks.data_error(address, f"{name}: {what} are not read", advice)


def _tables(path: Path, columns: ColumnNames) -> dict[str, Path]:
    """The metadata.csv or .jsonl of a folder, or of the folders of its sets, as on Hugging Face."""
    folders = {"": path}
    if not any((path / name).is_file() for name in _METADATA):
        try:
            inside = sorted(path.iterdir())
        except OSError:
            return {}
        named = [(given, place) for place in inside if (given := set_named(place.name))]
        folders = dict(named)
        if len(folders) < len(named):
            return {}  # two of one set, which `folder` refuses
    tables = {
        given: place / name
        for given, place in folders.items()
        for name in _METADATA
        if (place / name).is_file() and manifest.names_classes(place / name, columns)
    }
    return tables if len(tables) == len(folders) else {}
