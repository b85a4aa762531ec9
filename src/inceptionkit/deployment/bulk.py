"""Millions of images into one table: streamed, in parts that are whole, resumed after a stop."""

from __future__ import annotations

import csv
import json
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from importlib import import_module
from itertools import groupby, islice
from pathlib import Path
from string import digits
from time import monotonic
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data import open_dataset
from inceptionkit.data.sources.folder import image_names
from inceptionkit.data.sources.inputs import inputs
from inceptionkit.data.sources.manifest import is_manifest
from inceptionkit.data.storage.open import find_shards
from inceptionkit.data.types import Raw
from inceptionkit.deployment.load import load_predictor
from inceptionkit.deployment.rows import Row, RowMaker, row_maker
from inceptionkit.errors import DataError, DeploymentError
from inceptionkit.evaluation.answer import UNSURE_BELOW
from inceptionkit.evaluation.early_exit import AnyPolicy
from inceptionkit.files import part_of, write_json, write_whole
from inceptionkit.machine import cores
from inceptionkit.model import model_folder
from inceptionkit.model.folder import CARD
from inceptionkit.preprocess import UnusableImage
from inceptionkit.progress import Progress
from inceptionkit.records import to_json
from inceptionkit.text import printable

PART_IMAGES = 4_096  # rows of a part: what a stop costs at most
_AHEAD = 4  # batches that are decoded before they are run
_EVERY = 5.0  # seconds from one report of progress to the next
ENDINGS = (".parquet", ".csv", ".jsonl")

_Place: TypeAlias = tuple[str, Callable[[], Raw]]  # the name of an image, and what reads it


@dataclass(frozen=True, slots=True)
class _Images:
    """Images that are named and read by number, so that little is kept of each."""

    count: int
    name: Callable[[int], str]
    read: Callable[[int], Raw]


@dataclass(frozen=True, slots=True)
class Bulk:
    """What was written.

    Attributes:
        out: the table.
        images: its rows.
        unusable: rows with an error.
        resumed: rows that an earlier, interrupted call had written.
    """

    out: Path
    images: int
    unusable: int
    resumed: int


def predict_into(  # noqa: PLR0913 - what is asked for, who hears
    out: str | Path,
    model: str | Path,
    places: Sequence[str],
    policy: AnyPolicy | None,
    report: Callable[[Progress], object],
    *,
    device: str | None = None,
    top: int = 1,
    unsure_below: float = UNSURE_BELOW,
) -> Bulk:
    """Classify every image of some places into a table, one row each, in the order of the places.

    A call that was interrupted goes on where it stopped: rows are written in parts, each of which
    appears whole, beside the table; at the end they become it.

    Args:
        out: the table: .parquet, .csv or .jsonl.
        model: as `inceptionkit.load` takes it.
        places: all that `inputs` and that `train` reads.
        policy: when to stop at an exit; never if None.
        report: called with the progress.
        device: as `load_predictor` takes it.
        top: labels to give of each image.
        unsure_below: confidence below which an answer is unsure.

    Raises:
        WeightsError: there is no model, or it is damaged.
        DataError: there is no image, or `out` is there already or is none of these kinds.
        RecipeError: the stored policy is asked for, and the model has none.
        DeploymentError: a Parquet file is asked for without pyarrow.
        RunError: a file cannot be written.
    """
    out = Path(out).expanduser()
    _check_out(out)
    images = [*_images(places)]
    count = sum(some.count for some in images)
    predictor = load_predictor(model, images=count, mode="throughput", device=device)
    maker = row_maker(predictor, policy, str(model), top, unsure_below)
    parts = out.with_name(f"{out.name}.parts")
    done = _begin(parts, _key(maker, model, images))
    every = (
        (some.name(index), partial(some.read, index))
        for some in images
        for index in range(some.count)
    )
    rows, first = _classified(maker, islice(every, done, None)), done
    answers = _reported(rows, report, done, count)
    while part := list(islice(answers, PART_IMAGES)):
        write_whole(parts / f"{done:012d}.jsonl", "".join(json.dumps(row) + "\n" for row in part))
        done += len(part)
    return _joined(out, parts, ("path", *maker.columns), first)


