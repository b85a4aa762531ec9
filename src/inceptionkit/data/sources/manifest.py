"""A table of images: CSV, TSV or JSON Lines with a path, a label and, if divided, a set."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from inceptionkit.data import checks
from inceptionkit.data.set_names import set_named
from inceptionkit.data.sources.columns import (
    LabelError,
    class_words,
    find_columns,
    label_word,
    one_hot_label,
    set_word,
)
from inceptionkit.data.sources.folder import Folder, folder_of
from inceptionkit.data.sources.layout import Row, is_image, make_listing
from inceptionkit.data.types import SETS, ColumnNames, Unusable
from inceptionkit.errors import DataError, did_you_mean
from inceptionkit.files import read_bounded
from inceptionkit.text import printable

TABLES = (".csv", ".tsv")
_LINES = (".jsonl", ".ndjson")
TABLE_BYTES = 2**30
"""Most bytes of a table: 1 GiB, some ten million images."""
_LEFT_OUT = (".jpg", ".jpeg", ".png", ".JPG")  # endings that tables of names leave out
_ANY = ColumnNames()


class _Line(NamedTuple):
    """One line of a manifest that says what it must."""

    number: int  # from 1, as an editor counts
    path: str
    label: str
    split: str


def is_manifest(path: Path) -> bool:
    """Whether a file is a manifest, by the end of its name."""
    return path.suffix.lower() in (*TABLES, *_LINES) and path.is_file()


def open_manifest(address: str, path: Path, named: ColumnNames = _ANY) -> Folder:
    """List the images that a manifest names; paths are absolute, or relative to the manifest.

    Files that are missing, and lines that say too little, repeat another or contradict it, are
    listed as unusable.

    Raises:
        DataError: the manifest cannot be read, lacks a column, gives an image several labels, or
            names no image of a class that is there.
    """
    return manifests(address, {"": path}, named)


def manifests(address: str, paths: Mapping[str, Path], named: ColumnNames = _ANY) -> Folder:
    """The images that one manifest names, or several, each of which is of one set.

    Args:
        address: for messages.
        paths: name of a set, or "" where the manifest says it -> the manifest.
        named: columns that the user names.

    Raises:
        DataError: as of `open_manifest`.
    """
    faults, notes, rows = list[Unusable](), dict[str, None](), list[Row]()
    classes: dict[str, _Line] = {}
    root = next(iter(paths.values())).parent
    root = root if len(paths) == 1 else root.parent
    for given, path in paths.items():
        lines, said = _lines(address, path, named, faults)
        lines = [line._replace(split=line.split or given) for line in lines]
        notes |= dict.fromkeys(said)
        _refuse_splits(address, lines)
        classes = {line.label: line for line in reversed(lines)} | classes
        place = path.parent.relative_to(root).as_posix() if path.parent != root else ""
        for line in _consistent(path.name, lines, faults):
            if row := _row(path, line, faults):
                rows.append(row._replace(name=os.path.join(place, row.name)))  # noqa: PTH118
    if not rows:
        first = f" ({faults[0].name}: {faults[0].reason})" if faults else ""
        wrong = f"it names no image that exists{first}"
        raise checks.data_error(address, wrong, "give paths relative to the manifest, or absolute")
    _refuse_lost(address, set(classes) - {row.klass for row in rows}, classes, faults)
    listing = make_listing(sorted(rows, key=_order), faults, notes)
    return folder_of(address, root, listing)


def _order(row: Row) -> tuple[int, str]:
    return row.set, row.name


def _refuse_lost(
    address: str, lost: set[str], classes: Mapping[str, _Line], faults: Iterable[Unusable]
) -> None:
    """Refuse a class of which no image is left."""
    if not lost:
        return
    label = min(lost)
    path = classes[label].path
    reasons = [fault.reason for fault in faults if fault.name == printable(path)]
    why = f" ({printable(path)}: {reasons[0]})" if reasons else ""
    wrong = f"no image of {checks.quoted(sorted(lost))} can be used{why}"
    raise checks.data_error(address, wrong, "correct its lines, or remove them")


def _lines(
    address: str, path: Path, named: ColumnNames, faults: list[Unusable]
) -> tuple[list[_Line], tuple[str, ...]]:
    """The lines that can be used, and notes; what is wrong with the others is listed."""
    text = _read(address, path)

    def records() -> Iterator[tuple[int, Mapping[str, Any]]]:
        return _records(address, path, text, [])

    names = dict.fromkeys(name for _, record in records() for name in record)
    columns = find_columns(address, list(names), records, named)
    lines: list[_Line] = []
    for number, record in _records(address, path, text, faults):
        if number == 0:
            continue
        try:
            label = (
                one_hot_label(record, columns.one_hot)
                if columns.one_hot
                else label_word(record.get(columns.label))
            )
        except LabelError as error:
            wrong = f"line {number} {error.wrong}"
            raise checks.data_error(address, wrong, error.advice) from error
        place = str(record.get(columns.path) or "").strip()
        missing = [name for name, value in (("path", place), ("label", label)) if not value]
        if missing:
            faults.append(_fault(path.name, number, f"has no {' and no '.join(missing)}"))
        else:
            split = set_word(columns.split, record.get(columns.split))
            lines.append(_Line(number, place, printable(label), split))
    try:
        words = class_words([line.label for line in lines])
    except LabelError as error:
        raise checks.data_error(address, f"an image {error.wrong}", error.advice) from error
    lines = [line._replace(label=word) for line, word in zip(lines, words, strict=True)]
    return lines, columns.notes


def names_classes(path: Path, named: ColumnNames) -> bool:
    """Whether a table beside images names their classes: many tables hold other things."""
    try:
        lines, _ = _lines("", path, named, [])
    except DataError:
        return False
    return bool(lines)


def _fault(manifest: str, number: int, reason: str) -> Unusable:
    return Unusable(f"{printable(manifest)}:{number}", f"the line {reason}")


def _read(address: str, path: Path) -> str:
    try:
        return _text(read_bounded(path, TABLE_BYTES))
    except OSError as error:
        wrong = f"cannot be read: {(error.strerror or str(error)).lower()}"
        raise checks.data_error(address, wrong, "check its permissions") from error


def _records(
    address: str, path: Path, text: str, faults: list[Unusable]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a table by the number of their lines; of a CSV the names of columns come as 0."""
    if path.suffix.lower() in _LINES:
        return _json_lines(path.name, text, faults)
    return _table(address, path, text, faults)


