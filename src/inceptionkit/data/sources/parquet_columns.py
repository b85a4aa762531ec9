"""Which columns of a Parquet file hold images, labels and sets, and what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import checks
from inceptionkit.data.set_names import set_named
from inceptionkit.data.sources.columns import (
    PATHS,
    LabelError,
    class_words,
    first_of,
    label_column,
    label_word,
    require_column,
    set_word,
    split_column,
)
from inceptionkit.data.sources.layout import unique_names
from inceptionkit.data.types import SETS, ColumnNames
from inceptionkit.errors import did_you_mean
from inceptionkit.text import printable

_ROWS = "remove the file, or its rows"
_TEXTS_AT_ONCE = 512  # rows whose labels are in memory as they stand


class Labels(NamedTuple):
    """What the rows of one file show."""

    classes: tuple[str, ...]
    numbers: NDArray[np.int32]  # index into `classes` of each row; empty where none has a label
    named: bool  # whether the file says what its classes are called
    sets: NDArray[np.int8] | None  # index into SETS of each row; None where no column says it
    notes: tuple[str, ...]


def image_column(arrow: Any, where: str, schema: Any, named: str | None) -> str:  # noqa: ANN401
    """Leaf column of the encoded bytes: `named`, or called so, or the only one that could be it.

    Raises:
        DataError: there is none, or several.
    """
    leaf_of = {}
    for column in schema:
        kind = column.type
        if arrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            leaf_of[column.name] = f"{column.name}.bytes"
        elif arrow.types.is_binary(kind) or arrow.types.is_large_binary(kind):
            leaf_of[column.name] = column.name
    require_column(where, "image", named, list(leaf_of) if named in schema.names else schema.names)
    if chosen := named or first_of(PATHS, leaf_of):
        return leaf_of[chosen]
    if len(leaf_of) == 1:
        return next(iter(leaf_of.values()))
    if leaf_of:
        wrong = f"{checks.quoted(map(printable, leaf_of))} may hold the images"
        raise checks.data_error(where, wrong, "choose one with --image-column")
    wrong = f"no column of images among {', '.join(map(printable, schema.names))}"
    advice = "store the bytes of each file; files that have names belong into a .csv manifest"
    raise checks.data_error(where, wrong, advice)


def read_labels(arrow: Any, where: str, table: Any, image: str, named: ColumnNames) -> Labels:  # noqa: ANN401
    """Read the columns of labels and of sets.

    Args:
        arrow: the module pyarrow.
        where: address, for messages.
        table: an open pyarrow.parquet.ParquetFile.
        image: its column of images.
        named: columns that the user names.

    Raises:
        DataError: a column is missing, or one of several; a label or a set is none.
    """
    schema = table.schema_arrow

    def read(name: str, nulls: str = "mask") -> Any:  # noqa: ANN401
        """A column; of texts each once and where it stands, for one may fill all rows."""
        if not _is_text(arrow, schema.field(name).type) or not table.metadata.num_rows:
            return table.read(columns=[name]).column(0)
        pieces = table.iter_batches(_TEXTS_AT_ONCE, columns=[name])
        encoded = [piece.column(0).dictionary_encode(nulls) for piece in pieces]
        return arrow.chunked_array(encoded).unify_dictionaries()

    names = [name for name in schema.names if name != image.partition(".")[0]]
    require_column(where, "label", named.label, names)
    features = _features(schema)
    noted = [name for name, about in features.items() if about.get("_type") == "ClassLabel"]
    label = named.label or label_column(where, names, [name for name in noted if name in names])
    if not label:
        wrong = f"no column 'label' among {', '.join(map(printable, schema.names))}"
        raise checks.data_error(where, wrong, "choose one with --label-column")
    known = features.get(label, {}).get("names")
    classes, numbers = _labels(arrow, where, read(label, "encode"), known)
    split, notes = split_column(
        where,
        [name for name in names if name != label],
        lambda name: read(name).unique().to_pylist(),
    )
    sets = _sets(where, split, read(split)) if split else None
    return Labels(classes, numbers, known is not None, sets, notes)


def _is_text(arrow: Any, kind: Any) -> bool:  # noqa: ANN401
    kinds = arrow.types
    asked = (kinds.is_string, kinds.is_large_string, kinds.is_binary, kinds.is_large_binary)
    return any(ask(kind) for ask in asked)


def _features(schema: Any) -> dict[str, Mapping[str, Any]]:  # noqa: ANN401 - pyarrow has no types
    """What Hugging Face notes of each column; empty where it notes nothing."""
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return (
        {k: v for k, v in noted.items() if isinstance(v, dict)} if isinstance(noted, dict) else {}
    )


def _sets(where: str, name: str, column: Any) -> NDArray[np.int8]:  # noqa: ANN401
    encoded = column.combine_chunks().dictionary_encode()
    encoded = encoded.combine_chunks() if hasattr(encoded, "chunks") else encoded
    words = [set_word(name, value) for value in encoded.dictionary.to_pylist()]
    for word in words:
        if not set_named(word):
            wrong = f"column {printable(name)!r}: no set is called {printable(word[:40])!r}"
            raise checks.data_error(where, wrong, did_you_mean(word, SETS))
    if encoded.null_count:
        wrong = f"{encoded.null_count} rows have no set in column {printable(name)!r}, others have"
        raise checks.data_error(where, wrong, "give every row one, or remove the column")
    numbers = np.array([SETS.index(set_named(word) or "train") for word in words], np.int8)
    sets: NDArray[np.int8] = numbers[encoded.indices.to_numpy()]
    return sets


def _labels(
    arrow: Any,  # noqa: ANN401 - pyarrow has no types
    where: str,
    column: Any,  # noqa: ANN401
    names: Sequence[str] | None,
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Names of the classes of one file, and the labels as indices into them.

    No labels at all where every row is null, NaN or -1, as in the test sets of competitions.
    """
    kinds = arrow.types
    if kinds.is_dictionary(column.type) and not _is_text(arrow, column.type.value_type):
        column = column.cast(column.type.value_type)
    words, numbers = _unique(arrow, where, column)
    absent = np.array([word in ("", "-1") for word in words], np.bool_)
    if absent.all():
        return (), np.empty(0, np.int32)
    if "" in words:
        wrong = f"{int((numbers == words.index('')).sum())} rows have no label"
        raise checks.data_error(where, wrong, _ROWS)
    if not (kinds.is_integer(column.type) or kinds.is_floating(column.type)):
        return tuple(words), numbers
    _refuse_numbers(where, words, numbers, None if names is None else len(names))
    if names is None:
        return tuple(words), numbers
    return unique_names(names), np.array([int(word) for word in words], np.int32)[numbers]