def _reported(
    rows: Iterable[Row], report: Callable[[Progress], object], done: int, count: int
) -> Iterator[Row]:
    """The rows; between them the progress is reported, as often as people want to hear of it."""
    start = spoke = monotonic()
    for fresh, row in enumerate(rows, 1):
        yield row
        if (now := monotonic()) - spoke >= _EVERY:
            spoke, rate, total = now, fresh / (now - start), done + fresh
            report(Progress(what="predicting", done=total, total=count, per_second=rate,
                            seconds_left=(count - total) / rate))  # fmt: skip


def _check_out(out: Path) -> None:
    if out.suffix.lower() not in ENDINGS:
        msg = f"{out}: a table ends in {', '.join(ENDINGS)}; choose another name"
        raise DataError(msg)
    if out.exists():
        msg = f"{out}: is there already; delete it, or choose another name"
        raise DataError(msg)
    if out.suffix.lower() == ".parquet":
        _arrow()


def _images(places: Iterable[str]) -> Iterator[_Images]:
    """The images of places; of files that are named one by one, all together.

    Raises:
        DataError: there is none at a place.
    """
    for are_files, some in groupby(places, _is_image_file):
        if are_files:
            yield _below(Path(), [str(Path(place).expanduser()) for place in some])
        else:
            yield from map(_images_at, some)


def _is_image_file(place: str) -> bool:
    path = Path(place).expanduser()
    return path.is_file() and not find_shards(place) and not is_manifest(path)


def _images_at(place: str) -> _Images:
    path, remote = Path(place).expanduser(), "://" in place
    packed = (path.exists() or remote) and find_shards(place)
    if path.exists() and not packed and not is_manifest(path):
        try:
            return _below(path, image_names(path))
        except UnusableImage as error:
            msg = f"{place}: {error.reason}"
            raise DataError(msg) from error
    if place == "-" or (place.startswith("@") and not path.exists()) or (remote and not packed):
        return _given(place)
    dataset = open_dataset(place)
    names = dataset.samples.names
    return _Images(len(names), lambda index: f"{place}: {names[index]}", dataset.read)


def _below(root: Path, names: Sequence[str]) -> _Images:
    return _Images(
        len(names), lambda index: printable(str(root / names[index])), lambda i: root / names[i]
    )


def _given(place: str) -> _Images:
    """The images of a list, of standard input, or at an address; one that is not there is a row.

    Raises:
        DataError: none is there.
    """
    every = inputs(place)
    if all(missing for _, _, missing in every):
        msg = ": ".join(map(str, every[0][::2])) if every else f"{place}: names no image"
        raise DataError(msg)

    def read(index: int) -> Raw:
        _, image, missing = every[index]
        if missing is not None:
            raise UnusableImage(missing)
        return image() if callable(image) else Path(image)

    return _Images(len(every), lambda index: printable(str(every[index][0])), read)


def _key(maker: RowMaker, model: str | Path, images: Sequence[_Images]) -> str:
    """By which an interrupted call is known again: the model, the images' names, what is asked."""
    summary = sha256()
    card = replace(maker.predictor.card, seen=None)
    asked = [to_json(card), to_json(maker.policy), maker.top, maker.unsure_below]
    summary.update(json.dumps(asked, sort_keys=True).encode())
    place = Path(model).expanduser()
    if place.is_dir():
        summary.update((model_folder(place) / CARD).read_bytes())  # which has the files' SHA-256
    for some in images:
        for name in map(some.name, range(some.count)):
            summary.update(name.encode("utf-8", "surrogatepass") + b"\0")
    return summary.hexdigest()


