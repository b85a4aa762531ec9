"""`predict`: files and folders of images through a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from inceptionkit.arguments import DEVICE, EARLY_EXIT, INPUTS, MODEL_OR_IMAGES, ON_ANSWER
from inceptionkit.evaluation.answer import Answer
from inceptionkit.options import Option, several, verb
from inceptionkit.progress import Progress
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.deployment.bulk import Bulk
    from inceptionkit.evaluation.early_exit import AnyPolicy


@dataclass(frozen=True)
class PredictRequest:
    """Which images to classify, and with which model."""

    model: Annotated[str | Path, MODEL_OR_IMAGES]
    paths: Annotated[Sequence[str | Path] | Path, INPUTS] = ()
    _: KW_ONLY
    early_exit: Annotated[str | float | AnyPolicy | None, EARLY_EXIT] = None
    out: Annotated[
        str | Path | None,
        Option(
            "Table to write instead of printing answers, a row for each image; PATH may then be "
            "whatever `train` reads. Interrupted, the same command goes on.",
            "FILE.parquet|.csv|.jsonl",
            also=("--csv",),
        ),
    ] = None
    top: Annotated[
        int | None, Option("Labels to give of each image.", "K", default="1, in JSON 5", min=1)
    ] = None
    unsure_below: Annotated[
        float,
        Option(
            "Mark answers of a lower confidence (0 to 1) as unsure.", "CONFIDENCE", min=0, max=1
        ),
    ] = 0.5
    draw: Annotated[
        str | Path | None,
        Option("Write copies of the images with their labels into this folder.", "FOLDER"),
    ] = None
    device: Annotated[str | None, replace(DEVICE, default="the CPU")] = None
    on_answer: Annotated[Callable[[Answer | Progress | Bulk | str], object] | None, ON_ANSWER] = (
        None  # with a sentence, where a model answers that was not asked for
    )


@dataclass(frozen=True, repr=False)
class PredictResult(Result):
    """What the model says of each image.

    Attributes:
        answers: in the order of the images; with an error for one that cannot be used, a path that
            does not exist and a folder without images.
        failed: whether there is such an error.
        written: what `out` asks for; there are no answers then.
    """

    answers: tuple[Answer, ...]
    failed: bool
    written: Bulk | None = None

    def to_json(self) -> dict[str, Any]:
        """The answers; `predict --json` prints one on each line."""
        if self.written is not None:
            return asdict(self.written) | {"out": str(self.written.out)}
        return {"answers": [answer.to_json() for answer in self.answers]}

    def _repr_html_(self) -> str:
        keys = ("path", "label", "probability", "exit", "error")
        rows = [answer.to_json() for answer in self.answers]
        return table(keys, [[row.get(key, "") for key in keys] for row in rows])


@verb(PredictRequest)
def predict(request: PredictRequest) -> PredictResult:  # noqa: C901 - who answers, and where
    """Classify images, one answer each; an image that cannot be read is reported and skipped.

    Without a model, the one that ships with the package answers: it knows 300 common scenes and
    objects.

    Raises:
        WeightsError: there is no model, or it is damaged.
        RecipeError: the stored policy is asked for, and the model has none.
        DataError: no image is given, or `out` is there already or is no table.
    """
    from inceptionkit.data.sources.inputs import Given, inputs
    from inceptionkit.deployment.load import load_predictor
    from inceptionkit.evaluation.early_exit import of_model, parse_early_exit
    from inceptionkit.evaluation.predictor import TOP
    from inceptionkit.preprocess import UnusableImage, as_rgb
    from inceptionkit.text import printable

    policy, model, paths = None, request.model, request.paths
    if request.early_exit is not None:
        policy = parse_early_exit(request.early_exit)
    if not paths or not any((Path(model) / it).is_file() for it in ("run.json", "model.json")):
        from inceptionkit.convert.registry import model_and_images

        model, paths = model_and_images(model, paths)
    if request.out is not None:
        from inceptionkit.deployment.bulk import predict_into

        given, report = several(paths), request.on_answer or (lambda _: None)
        written = predict_into(request.out, model, given, policy, report, device=request.device)
        report(written)
        return PredictResult((), failed=False, written=written)
    files: list[Given] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        place = Path(path).expanduser()
        files += [(place, place, None)] if place.is_file() else inputs(path)
    copies = None
    if request.draw is not None:
        from inceptionkit.evaluation.labelled import Copies

        copies = Copies(request.draw, [image for _, image, _ in files])
    predictor = load_predictor(model, images=len(files), device=request.device)
    if policy is not None:
        policy = of_model(policy, predictor.card, str(model))
    if model != request.model and request.on_answer is not None:
        knows, right = predictor.card.origin.get("knows"), predictor.card.metrics.get("top1") or 0
        request.on_answer(f"{model}: knows {knows}, and names {right:.0%} of them right")
    found = []
    for name, image, missing in files:
        prediction, error, unsure = None, missing, False
        try:
            if not missing:
                content = image() if callable(image) else image
                (prediction,) = predictor.predict([content], policy, top=request.top or TOP)
                unsure = prediction.probability < request.unsure_below
                if copies is not None:
                    copies.draw(str(name), as_rgb(content), prediction)
        except UnusableImage as unusable:
            error = unusable.reason
        answer = Answer(printable(str(name)), prediction, error, unsure)
        found.append(answer)
        if request.on_answer is not None:
            request.on_answer(answer)
    return PredictResult(tuple(found), failed=any(answer.error is not None for answer in found))