def _text(content: bytes) -> str:
    """Text of a manifest, without a byte-order mark; bytes that are not UTF-8 are kept."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def _table(
    address: str, path: Path, text: str, faults: list[Unusable]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    head = text.partition("\n")[0]
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    separator = usual if usual in head or ";" not in head else ";"  # as some Excels write
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        yield 0, dict.fromkeys(columns)
        for fields in reader:
            if len(fields) == len(columns):
                yield reader.line_num, dict(zip(columns, fields, strict=True))
            elif fields:
                reason = f"has {len(fields)} fields, the first line has {len(columns)}"
                faults.append(_fault(path.name, reader.line_num, reason))
    except csv.Error as error:
        wrong = f"line {reader.line_num} cannot be read ({error})"
        raise checks.data_error(
            address, wrong, "close its quotation marks, or write JSON Lines"
        ) from error


def _json_lines(
    name: str, text: str, faults: list[Unusable]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            yield number, record
        else:
            faults.append(_fault(name, number, "is not a JSON object"))


def _refuse_splits(address: str, lines: Iterable[_Line]) -> None:
    """Refuse words that name no set, and a manifest that is divided in part."""
    first = {line.split: line.number for line in reversed(list(lines))}
    for word, number in first.items():
        if word and not set_named(word):
            wrong = f"line {number}: no set is called {printable(word[:40])!r}"
            raise checks.data_error(address, wrong, did_you_mean(word, SETS))
    if "" in first and len(first) > 1:
        wrong = f"line {first['']} has no split, others have"
        raise checks.data_error(address, wrong, "give every line one, or none")


def _consistent(manifest: str, lines: Iterable[_Line], faults: list[Unusable]) -> list[_Line]:
    """One line for each file; a file about which two lines disagree is left out."""
    first: dict[str, _Line] = {}
    doubted: set[str] = set()
    for line in lines:
        key = os.path.normpath(line.path)
        known = first.setdefault(key, line)
        if known is line:
            continue
        if (known.label, known.split) == (line.label, line.split):
            faults.append(_fault(manifest, line.number, f"repeats line {known.number}"))
        else:
            reason = (
                f"contradicts line {known.number}: {_quoted(known)} there, {_quoted(line)} here"
            )
            faults.append(_fault(manifest, line.number, reason))
            doubted.add(key)
    for key in doubted:
        line = first.pop(key)
        faults.append(_fault(manifest, line.number, "is contradicted by another"))
    return list(first.values())


def _quoted(line: _Line) -> str:
    return " in ".join(filter(None, (repr(line.label), line.split)))


def _row(manifest: Path, line: _Line, faults: list[Unusable]) -> Row | None:
    """The image of a line; None, and a note, where there is no file."""
    given, reason = set_named(line.split), ""
    for path in _places(line.path):
        try:
            (manifest.parent / path).stat()
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            reason = reason or getattr(error, "strerror", None) or str(error)
        else:
            return Row(path, line.label, SETS.index(given) if given else -1)
    faults.append(Unusable(printable(line.path), f"cannot be read: {reason.lower()}"))
    return None


def _places(path: str) -> Iterator[str]:
    """Where the file of a line may be, relative to the manifest."""
    yield path
    if "\\" in path:  # as Windows writes
        yield (path := path.replace("\\", "/"))
    if not is_image(path):
        yield from (path + ending for ending in _LEFT_OUT)
    if path.startswith("/data/"):  # as Label Studio writes: a file that it kept, or one of a disk
        yield unquote(path.partition("?d=")[2]) or (path := path.rpartition("/")[2])
        yield re.sub(r"^[0-9a-f]{8}-", "", path)