def _begin(parts: Path, key: str) -> int:
    """Make the folder of the parts, or find out how many rows are there already.

    Raises:
        DataError: the parts there are of other images, or of another model.
        RunError: the folder cannot be written.
    """
    state = parts / "state.json"
    if not state.exists():
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir(parents=True)
        write_json(state, {"key": key})
        return 0
    try:
        known = json.loads(state.read_bytes()).get("key")
    except (ValueError, AttributeError):
        known = None
    if known != key:
        msg = f"{parts}: holds answers for other images, of another model, or with other options; "
        raise DataError(msg + "repeat the command as it was, or delete it")
    return sum(file.read_bytes().count(b"\n") for file in _finished(parts))


def _finished(parts: Path) -> list[Path]:
    return sorted(parts.glob("*.jsonl"))


def _classified(maker: RowMaker, places: Iterator[_Place]) -> Iterator[Row]:
    """A row for each image, in order."""
    for batch in _prepared(maker, places):
        rows = maker.rows([one for _, one in batch])
        for (name, _), row in zip(batch, rows, strict=True):
            yield {"path": name} | row


def _prepared(
    maker: RowMaker, places: Iterator[_Place]
) -> Iterator[list[tuple[str, NDArray[np.uint8] | str]]]:
    """Batches of names with images as the network takes them, or why one cannot be used.

    Some batches are decoded, in threads, while the caller works on one: no more, so that memory
    does not grow.
    """

    def prepare(read: Callable[[], Raw]) -> NDArray[np.uint8] | str:
        try:
            return maker.prepare(read())
        except UnusableImage as error:  # it cannot be read
            return error.reason

    size = maker.predictor.batch
    coming: deque[tuple[str, Future[NDArray[np.uint8] | str]]] = deque()
    with ThreadPoolExecutor(cores(), thread_name_prefix="decode") as pool:
        try:
            while True:
                for name, read in islice(places, (_AHEAD + 1) * size - len(coming)):
                    coming.append((name, pool.submit(prepare, read)))
                if not coming:
                    return
                batch = [coming.popleft() for _ in range(min(size, len(coming)))]
                yield [(name, future.result()) for name, future in batch]
        finally:
            for _, future in coming:
                future.cancel()


def _joined(out: Path, parts: Path, columns: Sequence[str], resumed: int) -> Bulk:
    """Make the table of its parts, and let them go.

    Raises:
        RunError: it cannot be written.
    """
    beside = part_of(out)
    write = {".parquet": _write_parquet, ".csv": _write_csv, ".jsonl": _write_lines}
    counts = [0, 0]

    def read() -> Iterator[list[Row]]:
        for file in _finished(parts):
            rows = [json.loads(line) for line in file.read_bytes().splitlines()]
            counts[0] += len(rows)
            counts[1] += sum(row["error"] is not None for row in rows)
            yield rows

    write[out.suffix.lower()](beside, columns, read())
    beside.replace(out)
    shutil.rmtree(parts, ignore_errors=True)
    return Bulk(out, counts[0], counts[1], resumed)


def _write_lines(path: Path, _: Sequence[str], parts: Iterable[list[Row]]) -> None:
    with path.open("w") as file:
        for rows in parts:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def _write_csv(path: Path, columns: Sequence[str], parts: Iterable[list[Row]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        for rows in parts:
            table.writerows(rows)


def _write_parquet(path: Path, columns: Sequence[str], parts: Iterable[list[Row]]) -> None:
    arrow, parquet = _arrow()
    kinds = {"probability": arrow.float32(), "unsure": arrow.bool_()}
    text = arrow.string()
    schema = arrow.schema([(name, kinds.get(name.rstrip(digits), text)) for name in columns])
    with parquet.ParquetWriter(path, schema) as file:
        for rows in parts:
            file.write_table(arrow.Table.from_pylist(rows, schema))


def _arrow() -> tuple[Any, Any]:
    """The library that writes Parquet.

    Raises:
        DeploymentError: it is not installed.
    """
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        msg = "a .parquet table needs pyarrow; pip install 'inceptionkit[data]', or write a .csv"
        raise DeploymentError(msg) from error
