"""A table of images: CSV, TSV or JSON Lines with `path`, `label` and, if divided, `split`."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from inceptionkit.data import checks
from inceptionkit.data.set_names import set_named
from inceptionkit.data.sources.folder import Folder, folder_of
from inceptionkit.data.sources.layout import Row, make_listing
from inceptionkit.data.types import SETS, Unusable
from inceptionkit.errors import did_you_mean
from inceptionkit.text import printable

TABLES = (".csv", ".tsv")
_LINES = (".jsonl", ".ndjson")
_NEEDED = ("path", "label")
_COLUMNS = (*_NEEDED, "split")  # others are skipped


class _Line(NamedTuple):
    """One line of a manifest that says what it must."""

    number: int  # from 1, as an editor counts
    path: str
    label: str
    split: str


def is_manifest(path: Path) -> bool:
    """Whether a file is a manifest, by the end of its name."""
    return path.suffix.lower() in (*TABLES, *_LINES) and path.is_file()


def open_manifest(address: str, path: Path) -> Folder:
    """List the images that a manifest names; paths are absolute, or relative to the manifest.

    Files that are missing, and lines that say too little, repeat another or contradict it, are
    listed as unusable.

    Raises:
        DataError: the manifest cannot be read, lacks a column, or names no image that is there.
    """
    faults: list[Unusable] = []
    lines = list(_lines(address, path, faults))
    _refuse_splits(address, lines)
    consistent = _consistent(path.name, lines, faults)
    rows = [row for line in consistent if (row := _row(path, line, faults))]
    if not rows:
        first = f" ({faults[0].name}: {faults[0].reason})" if faults else ""
        wrong = f"it names no image that exists{first}"
        raise checks.data_error(address, wrong, "give paths relative to the manifest, or absolute")
    return folder_of(address, path.parent, make_listing(sorted(rows, key=_order), faults))


def _order(row: Row) -> tuple[int, str]:
    return row.set, row.name


def _lines(address: str, path: Path, faults: list[Unusable]) -> Iterator[_Line]:
    """The lines that can be used; the others are noted."""
    records = _records(address, path, faults)
    for number, record in records:
        values = {name: str(record.get(name) or "").strip() for name in _COLUMNS}
        if isinstance(record.get("label"), int):
            values["label"] = str(record["label"])  # also 0 and False are names of classes
        missing = [name for name in _NEEDED if not values[name]]
        if missing:
            faults.append(_fault(path.name, number, f"has no {' and no '.join(missing)}"))
            continue
        yield _Line(number, values["path"], printable(values["label"]), values["split"])


def _fault(manifest: str, number: int, reason: str) -> Unusable:
    return Unusable(f"{printable(manifest)}:{number}", f"the line {reason}")


def _records(
    address: str, path: Path, faults: list[Unusable]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        wrong = f"cannot be read: {(error.strerror or str(error)).lower()}"
        raise checks.data_error(address, wrong, "check its permissions") from error
    text = _text(content)
    if path.suffix.lower() in _LINES:
        return _json_lines(address, path.name, text, faults)
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
        columns = [name.strip().lower() for name in next(reader, [])]
        _refuse_columns(address, columns)
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
    address: str, name: str, text: str, faults: list[Unusable]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    seen: dict[str, None] = {}
    good = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            faults.append(_fault(name, number, "is not a JSON object"))
            continue
        seen |= dict.fromkeys(record)
        good += all(column in record for column in _NEEDED)
        yield number, record
    if not good:
        _refuse_columns(address, list(seen))


def _refuse_columns(address: str, columns: list[str]) -> None:
    """Refuse a manifest that is empty, lacks a column, or has `split` misspelt."""
    if not columns:
        raise checks.data_error(address, "it is empty", "name images in it, by path and label")
    for wanted in _COLUMNS:
        if wanted in columns:
            continue
        others = [name for name in columns if name not in _COLUMNS]
        near = get_close_matches(wanted, others, n=1)
        if wanted in _NEEDED or near:
            wrong = f"no column {wanted!r} among {', '.join(map(_short, columns))}"
            advice = f"did you mean {_short(near[0])!r}? Call it {wanted!r}" if near else "add it"
            raise checks.data_error(address, wrong, advice)


def _short(word: str) -> str:
    return printable(word[:40])


def _refuse_splits(address: str, lines: Iterable[_Line]) -> None:
    """Refuse words that name no set, and a manifest that is divided in part."""
    first = {line.split: line.number for line in reversed(list(lines))}
    for word, number in first.items():
        if word and not set_named(word):
            wrong = f"line {number}: no set is called {_short(word)!r}"
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
    for path in dict.fromkeys((line.path, line.path.replace("\\", "/"))):  # as Windows writes
        try:
            (manifest.parent / path).stat()
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            reason = getattr(error, "strerror", None) or str(error)
        else:
            return Row(path, line.label, SETS.index(given) if given else -1)
    faults.append(Unusable(printable(line.path), f"cannot be read: {reason.lower()}"))
    return None
