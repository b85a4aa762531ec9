"""Models in engines for data on many machines: Ray Data and Spark.

>>> from inceptionkit.batch import Classifier
>>> Classifier("runs/flowers-001", threads=2)
Classifier('runs/flowers-001', threads=2)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from inceptionkit.deployment.load import load_predictor
from inceptionkit.deployment.rows import ANSWER_COLUMNS, RowMaker, row_maker
from inceptionkit.errors import DataError, InceptionError
from inceptionkit.evaluation.early_exit import AnyPolicy, parse_early_exit
from inceptionkit.evaluation.predictor import Pixels
from inceptionkit.model import model_folder
from inceptionkit.model.folder import CARD

__all__ = ["Classifier"]

Engine: TypeAlias = Literal["auto", "openvino", "onnxruntime", "torch"]
_IMAGES = ("image", "bytes", "content")  # as Ray, Hugging Face and Spark call them


class Classifier:
    """Classifies batches of rows; give it to Ray Data's `map_batches` or Spark's `mapInPandas`.

    A row comes back without its image, with the columns `label`, `probability`, `exit` and `error`;
    other columns stay. An image that cannot be used has an `error`, and null in the three others.

    A process loads the model when its first batch comes, once for all Classifiers of this model.

    Attributes:
        ANSWER: the columns that are added, as a schema of Spark's.
    """

    ANSWER = "label string, probability float, exit string, error string"

    def __init__(
        self,
        model: str | Path,
        *,
        column: str | None = None,
        early_exit: str | float | AnyPolicy | None = None,
        engine: Engine = "auto",
        threads: int = 1,
    ) -> None:
        """State how images are classified.

        Args:
            model: as `inceptionkit.load` takes it; every worker reads it there.
            column: that holds the images: the bytes of a file, (height, width, 3) uint8 RGB, or a
                struct with such bytes; None for the first of `image`, `bytes` and `content`.
            early_exit: when to stop at an exit: a confidence, "stored", or never if None.
            engine: what computes.
            threads: of the engine, in each worker; one is best where each core has a worker.

        Raises:
            RecipeError: `early_exit` is none.
        """
        place = Path(model).expanduser()
        self.model = str(place.absolute() if place.exists() else model)  # workers start elsewhere
        self.column = column
        self.policy = parse_early_exit(early_exit)
        self.engine, self.threads = engine, threads

    def __call__(self, batch: Any) -> Any:  # noqa: ANN401 - of types that may not be installed
        """Classify a batch.

        Args:
            batch: columns by name, as numpy arrays or a pandas DataFrame; or an iterator of
                DataFrames.

        Returns:
            The same kind; of an iterator, one that classifies as it is read.

        Raises:
            DataError: no column holds images.
            WeightsError: there is no model, or it is damaged.
            DeploymentError: the engine is not installed, or cannot run the model.
            RecipeError: the stored policy is asked for, and the model has none.
        """
        if isinstance(batch, Mapping):
            return self._columns(batch)
        if hasattr(batch, "columns"):
            return self._frame(batch)
        return map(self._frame, batch)

    def __repr__(self) -> str:
        more = {"column": self.column, "early_exit": self.policy, "engine": self.engine}
        given = [f"{k}={v!r}" for k, v in more.items() if v not in (None, "auto")]
        return f"Classifier({', '.join([repr(self.model), *given, f'threads={self.threads}'])})"

    def _columns(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        column = self._column_of(list(batch))
        rest = {name: values for name, values in batch.items() if name != column}
        return rest | self._answers(batch[column])

    def _frame(self, frame: Any) -> Any:  # noqa: ANN401 - pandas has no types of its own
        column = self._column_of([str(name) for name in frame.columns])
        return frame.drop(columns=[column]).assign(**self._answers(frame[column]))

    def _column_of(self, names: Sequence[str]) -> str:
        """The column of the images.

        Raises:
            DataError: it is not there, or an answer's column is there already.
        """
        wanted = _IMAGES if self.column is None else (self.column,)
        found = next((name for name in wanted if name in names), None)
        if found is None:
            msg = f"no column {' or '.join(wanted)}; there are {', '.join(names) or 'none'}: "
            raise DataError(msg + "say which holds the images by column=")
        taken = [name for name in ANSWER_COLUMNS if name in names and name != found]
        if taken:
            msg = (
                f"there is a column {taken[0]!r} already; rename it, for the answers have that name"
            )
            raise DataError(msg)
        return found

    def _answers(self, images: Iterable[Any]) -> dict[str, Any]:
        """The columns of the answers."""
        written = _written_at(self.model)
        maker = _maker(self.model, self.policy, self.engine, self.threads, written)
        rows, left = [], iter(images)
        while some := list(islice(left, maker.predictor.batch)):
            rows += maker.rows([_prepared(maker, one) for one in some])
        found = {name: np.array([row[name] for row in rows], object) for name in ANSWER_COLUMNS}
        return found | {"probability": found["probability"].astype(np.float32)}  # NaN if none


def _prepared(maker: RowMaker, value: object) -> Pixels | str:
    """An image as the network takes it, or why it cannot be used. Text is not taken for a path."""
    if isinstance(value, Mapping):
        value = value.get("bytes")
    if isinstance(value, bytearray | memoryview):
        value = bytes(value)
    if isinstance(value, bytes | np.ndarray):
        return maker.prepare(value)
    return f"an image must be the bytes of a file or a uint8 array, got {type(value).__name__}"


@lru_cache(maxsize=4)
def _maker(
    model: str,
    policy: AnyPolicy | None,
    engine: Engine,
    threads: int,
    written: int,  # a model that was replaced is loaded again  # noqa: ARG001
) -> RowMaker:
    predictor = load_predictor(model, engine=engine, threads=threads, mode="throughput")
    return row_maker(predictor, policy, model)


def _written_at(model: str) -> int:
    """When a model's card was written, in nanoseconds; 0 of what is no folder."""
    try:
        return (model_folder(Path(model)) / CARD).stat().st_mtime_ns
    except (OSError, InceptionError):
        return 0
