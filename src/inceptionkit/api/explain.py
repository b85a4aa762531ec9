"""`explain`: heat maps of the image regions behind each prediction."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from inceptionkit.arguments import IMAGES, MODEL, ON_ANSWER
from inceptionkit.options import Option, several, verb
from inceptionkit.results import Result

if TYPE_CHECKING:
    from inceptionkit.evaluation.explain.explanation import Explanation


@dataclass(frozen=True)
class ExplainRequest:
    """Which images to explain, and how."""

    model: Annotated[str | Path, MODEL]
    paths: Annotated[Sequence[str | Path] | Path, IMAGES]
    _: KW_ONLY
    method: Annotated[
        Literal["cam", "gradcam", "occlusion"],
        Option(
            "cam (class activation maps, exact where the head averages and then classifies), "
            "gradcam, or occlusion, which is slow."
        ),
    ] = "cam"
    exits: Annotated[
        str | Sequence[str] | None,
        Option("Exits to explain, main among them.", "EXIT,...", default="all"),
    ] = None
    class_: Annotated[
        str | None, Option("Class to explain.", default="the one that main predicts")
    ] = None
    out: Annotated[
        str | Path | None,
        Option("PNG file to write.", "FILE.png", default="the next free explained.png"),
    ] = None
    overwrite: Annotated[bool, Option("Replace the file if it is there.")] = False
    on_answer: Annotated[Callable[[Explanation], object] | None, ON_ANSWER] = None


@dataclass(frozen=True, repr=False)
class ExplainResult(Result):
    """Where each exit looks.

    Attributes:
        explanations: in the order of the images; with an error for one that could not be used.
    """

    explanations: tuple[Explanation, ...]

    @property
    def pictures(self) -> tuple[Path, ...]:
        """The files that were drawn."""
        every = (one.picture for one in self.explanations)
        return tuple(dict.fromkeys(picture for picture in every if picture is not None))

    @property
    def failed(self) -> bool:
        """Whether an image could not be used."""
        return any(one.error is not None for one in self.explanations)

    def to_json(self) -> dict[str, Any]:
        """The explanations; `explain --json` prints one on each line."""
        return {"explanations": [one.to_json() for one in self.explanations]}

    def _repr_html_(self) -> str:
        pictures = (b64encode(picture.read_bytes()).decode() for picture in self.pictures)
        return "".join(f'<img src="data:image/png;base64,{one}">' for one in pictures)

    def _repr_png_(self) -> bytes | None:
        """The first picture, where HTML is not shown."""
        return self.pictures[0].read_bytes() if self.pictures else None


@verb(ExplainRequest)
def explain(request: ExplainRequest) -> ExplainResult:
    """Draw heat maps of the image regions behind each prediction.

    One row per image, one column per exit.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: there is no such method, exit or class.
        RecipeError: `out` is no PNG file.
        RunError: `out` is there already, or cannot be written.
    """
    from inceptionkit.evaluation.classifier import load
    from inceptionkit.evaluation.explain.files import explain_files

    found, exits = [], request.exits or ()
    for explanation in explain_files(
        load(request.model),
        several(request.paths),
        method=request.method,
        exits=[name.strip() for name in exits.split(",")] if isinstance(exits, str) else exits,
        class_=request.class_,
        out=None if request.out is None else Path(request.out),
        overwrite=request.overwrite,
    ):
        found.append(explanation)
        if request.on_answer is not None:
            request.on_answer(explanation)
    return ExplainResult(tuple(found))
