"""Feature vectors of images: what the main classifier of a model reads. No torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.convert.registry import read_weights
from inceptionkit.deployment.load import ENGINE_TYPES
from inceptionkit.deployment.onnx import EMBEDDING, embedding
from inceptionkit.errors import DataError
from inceptionkit.files import write_whole
from inceptionkit.machine import cores
from inceptionkit.preprocess import Preprocessing, UnusableImage, as_rgb

_BATCH = 32  # images at once
SUFFIXES = (".npy", ".parquet")


class Embedder:
    """A model up to its main classifier.

    Attributes:
        card: what the model folder says of it.
    """

    def __init__(self, model: str | Path) -> None:
        """Load a trained model, as `load` takes it.

        Raises:
            WeightsError: there is no model, it is damaged, or holds exported graphs alone.
            UnknownNameError: no released weights have that id.
            DeploymentError: no engine is installed.
        """
        self.card, tensors = read_weights(model)
        how = self.card.preprocessing
        graph = embedding(self.card.architecture, tensors, how)
        name = next((name for name in ENGINE_TYPES if find_spec(name)), "onnxruntime")
        self._engine = ENGINE_TYPES[name](
            graph.SerializeToString(), size=how.size, threads=cores(), mode="throughput"
        )

    def embed(
        self, images: Sequence[str | Path | Callable[[], bytes]]
    ) -> Iterator[NDArray[np.float32] | str]:
        """The features of each image, (features,), or why it cannot be used; in their order.

        Args:
            images: files, or what reads the bytes of one.
        """
        prepare = partial(_prepared, how=self.card.preprocessing)
        with ThreadPoolExecutor(cores()) as pool:
            for start in range(0, len(images), _BATCH):
                found = list(pool.map(prepare, images[start : start + _BATCH]))
                pixels = [one for one in found if not isinstance(one, str)]
                vectors = iter(self._engine(np.stack(pixels))[EMBEDDING] if pixels else ())
                for one in found:
                    yield one if isinstance(one, str) else np.array(next(vectors), np.float32)


def _prepared(
    image: str | Path | Callable[[], bytes], how: Preprocessing
) -> NDArray[np.uint8] | str:
    try:
        return how.fit(as_rgb(image() if callable(image) else image, how.depth))
    except UnusableImage as error:
        return error.reason


def write_embeddings(
    out: Path, names: Sequence[str], rows: Sequence[NDArray[np.float32] | str]
) -> None:
    """Write features to a .npy file with a listing beside it, or to a .parquet file.

    In the array there is a row for each image that could be used, in order; NAME.csv says which
    image a row is, and why others have none. In the table every image has a row.

    Raises:
        DataError: pyarrow is not installed.
        WriteError: a file cannot be written.
    """
    vectors = [row for row in rows if not isinstance(row, str)]
    if out.suffix == ".parquet":
        write_whole(out, _parquet(names, rows, len(vectors[0]) if vectors else 0))
        return
    buffer, listing = io.BytesIO(), io.StringIO()
    np.save(buffer, np.stack(vectors) if vectors else np.zeros((0, 0), np.float32))
    table, number = csv.writer(listing), 0
    table.writerow(("row", "path", "error"))
    for name, row in zip(names, rows, strict=True):
        usable = not isinstance(row, str)
        table.writerow((number, name, "") if usable else ("", name, row))
        number += usable
    write_whole(listing_of(out), listing.getvalue())
    write_whole(out, buffer.getvalue())


def listing_of(out: Path) -> Path:
    """The file that says which image each row of a .npy file is."""
    return out.with_suffix(".csv")


def check_out(out: Path) -> None:
    """Refuse a file that is there already, or that features cannot be written to.

    Raises:
        DataError: it is so.
    """
    if out.suffix not in SUFFIXES:
        msg = f"{out}: features are written to a .npy or a .parquet file; name one of these"
        raise DataError(msg)
    if out.suffix == ".parquet" and not find_spec("pyarrow"):
        msg = f"{out}: needs pyarrow; pip install 'inceptionkit[data]', or name a .npy file"
        raise DataError(msg)
    for place in (out, *[listing_of(out)] * (out.suffix == ".npy")):
        if place.exists():
            msg = f"{place}: is there already; choose another --out, or remove it"
            raise DataError(msg)


def _parquet(
    names: Sequence[str], rows: Sequence[NDArray[np.float32] | str], features: int
) -> bytes:
    """A table of path, embedding and error, a row for each image."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    values: list[Any] = [None if isinstance(row, str) else row for row in rows]
    columns = {
        "path": pa.array(list(names), pa.string()),
        "embedding": pa.array(values, pa.list_(pa.float32(), features)),
        "error": pa.array([row if isinstance(row, str) else None for row in rows], pa.string()),
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()
