"""`embed`: feature vectors of images, for search and clustering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.arguments import INPUTS, LISTENER, MODEL_OR_IMAGES
from inceptionkit.display import SHOWN
from inceptionkit.options import Option, verb
from inceptionkit.progress import Listener, Progress, Silence
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class EmbedRequest:
    """Which images to turn into features, and with which model."""

    model: Annotated[str | Path, MODEL_OR_IMAGES]
    paths: Annotated[Sequence[str | Path] | Path, INPUTS] = ()
    _: KW_ONLY
    out: Annotated[
        str | Path | None,
        Option(
            "File for the features: .npy with a row for each image, listed in a .csv beside it, "
            "or .parquet with the columns path, embedding and error.",
            "FILE.npy|.parquet",
        ),
    ] = None
    listener: Annotated[Listener | None, LISTENER] = SHOWN


@dataclass(frozen=True, repr=False)
class EmbedResult(Result):
    """Features of images.

    Attributes:
        model: that gave them.
        images: whose features they are, in their order; those that could not be used are left out.
        vectors: (images, features) float32: what the main classifier reads, not normalized.
        errors: image that could not be used -> why.
        out: what was written.
    """

    model: str
    images: tuple[str, ...]
    vectors: NDArray[np.float32]
    errors: Mapping[str, str]
    out: Path | None = None

    @property
    def failed(self) -> bool:
        """Whether an image could not be used."""
        return bool(self.errors)

    def to_json(self) -> dict[str, Any]:
        """What `embed --json` prints; the vectors where they are not in a file."""
        written = self.out is not None
        return {
            "model": self.model,
            "features": int(self.vectors.shape[1]),
            "images": list(self.images),
            "errors": dict(self.errors),
            "out": str(self.out) if written else None,
            **({} if written else {"vectors": self.vectors.tolist()}),
        }

    def _repr_html_(self) -> str:
        rows = zip(self.images, self.vectors[:, :8].tolist(), strict=True)
        return table(("image", f"first of {self.vectors.shape[1]} features"), list(rows)[:50])


@verb(EmbedRequest)
def embed(request: EmbedRequest) -> EmbedResult:
    """Compute a feature vector for each image, to search and to cluster by.

    Images that show similar things have vectors of a small angle (cosine distance).

    Raises:
        WeightsError: there is no model, it is damaged, or holds exported graphs alone.
        UnknownNameError: no released weights have that id.
        DataError: there is no image, or `out` is there already or is no such file.
        WriteError: `out` cannot be written.
    """
    import numpy as np
    from numpy.typing import NDArray

    from inceptionkit.convert.registry import model_and_images
    from inceptionkit.data.sources.inputs import inputs
    from inceptionkit.deployment.embedding import Embedder, check_out, write_embeddings
    from inceptionkit.text import printable

    out = None if request.out is None else Path(request.out)
    if out is not None:
        check_out(out)
    model, given = model_and_images(request.model, request.paths)
    every = [one for path in given for one in inputs(path)]
    files = [image for _, image, error in every if error is None]
    listener, done = request.listener or Silence(), list[NDArray[np.float32] | str]()
    for row in Embedder(model).embed(files):
        done.append(row)
        listener.progress(Progress(what="embedding", done=len(done), total=len(files)))
    left = iter(done)
    rows = [next(left) if error is None else error for _, _, error in every]
    names = [printable(str(file)) for file, _, _ in every]
    if out is not None:
        write_embeddings(out, names, rows)
    good = [row for row in rows if not isinstance(row, str)]
    return EmbedResult(
        model=str(model),
        images=tuple(n for n, row in zip(names, rows, strict=True) if not isinstance(row, str)),
        vectors=np.stack(good) if good else np.zeros((0, 0), np.float32),
        errors={n: row for n, row in zip(names, rows, strict=True) if isinstance(row, str)},
        out=out,
    )