def _unique(arrow: Any, where: str, column: Any) -> tuple[list[str], NDArray[np.int32]]:  # noqa: ANN401
    """The labels that occur, as words, and for each row the index of its own."""
    try:
        if column.type.num_fields:  # lists and structures
            each = class_words([label_word(value) for value in column.to_pylist()])
            words, rows = np.unique(np.array(each, np.str_), return_inverse=True)
        elif arrow.types.is_decimal(column.type) or arrow.types.is_floating(column.type):
            values, rows = np.unique(column.cast(arrow.float64()).to_numpy(), return_inverse=True)
            words = np.array([label_word(value) for value in values.tolist()], np.str_)
        else:
            encoded = column.combine_chunks()
            if not arrow.types.is_dictionary(encoded.type):
                encoded = encoded.dictionary_encode(null_encoding="encode")
            encoded = encoded.combine_chunks() if hasattr(encoded, "chunks") else encoded
            values = encoded.dictionary.to_pylist()
            texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values]
            known = [v if isinstance(v, bool | int | float | None) else str(v) for v in texts]
            words = np.array(class_words([label_word(value) for value in known]), np.str_)
            rows = encoded.indices.to_numpy()
    except LabelError as error:
        raise checks.data_error(where, f"a row {error.wrong}", error.advice) from error
    order, index = np.unique(words, return_inverse=True)  # labels of one name are one class
    return list(map(str, order)), index.astype(np.int32)[rows]


def _refuse_numbers(
    where: str, words: Sequence[str], rows: NDArray[np.int32], classes: int | None
) -> None:
    """Refuse numbers that are below 0, or have no name."""
    most = float("inf") if classes is None else classes
    bad = [word for word in words if not 0 <= int(word) < most]
    if not bad:
        return
    count = int(np.isin(rows, [words.index(word) for word in bad]).sum())
    there = "" if classes is None else f", there are {classes}"
    wrong = f"label {bad[0]} of {count} rows has no class{there}"
    shifted = classes is not None and min(map(int, words)) == 1 and bad == [str(classes)]
    advice = "subtract 1 from every label: names are counted from 0" if shifted else _ROWS
    raise checks.data_error(where, wrong, advice)
